"""One good request for every bound row: what the laws over the registry send.

A row whose parameters are found by their names, and that takes no body, needs nothing here. Any other is told its values
in ADDRESSES, QUERIES or BODIES; a law fails for a new row until they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote
from uuid import uuid4

from podium.kernel.blobs import Blobs
from podium.kernel.contract import Folder, Param, Row
from podium.kernel.permission import compile_gate
from podium.orchestrator.exports import loops as exports
from podium.orchestrator.jobs.rules import State

from .builders import ODATA, Given, nupkg

if TYPE_CHECKING:
    from .conftest import Caller

Json = dict[str, Any]

HOST = {
    "x-robot-machine": "host-1",
    "x-robot-version": "25.10.1",
    "x-robot-agent": "OS=Linux",
    "x-robot-capabilities": "function/python",
}
DUMMIES: Mapping[str, str] = {
    "integer": "999999999",
    "uuid": "00000000-0000-4000-8000-00000000dead",
    "boolean": "false",
    "date-time": "2026-01-01T00:00:00Z",
}
SET_STATE = "UPDATE orchestrator.jobs SET state = $3 WHERE tenant_id = $1 AND id = $2"
FAIL_ITEM = "UPDATE orchestrator.queue_items SET state = 2 WHERE tenant_id = $1 AND id = $2"
ADD_INBOX = """
INSERT INTO orchestrator.job_triggers (tenant_id, job_id, type, inbox_id, payload, created_at)
VALUES ($1, $2, 'Api', $3, $4::jsonb, $5)
"""
ROLE = "SELECT id AS \"Id\" FROM orchestrator.roles WHERE tenant_id = $1 AND name = 'Automation User'"
ROBOT_KEY = 'SELECT key::text AS "Key" FROM orchestrator.robots WHERE tenant_id = $1 AND id = $2'
SESSION = 'SELECT id AS "Id" FROM orchestrator.sessions WHERE tenant_id = $1 AND machine_id = $2'


@dataclass(frozen=True)
class The:
    """A value of a thing: `The("job.Id")`."""

    name: str


# Parameter -> value, by the entity set of the address and the parameter's name; `*` is every set.
ADDRESSES: Mapping[tuple[str, str], object] = {
    ("Assets", "assetName"): The("asset.Name"),
    ("AuditLogs", "auditLogId"): The("audit_entry.Id"),
    ("Assets", "id"): The("asset.Id"),
    ("Assets", "key"): The("asset.Id"),
    ("Attachments", "key"): The("attachment.Id"),
    ("Buckets", "id"): The("bucket.Id"),
    ("Buckets", "identifier"): The("bucket.Identifier"),
    ("Buckets", "key"): The("bucket.Id"),
    ("CredentialStores", "key"): The("credential_store.Id"),
    ("CredentialStores", "resourceType"): "AssetCredential",
    ("Exports", "key"): The("export.Id"),
    ("Folders", "key"): The("folder.Id"),
    ("Folders", "identifier"): The("folder.Key"),
    ("Jobs", "key"): The("job.Id"),
    ("Jobs", "identifier"): The("job.Key"),
    ("Machines", "key"): The("machine.Id"),
    ("PersonalWorkspaces", "key"): The("workspace.Id"),
    ("Processes", "key"): The("package.Key"),
    ("Processes", "processId"): The("package.Id"),
    ("QueueDefinitions", "key"): The("queue.Id"),
    ("QueueDefinitions", "id"): The("queue.Id"),
    ("QueueDefinitions", "identifier"): The("queue.Key"),
    ("QueueDefinitions", "jsonSchemaType"): "SpecificData",
    ("QueueItemComments", "key"): The("queue_item_comment.Id"),
    ("QueueItemEvents", "key"): The("queue_item_event.Id"),
    ("QueueItems", "key"): The("queue_item.Id"),
    ("QueueProcessingRecords", "daysNo"): "1",
    ("QueueProcessingRecords", "queueDefinitionId"): The("queue.Id"),
    ("QueueRetention", "key"): The("queue.Id"),
    ("Releases", "key"): The("process.Id"),
    ("Releases", "identifier"): The("process.Key"),
    ("Robots", "key"): The("robot.Id"),
    ("Robots", "processId"): The("process.Id"),
    ("Sessions", "key"): The("session.Id"),
    ("Tenants", "key"): The("other_tenant.Id"),
    ("OrganizationUnits", "key"): The("folder.Id"),
    ("Roles", "key"): The("own_role.Id"),
    ("Settings", "key"): "Abp.Timing.TimeZone",
    ("Settings", "scope"): "1",
    ("Settings", "storeTypeName"): "HashiCorpVault",
    ("Users", "key"): The("member.Id"),
    ("Users", "userId"): The("member.Id"),
    ("Users", "userIds"): The("member.Id"),
    ("*", "folderId"): The("folder.Id"),
    ("*", "inboxId"): The("inbox.Id"),
    ("*", "includeInherited"): "true",
    ("*", "jobId"): The("job.Id"),
    ("*", "jobKey"): The("job.Key"),
    ("*", "licenseKey"): The("machine.LicenseKey"),
    ("*", "machineId"): The("machine.Id"),
    ("*", "persistenceId"): The("saved_state.Id"),
    ("*", "secretId"): The("secret.id"),
    ("*", "queueItemId"): The("queue_item.Id"),
    ("*", "queueName"): The("queue.Name"),
    ("*", "skip"): "0",
    ("*", "take"): "10",
    ("*", "username"): "admin",
}
# Where the same words mean another thing.
ADDRESSES_OF_ROW: Mapping[str, Mapping[str, object]] = {
    "Assets_GetRobotAssetByRobotId": {"robotId": The("robot.Id")},
    "Assets_GetRobotAssetByRobotidAndAssetname": {"robotId": The("robot_key.Key")},
    "CredentialStores_GetResourcesForCredentialStoreTypesByKeyAndResourcetype": {"key": The("used_store.Id")},
    "Folders_DeleteById": {"key": The("spare.Id")},
    "Folders_MoveFolderByFolderid": {"folderId": The("spare.Id")},
    "JobTriggers_DeliverPayloadByInboxid": {"inboxId": The("empty_inbox.Id")},
    "Machines_DeleteById": {"key": The("idle_machine.Id")},
    "OrganizationUnits_DeleteById": {"key": The("spare.Id")},
    "PersonalWorkspaces_StartExploringById": {"key": The("others_workspace.Id")},
    "PersonalWorkspaces_StopExploringById": {"key": The("explored.Id")},
    "Releases_RollbackToPreviousReleaseVersionById": {"key": The("upgraded.Id")},
    "Releases_RollbackToPreviousReleaseVersionByKeyByIdentifier": {"identifier": The("upgraded.Key")},
    "Releases_DeleteById": {"key": The("idle_process.Id")},
    "Robots_GetInputFileAccess": {"jobKey": The("job_with_files.Key")},
    "Robots_GetOutputFileAccess": {"jobKey": The("job_with_files.Key")},
    "QueueItems_GetItemLastRetryByKey": {"key": The("queue_item.Key")},
    "QueueItems_SetTransactionProgressById": {"key": The("transaction.Id")},
    "Queues_SetTransactionResultById": {"key": The("transaction.Id")},
    "Sessions_GetMachineSessionsByKey": {"key": The("machine.Id")},
    "Tenants_DeleteById": {"key": The("closed_tenant.Id")},
}
# Parameters of the query without which a row is refused although the contract calls them optional.
QUERIES: Mapping[str, Mapping[str, object]] = {
    "Access_Explain": {"permission": "Jobs.Create", "principal": The("member.UserName"), "folder": The("folder.Id")},
    "DirectoryService_GetDirectoryPermissions": {"username": "admin"},
    "DirectoryService_GetDomainUserId": {"userName": "admin"},
    "DirectoryService_SearchForUsersAndGroups": {"prefix": "adm"},
    "Buckets_DeleteFileByKey": {"path": "reports/total.txt"},
    "Buckets_GetFileByKey": {"path": The("file.path")},
    "Buckets_GetFilesByKey": {"recursive": "true"},
    "Buckets_GetReadUriByKey": {"path": The("file.path")},
    "Buckets_GetWriteUriByKey": {"path": "reports/total.txt"},
    "Folders_DeleteByKey": {"key": The("spare.Key")},
    "Folders_GetMoveFolderMachinesChanges": {"folderId": The("spare.Id"), "targetParentId": The("folder.Id")},
    "Folders_GetSubfoldersWithAssignedMachine": {"rootFolderId": The("folder.Id"), "machineId": The("machine.Id")},
    "Folders_MoveFolderByFolderid": {"targetParentId": The("folder.Id")},
    "Folders_PatchNameDescription": {"key": The("folder.Key")},
    "FoldersNavigation_GetAllRolesForUser": {"username": "admin", "skip": "0", "take": "10"},
    "FoldersNavigation_GetFolderNavigationContextForCurrentUser": {"folderId": The("folder.Id")},
    "PackageFeeds_GetFolderFeed": {"folderId": The("folder.Id")},
    "Releases_DeleteByKey": {"key": The("idle_process.Key")},
    "Status_VerifyHostAvailibility": {"url": "http://127.0.0.1:9/"},
}
MEMBERSHIP = {
    "UserIds": [The("stranger.Id")],
    "RolesPerFolder": [{"FolderId": The("folder.Id"), "RoleIds": [The("role.Id")]}],
}
IN_DIRECTORY = {
    "UserName": The("stranger.UserName"),
    "DirectoryIdentifier": The("stranger.DirectoryIdentifier"),
    "UserType": "DirectoryUser",
    "RolesPerFolder": MEMBERSHIP["RolesPerFolder"],
}
ASSIGNMENT = {"MachineIds": [The("idle_machine.Id")], "FolderIds": [The("folder.Id")]}
START = {"startInfo": {"ReleaseKey": The("process.Key"), "JobsCount": 1}}
RELEASE = {"Name": "Another", "ProcessKey": The("package.Id"), "ProcessVersion": "1.0.0"}
ROBOT = {"Name": "R9", "Type": "Unattended", "HostingType": "Floating", "Username": "acme\\r9"}
PASSWORD = {"CredentialPassword": "fern and moss 41"}
LOG = {"message": "Done", "level": "Information", "timeStamp": "2026-03-02T12:00:00Z", "fingerprint": str(uuid4())}
SETTING = {"Name": "Abp.Timing.TimeZone", "Value": "UTC"}
LICENSE = {"environment": "e", "licenseKey": "k"}
VAULT = '{"VaultUri": "https://vault.acme.test", "AuthenticationType": "Token", "Token": "t", "SecretsEngine": "KeyValueV2"}'
BODIES: Mapping[str, object] = {
    "Assets_GetRobotAssetByNameForRobotKey": {"assetName": The("asset.Name"), "robotKey": The("robot_key.Key")},
    "Assets_Post": {"Name": "Made", "ValueScope": "Global", "ValueType": "Text", "StringValue": "made"},
    "Assets_PutById": {"Name": "Replaced", "ValueScope": "Global", "ValueType": "Text", "StringValue": "replaced"},
    "Assets_SetRobotAssetByRobotKey": {
        "robotKey": The("robot_key.Key"),
        "robotAsset": {"Name": The("asset.Name"), "ValueType": "Credential", "CredentialUsername": "b", **PASSWORD},
    },
    "Assets_ShareToFolders": {"AssetIds": [The("asset.Id")], "ToAddFolderIds": [The("spare.Id")]},
    "Buckets_Post": {"Name": "Made", "Identifier": str(uuid4())},
    "Buckets_PutById": {"Name": "Replaced"},
    "Buckets_ShareToFolders": {"BucketIds": [The("bucket.Id")], "ToAddFolderIds": [The("spare.Id")]},
    "Attachments_Post": {"Name": "total.txt"},
    "CredentialStores_Post": {"Name": "Made", "Type": "HashiCorpVault", "AdditionalConfiguration": VAULT},
    "CredentialStores_PutById": {"Name": "Replaced", "Type": "HashiCorpVault", "AdditionalConfiguration": VAULT},
    "CredentialStores_SetDefaultStoreForResourceTypeById": {"resourceType": "AssetCredential"},
    "Folders_AssignDirectoryUser": {"assignment": IN_DIRECTORY},
    "Folders_AssignDomainUser": {"assignment": IN_DIRECTORY},
    "Folders_AssignMachines": {"assignments": ASSIGNMENT},
    "Folders_AssignUsers": {"assignments": MEMBERSHIP},
    "Folders_PatchNameDescription": {"name": "Renamed"},
    "Folders_Post": {"DisplayName": "Made"},
    "Folders_PutById": {"DisplayName": "Replaced"},
    "Folders_RemoveMachinesFromFolderById": {"machineIds": [The("machine.Id")]},
    "Folders_RemoveUserFromFolderById": {"userId": The("member.Id")},
    "Folders_RemoveUserFromFolderByKey": {"userKey": The("member.Key")},
    "Folders_ToggleFolderMachineInherit": {
        "FolderId": The("folder.Id"),
        "MachineId": The("machine.Id"),
        "InheritEnabled": True,
    },
    "Folders_UpdateMachinesToFolderAssociations": {
        "associations": {
            "FolderId": The("folder.Id"),
            "AddedMachineIds": [The("idle_machine.Id")],
            "RemovedMachineIds": [],
        }
    },
    "JobAttachments_Post": {"attachmentId": The("attachment.Id"), "jobKey": The("job.Key")},
    "JobTriggers_DeliverPayloadByInboxid": {"payload": {"answer": 1}},
    "JobTriggers_SaveExternalTrigger": {"type": "DeepRag", "externalId": "rag-1"},
    "Jobs_RestartJob": {"jobId": The("ended_job.Id")},
    "Jobs_ResumeJob": {"jobKey": The("suspended_job.Key")},
    "Jobs_StartJobs": START,
    "Jobs_StopJobById": {"strategy": "SoftStop"},
    "Jobs_StopJobs": {"jobIds": [The("job.Id")], "strategy": "SoftStop"},
    "Jobs_ValidateDynamicJob": START,
    "Logs_Post": LOG,
    "Logs_SubmitLogs": [LOG],
    "Machines_DeleteBulk": {"machineIds": [The("idle_machine.Id")]},
    "Machines_PatchById": {"Description": "Patched"},
    "Machines_Post": {"Name": "Made"},
    "Machines_PutById": {"Name": "Replaced"},
    "OrganizationUnits_Post": {"DisplayName": "Unit"},
    "OrganizationUnits_PutById": {"DisplayName": "Renamed"},
    "OrganizationUnits_SetUsersById": {"addedUserIds": [The("stranger.Id")], "removedUserIds": []},
    "PersonalWorkspaces_ConvertToFolderById": {"folderName": "Converted"},
    "Processes_SetArguments": {"key": The("package.Key"), "arguments": {"Input": "[]", "Output": "[]"}},
    "QueueDefinitions_CreateQueue": {"Name": "Made", "RetentionAction": "Delete", "RetentionPeriod": 30},
    "QueueDefinitions_EditQueue": {"Id": The("queue.Id"), "Name": "Edited"},
    "QueueDefinitions_Post": {"Name": "Made"},
    "QueueDefinitions_PutById": {"Name": "Replaced"},
    "QueueDefinitions_ShareToFolders": {"QueueIds": [The("queue.Id")], "ToAddFolderIds": [The("spare.Id")]},
    "QueueItemComments_Post": {"QueueItemId": The("queue_item.Id"), "Text": "Looks odd"},
    "QueueItemComments_PutById": {"Text": "All good"},
    "Queues_AddQueueItem": {"itemData": {"Name": The("queue.Name"), "SpecificContent": {"Amount": 3}}},
    "Queues_BulkAddQueueItems": {
        "queueName": The("queue.Name"),
        "commitType": "AllOrNothing",
        "queueItems": [{"SpecificContent": {"Amount": 3}}],
    },
    "Queues_SetTransactionResultById": {"transactionResult": {"IsSuccessful": True}},
    "Queues_StartTransaction": {"transactionData": {"Name": The("queue.Name"), "SpecificContent": {"Amount": 3}}},
    "QueueItems_SetTransactionProgressById": {"progress": "half way"},
    "QueueItems_DeleteBulk": {"queueItems": [{"Id": The("queue_item.Id")}]},
    "QueueItems_ExecuteBulk": {"queueId": The("queue.Id"), "filter": "Id gt 0", "action": "Delete"},
    "QueueItems_PreviewBulk": {"queueId": The("queue.Id"), "filter": "Id gt 0"},
    "QueueItems_PutById": {"Progress": "edited", "Priority": "High"},
    "QueueItems_SetItemReviewStatus": {"status": "Verified", "queueItems": [{"Id": The("failed_item.Id")}]},
    "QueueItems_SetItemReviewer": {"userId": None, "queueItems": [{"Id": The("failed_item.Id")}]},
    "QueueItems_UnsetItemReviewer": {"queueItems": [{"Id": The("failed_item.Id")}]},
    "QueueRetention_PutById": {"Action": "Delete", "Period": 30},
    "Releases_CreateRelease": RELEASE,
    "Releases_PatchById": {"Description": "Patched"},
    "Releases_Post": RELEASE,
    "Releases_PutById": {"Name": "Replaced", "ProcessKey": The("process.ProcessKey"), "ProcessVersion": "1.0.0"},
    "Releases_UpdateByKey": {"releaseKey": The("process.Key"), "processVersion": "2.0.0"},
    "Releases_UpdateToLatestPackageVersionBulk": {"releaseIds": [The("process.Id")]},
    "Releases_UpdateToLatestPackageVersionBulkByKey": {"releaseKeys": [The("process.Key")]},
    "Releases_UpdateToSpecificPackageVersionById": {"packageVersion": "2.0.0"},
    "Releases_UpdateToSpecificPackageVersionByKeyByIdentifier": {"packageVersion": "2.0.0"},
    "Robots_ConvertToFloating": {"robotId": The("standard_robot.Id")},
    "Robots_DeleteBulk": {"robotIds": [The("robot.Id")]},
    "Robots_PatchById": {"Description": "Patched"},
    "Robots_Post": ROBOT,
    "Robots_PutById": ROBOT,
    "Robots_SubmitJobState": [],
    "Robots_ToggleEnabledStatus": {"robotIds": [The("robot.Id")], "enabled": False},
    "Roles_Post": {"Name": "Made", "Permissions": [{"Name": "Jobs.View", "IsGranted": True}]},
    "Roles_PutById": {"Name": "Replaced", "Permissions": [{"Name": "Audit.View", "IsGranted": True}]},
    "Roles_SetUsersById": {"addedUserIds": [The("member.Id")], "removedUserIds": []},
    "Sessions_DeleteInactiveUnattendedSessions": {"sessionIds": [The("gone_session.Id")]},
    "Sessions_SetMaintenanceMode": {"sessionId": The("session.Id"), "maintenanceMode": "Enabled"},
    "Settings_ActivateLicenseOnline": LICENSE,
    "Settings_DeleteBulk": {"settingNames": ["Abp.Timing.TimeZone"]},
    "Settings_GetLicenseOffline": LICENSE,
    "Settings_PutById": SETTING,
    "Settings_SetCalendar": {"ExcludedDates": ["2026-12-25T00:00:00Z"], "TimeZoneId": "UTC"},
    "Settings_UpdateBulk": {"settings": [SETTING]},
    "Settings_UpdateUserSetting": {"setting": SETTING},
    "Settings_VerifySmtpSetting": {"sendTo": "mora@acme.test", "smtpSettingModel": {"Host": "127.0.0.1", "Port": 1}},
    "Sessions_ToggleMachineSessionDebugModeById": {"enabled": True, "minutes": 5},
    "Users_AssignRolesById": {"roleIds": [The("own_role.Id")]},
    "Users_ChangeCulture": {"culture": "de"},
    "Users_ChangePassword": {"currentPassword": "a", "newPassword": "b"},
    "Users_ChangeUserCultureById": {"culture": "pt-BR"},
    "Users_PatchById": {"Name": "Patched"},
    "Users_Post": {"Type": "User", "UserName": f"made-{uuid4().hex}", "Password": "correct horse 7 battery"},
    "Users_PutById": {"Name": "Replaced"},
    "Users_SetActiveById": {"active": False},
    "Users_ToggleOrganizationUnitById": {"toggle": True, "organizationUnitId": The("spare.Id")},
    "Users_ToggleRoleById": {"role": "Tenant Administrator", "toggle": True},
    "Tenants_PatchById": {"DisplayName": "Patched"},
    "Tenants_Post": {"Name": The("free_name.Name")},
    "Tenants_SetActive": {"active": False, "tenantIds": [The("other_tenant.Id")]},
}
HEADERS: Mapping[str, Mapping[str, object]] = {
    "QueueItems_Import": {"content-type": "text/csv"},
    "JobTriggers_SaveExternalTrigger": {"x-uipath-jobkey": The("job.Key")},
}
FILES = {
    "Processes_UploadPackage": ("Fresh.1.0.0.nupkg", nupkg("Fresh")),
    "Robots_SuspendPersistentJob": ("state.db", b"state"),
    "Settings_ActivateLicenseOffline": ("licence.txt", b"none"),
    "Settings_UploadLicense": ("licence.txt", b"none"),
}
FORMS: Mapping[str, Mapping[str, object]] = {
    "Robots_SuspendPersistentJob": {"suspendJobDto": {"jobId": The("running_job.Key"), "resumeTriggers": []}},
}
CONTENTS = {"QueueItems_Import": b"Reference,Amount\nA-1,3\n"}
# Marked `robot` in the contract, but sent by the tray on behalf of a signed-in user.
SENT_BY_A_USER = frozenset({"Robots_GetConnectionData"})


@dataclass
class Request:
    """A request as `Caller.request` takes it."""

    method: str
    path: str
    body: object = None
    options: Json = field(default_factory=dict)


class Named:
    """Things by name, each made by the method of that name when it is first asked for."""

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    async def get(self, name: str) -> Any:
        """A thing, or a member of it after a dot."""
        thing, _, member = name.partition(".")
        if thing not in self._made:
            self._made[thing] = await getattr(self, f"_{thing}")()
        return self._made[thing][member] if member else self._made[thing]

    async def fill(self, value: object) -> Any:
        """A template with its things."""
        if isinstance(value, The):
            return await self.get(value.name)
        if isinstance(value, Mapping):
            return {name: await self.fill(each) for name, each in value.items()}
        if isinstance(value, list):
            return [await self.fill(each) for each in value]
        return value

    async def make_all(self) -> None:
        """Make one of everything."""
        for name in vars(type(self)):
            if name.startswith("_") and not name.startswith("__"):
                await self.get(name[1:])


class Things(Named):
    """The things of one tenant: `await things.get("job.Id")`."""

    def __init__(self, api: Caller) -> None:
        super().__init__()
        self.api = api
        self.given = Given(api)

    async def _folder(self) -> Json:
        return await self.given.folder("Home")

    async def _audit_entry(self) -> Json:
        await self.get("folder")
        page = await self.api.get("/odata/AuditLogs?$orderby=Id desc&$top=1")
        return dict(page["value"][0])

    async def _free_name(self) -> Json:
        return {"Name": f"T{uuid4().hex}"}

    async def _other_tenant(self) -> Json:
        return await self.tenant(is_active=True)

    async def _closed_tenant(self) -> Json:
        return await self.tenant(is_active=False)

    async def tenant(self, *, is_active: bool) -> Json:
        return dict(await self.api.post("/odata/Tenants", {"Name": f"T{uuid4().hex}", "IsActive": is_active}))

    async def _spare(self) -> Json:
        return await self.given.folder("Spare", await self.get("folder"))

    async def _machine(self) -> Json:
        return await self.given.machine("Atlas", folder=await self.get("folder"))

    async def _idle_machine(self) -> Json:
        return await self.given.machine("Idle")

    async def _secret(self) -> Json:
        secrets = await self.api.get(f"/api/clientsecrets/{await self.get('machine.LicenseKey')}")
        return dict(secrets[0])

    async def _package(self) -> Json:
        return await self.given.package("Loose")

    async def _process(self) -> Json:
        await self.given.package("Steady")
        await self.given.package("Steady", "2.0.0")
        return await self.given.process("Steady", package="Steady", folder=await self.get("folder"))

    async def _idle_process(self) -> Json:
        return await self.given.process("Idle", folder=await self.get("folder"))

    async def _upgraded(self) -> Json:
        await self.get("process")
        made = await self.given.process("Upgraded", package="Steady", folder=await self.get("folder"))
        path = f"/odata/Releases({made['Id']})/{ODATA}.UpdateToLatestPackageVersion"
        await self.api.post(path, folder=made["FolderId"])
        return made

    async def _job(self) -> Json:
        return await self.given.job(await self.get("process"), arguments={"amount": 3})

    async def _ended_job(self) -> Json:
        made = await self.given.job(await self.get("process"))
        stop = f"/odata/Jobs({made['Id']})/{ODATA}.StopJob"
        await self.api.post(stop, {"strategy": "Kill"}, folder=made["FolderId"])
        return made

    async def _suspended_job(self) -> Json:
        return await self.job_in(State.SUSPENDED)

    async def _running_job(self) -> Json:
        return await self.job_in(State.RUNNING)

    async def job_in(self, state: State) -> Json:
        made = await self.given.job(await self.get("process"))
        await self.api.node.rows(SET_STATE, self.api.tenant_id, made["Id"], state)
        return made

    async def _saved_state(self) -> Json:
        """What a job saved when it suspended itself."""
        job, id_ = await self.job_in(State.RUNNING), str(uuid4())
        told = {"jobId": job["Key"], "persistenceInstanceId": id_, "resumeVersion": 0, "resumeTriggers": []}
        robot, path = await self.robot(), "/api/RobotsService/SuspendPersistentJob"
        file, form = ("state.db", b"state", "application/octet-stream"), {"suspendJobDto": json.dumps(told)}
        await robot.request("POST", path, files={"file": file}, data=form, headers=HOST)
        return {"Id": id_}

    async def _job_with_files(self) -> Json:
        """A job with more input than a command carries."""
        return await self.given.job(await self.get("process"), arguments={"name": "x" * 20_000})

    async def _inbox(self) -> Json:
        return await self.inbox('{"answer": 1}')

    async def _empty_inbox(self) -> Json:
        return await self.inbox(None)

    async def inbox(self, payload: str | None) -> Json:
        id_, job_id = uuid4(), await self.get("suspended_job.Id")
        await self.api.node.rows(ADD_INBOX, self.api.tenant_id, job_id, id_, payload, self.api.node.clock())
        return {"Id": str(id_)}

    async def _robot(self) -> Json:
        body = {**ROBOT, "Name": "R1", "Username": "acme\\r1"}
        return dict(await self.api.post("/odata/Robots", body))

    async def _robot_key(self) -> Json:
        rows = await self.api.node.rows(ROBOT_KEY, self.api.tenant_id, await self.get("robot.Id"))
        return dict(rows[0])

    async def _standard_robot(self) -> Json:
        machine = await self.given.machine("Desk", type="Standard")
        body = {**ROBOT, "Name": "R2", "Username": "acme\\r2", "HostingType": "Standard", "MachineId": machine["Id"]}
        return dict(await self.api.post("/odata/Robots", body))

    async def _member(self) -> Json:
        """A user with a role in the folder, as the tenant knows it."""
        return await self.user("Automation User", folder=await self.get("folder.Id"))

    async def _stranger(self) -> Json:
        return await self.user()

    async def user(self, *roles: str, folder: int | None = None) -> Json:
        caller = await self.api.as_role(*roles, folder=folder)
        shown: Json = await self.api.get(f"/odata/Users({caller.user_id})")
        return {**shown, "caller": caller}

    async def _role(self) -> Json:
        rows = await self.api.node.rows(ROLE, self.api.tenant_id)
        return dict(rows[0])

    async def _own_role(self) -> Json:
        """A role that somebody made, held by the member."""
        body = {"Name": "Auditor", "Permissions": [{"Name": "Audit.View", "IsGranted": True}]}
        made = dict(await self.api.post("/odata/Roles", body))
        users = {"addedUserIds": [await self.get("member.Id")], "removedUserIds": []}
        await self.api.post(f"/odata/Roles({made['Id']})/{ODATA}.SetUsers", users)
        return made

    async def _asset(self) -> Json:
        body = {"Name": "Login", "ValueScope": "Global", "ValueType": "Credential", "CredentialUsername": "a"}
        made = await self.api.post("/odata/Assets", {**body, **PASSWORD}, folder=await self.get("folder.Id"))
        return dict(made)

    async def _queue(self) -> Json:
        return await self.given.queue(
            "Invoices", folder=await self.get("folder"), specific_data_json_schema='{"type": "object"}'
        )

    async def _bucket(self) -> Json:
        return await self.given.bucket("Reports", folder=await self.get("folder"))

    async def _file(self) -> Json:
        bucket, folder = await self.get("bucket"), await self.get("folder")
        return {"path": await self.given.file(bucket, "reports/total.txt", b"42", folder=folder)}

    async def _credential_store(self) -> Json:
        body = {"Name": "Vault", "Type": "HashiCorpVault", "AdditionalConfiguration": VAULT}
        return dict(await self.api.post("/odata/CredentialStores", body))

    async def _used_store(self) -> Json:
        """The one that every tenant has, with a credential in it."""
        await self.get("asset")
        found = await self.api.get("/odata/CredentialStores", params={"$filter": "Type eq 'Database'"})
        return dict(found["value"][0])

    async def _attachment(self) -> Json:
        body = {"Name": "total.txt", "JobKey": await self.get("job.Key")}
        return dict(await self.api.post("/odata/Attachments", body))

    async def _export(self) -> Json:
        await self.get("job")
        made = await self.api.post(f"/odata/Jobs/{ODATA}.Export", folder=await self.get("folder.Id"))
        for loop in exports.loops(self.api.node.port(Blobs)):
            await self.api.node.run_turn(loop.turn)
        return dict(made)

    async def _queue_item(self) -> Json:
        return await self.queue_item("Waits")

    async def _failed_item(self) -> Json:
        made = await self.queue_item("Failed")
        await self.api.node.rows(FAIL_ITEM, self.api.tenant_id, made["Id"])
        return made

    async def _transaction(self) -> Json:
        """An item that the administrator works on."""
        queue = await self.get("queue")
        body = {"transactionData": {"Name": queue["Name"], "Reference": "Taken", "SpecificContent": {"Amount": 3}}}
        path = "/odata/Queues/UiPathODataSvc.StartTransaction"
        return dict(await self.api.post(path, body, folder=await self.get("folder.Id")))

    async def queue_item(self, reference: str) -> Json:
        """An item of the folder's queue."""
        queue = await self.get("queue")
        body = {"itemData": {"Name": queue["Name"], "Reference": reference, "SpecificContent": {"Amount": 3}}}
        path = "/odata/Queues/UiPathODataSvc.AddQueueItem"
        return dict(await self.api.post(path, body, folder=await self.get("folder.Id")))

    async def _queue_item_comment(self) -> Json:
        body = {"QueueItemId": await self.get("queue_item.Id"), "Text": "Looks odd"}
        return dict(await self.api.post("/odata/QueueItemComments", body, folder=await self.get("folder.Id")))

    async def _queue_item_event(self) -> Json:
        await self.get("queue_item")
        page = await self.api.get("/odata/QueueItemEvents", folder=await self.get("folder.Id"))
        return dict(page["value"][0])

    async def _session(self) -> Json:
        robot = await self.robot()
        await robot.post("/api/RobotsService/StartService", {"serviceUserName": "svc"}, headers=HOST)
        rows = await self.api.node.rows(SESSION, self.api.tenant_id, await self.get("machine.Id"))
        return dict(rows[0])

    async def _gone_session(self) -> Json:
        session: Json = await self.get("session")
        robot = await self.robot()
        await robot.post("/api/RobotsService/StopService", {"serviceUserName": "svc"}, headers=HOST)
        return session

    async def _log(self) -> Json:
        entry = {**LOG, "jobId": await self.get("job.Key")}
        await self.api.post("/api/Logs", entry, folder=await self.get("folder.Id"))
        return entry

    async def _workspace(self) -> Json:
        await self.api.post("/api/StudioWeb/TryEnableFirstRun")
        return dict(await self.api.get(f"/odata/PersonalWorkspaces/{ODATA}.GetPersonalWorkspace"))

    async def _others_workspace(self) -> Json:
        return await self.workspace_of_another()

    async def workspace_of_another(self) -> Json:
        caller = (await self.user("Tenant Administrator"))["caller"]
        await caller.post("/api/StudioWeb/TryEnableFirstRun")
        return dict(await caller.get(f"/odata/PersonalWorkspaces/{ODATA}.GetPersonalWorkspace"))

    async def _explored(self) -> Json:
        made = await self.workspace_of_another()
        await self.api.post(f"/odata/PersonalWorkspaces({made['Id']})/{ODATA}.StartExploring")
        return made

    async def robot(self) -> Caller:
        """The machine of the folder, with nothing but its licence key."""
        return self.api.machine(await self.get("machine.LicenseKey"))


async def good_request(row: Row, things: Things) -> Request:
    """A request that the row answers well; its things are made. Raises LookupError when this file does not know how."""
    parameters = await good_address(row, things)
    queries = {param.name: _value(row, param) for param in row.query_params if param.required and not param.is_odata}
    options: Json = {"params": await things.fill({**queries, **QUERIES.get(row.id, {})}) or None}
    if row.folder is not Folder.NONE:
        options["folder"] = await things.get("folder.Id")
    options["headers"] = await things.fill(HEADERS.get(row.id, {}))
    if row.id in CONTENTS:
        options["content"] = CONTENTS[row.id]
    if row.id in FILES:
        options["files"] = {"file": (*FILES[row.id], "application/octet-stream")}
    if row.id in FORMS:
        form = await things.fill(FORMS[row.id])
        options["data"] = {name: json.dumps(value) for name, value in form.items()}
    elif row.body_model and row.id not in FILES and row.id not in BODIES:
        raise LookupError(f"tests/given.py knows no body for {row.id}")
    return Request(row.method, fill_path(row, parameters), await things.fill(BODIES.get(row.id)), options)


async def good_address(row: Row, things: Things) -> Json:
    """The parameters of the path by name, with things that are there."""
    return {param.name: await things.fill(_value(row, param)) for param in row.path_params}


def _value(row: Row, param: Param) -> object:
    entity_set = re.split(r"[/(]", row.path)[2]
    for found in (
        ADDRESSES_OF_ROW.get(row.id, {}).get(param.name),
        ADDRESSES.get((entity_set, param.name)),
        ADDRESSES.get(("*", param.name)),
    ):
        if found is not None:
            return found
    raise LookupError(f"tests/given.py knows no value for {param.name} of {row.id}")


def fill_path(row: Row, values: Mapping[str, object]) -> str:
    """The address with these values; parameters that are not named get one of their kind that fits nothing."""
    kinds = {param.name: param.kind for param in row.path_params}
    text = re.sub(
        r"\{(\w+)\}",
        lambda match: quote(str(values.get(match[1], DUMMIES.get(kinds[match[1]], "nothing"))), safe=":"),
        row.path,
    )
    is_facade = re.match(r"/(portal_|audit_|orgaudit_)/", text)
    return text if row.context == "orchestrator" or is_facade else f"/identity{text}"


def is_robots(row: Row) -> bool:
    """Whether the row is for machines and robots."""
    return compile_gate(row.permissions).robot and row.id not in SENT_BY_A_USER

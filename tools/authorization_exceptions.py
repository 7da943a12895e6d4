"""Cells of the authorization matrix that an operation decides by itself, beyond scope, permission and folder."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

APPLICATIONS = ("application without scope", "application with another scope", "application with the scope")
OF_OTHER_FOLDERS = ("viewer of another folder", "user of another folder", "administrator of another folder")
ORDINARY = (
    "administrator of another tenant",
    *OF_OTHER_FOLDERS,
    "viewer of the folder",
    "user of the folder",
    "administrator of the folder",
    "administrator of the tenant",
)
ADMINISTRATORS = ("administrator of the organization", "administrator of the host")
STRANGER = "administrator of another organization"
EVERYBODY = ("anonymous", "expired token", *APPLICATIONS, STRANGER, "robot", *ORDINARY, *ADMINISTRATORS)
VIEWERS_AND_ADMINISTRATORS = (
    "viewer of another folder",
    "administrator of another folder",
    "viewer of the folder",
    "administrator of the folder",
)


READS_OF_A_FOLDER = (
    "Folders_GetById",
    "Folders_GetByKeyByIdentifier",
    "Folders_GetEntitiesSummary",
    "Folders_GetMachinesForFolderByKey",
    "Folders_GetSubfoldersWithAssignedMachine",
    "Folders_GetUsersForFolderByKeyAndIncludeinherited",
)
WRITES_TO_A_FOLDER = (
    "Folders_AssignDirectoryUser",
    "Folders_AssignDomainUser",
    "Folders_AssignMachines",
    "Folders_AssignUsers",
    "Folders_DeleteById",
    "Folders_DeleteByKey",
    "Folders_GetMoveFolderMachinesChanges",
    "Folders_MoveFolderByFolderid",
    "Folders_PatchNameDescription",
    "Folders_PutById",
    "Folders_RemoveMachinesFromFolderById",
    "Folders_RemoveUserFromFolderById",
    "Folders_RemoveUserFromFolderByKey",
    "Folders_ToggleFolderMachineInherit",
    "Folders_UpdateMachinesToFolderAssociations",
)
MACHINES_OF_A_FOLDER = (
    "Machines_GetAssignedMachinesByFolderid",
    "Machines_GetRuntimesForFolderByFolderid",
    "Sessions_GetMachineSessionRuntimesByFolderId",
)
NOT_IN_THE_FOLDER = ("administrator of another tenant", *OF_OTHER_FOLDERS, "administrator of the organization")
ALL_BUT_THE_HOST = (*APPLICATIONS, "robot", *ORDINARY, "administrator of the organization")
FEW_RIGHTS = tuple(one for one in ORDINARY if one != "administrator of the tenant")


class Rule(NamedTuple):
    """What these callers get of these operations, and why."""

    operations: tuple[str, ...]
    callers: tuple[str, ...]
    cell: str
    why: str


RULES = (
    Rule(
        ("Account_GetProfile", "Account_PostChangePassword"),
        EVERYBODY,
        "401",
        "the pages' own back end: only the cookie of a session counts",
    ),
    Rule(
        ("Connect_GetUserinfo", "Connect_PostUserinfo"),
        ("anonymous", "expired token", "robot"),
        "401",
        "reads the token itself (OpenID Connect Core 5.3)",
    ),
    Rule(
        ("Connect_GetUserinfo", "Connect_PostUserinfo"),
        (*APPLICATIONS, STRANGER, *ORDINARY, *ADMINISTRATORS),
        "403",
        "needs the scope openid, which no caller here has",
    ),
    Rule(
        ("Robots_GetConnectionData",),
        ORDINARY + ADMINISTRATORS,
        "in",
        "the tray sends it on behalf of a signed-in person",
    ),
    Rule(("Robots_GetConnectionData",), ("robot",), "401", "for people who sign in to their robot"),
    Rule(("Robots_GetSharedConnectionData",), (*APPLICATIONS, "robot"), "401", "likewise"),
    Rule(
        ("Assets_ShareToFolders", "Buckets_ShareToFolders", "QueueDefinitions_ShareToFolders"),
        ("viewer of the folder", "user of the folder"),
        "403",
        "the right is looked for in every folder that the body names",
    ),
    Rule(
        ("Access_Explain",),
        (
            "robot",
            *FEW_RIGHTS,
            "administrator of the organization",
        ),
        "403",
        "whoever asks about somebody else needs Users.View",
    ),
    Rule(
        ("Folders_Post",),
        ("administrator of another folder", "administrator of the folder"),
        "403",
        "the body asks for a folder at the top, which needs Units.Create",
    ),
    Rule(
        (
            "Processes_DownloadPackageByKey",
            "Processes_Get",
            "Processes_GetPackageEntryPoints",
            "Processes_GetPackageMainEntryPoint",
            "Processes_GetProcessVersionsByProcessid",
        ),
        VIEWERS_AND_ADMINISTRATORS,
        "403",
        "the tenant's feed needs Packages.View; FolderPackages.View is for the feeds of folders",
    ),
    Rule(
        ("Processes_DeleteById", "Processes_UploadPackage"),
        ("administrator of another folder", "administrator of the folder"),
        "403",
        "likewise Packages.Delete and Packages.Create",
    ),
    Rule(
        ("JobAttachments_Post",), ("viewer of the folder",), "403", "needs Jobs.Create or Jobs.Edit in the job's folder"
    ),
    Rule(("QueueItems_ExecuteBulk",), ("viewer of the folder", "robot", "user of the folder"), "403", "by the action"),
    Rule(
        ("QueueItemComments_DeleteById", "QueueItemComments_PutById"),
        (
            "robot",
            "user of the folder",
            "administrator of the folder",
            "application with the scope",
            "administrator of the tenant",
        ),
        "403",
        "a comment is its author's",
    ),
    Rule(
        (
            "Jobs_Export",
            "QueueDefinitions_ExportById",
            "Settings_UpdateUserSetting",
            "Users_GetCurrentUser",
            "Users_GetCurrentUserExtended",
        ),
        ("robot",),
        "403",
        "for a user of the tenant, which a machine is not",
    ),
    Rule(("Robots_Post",), ("robot",), "403", "Machines.View alone makes no robots"),
    Rule(
        (
            "Folders_AssignDirectoryUser",
            "Folders_AssignDomainUser",
            "Folders_AssignUsers",
            "Roles_SetUsersById",
            "Users_ToggleRoleById",
        ),
        ("application with the scope",),
        "403",
        "nobody gives a role with rights that he does not have",
    ),
    Rule(
        ("Users_ChangePassword",),
        ("application with the scope", "administrator of the tenant", "administrator of the host"),
        "403",
        "a person changes his own password",
    ),
    Rule(
        ("Robots_GetProcesses",),
        (*APPLICATIONS, *ORDINARY, *ADMINISTRATORS),
        "in",
        "the tray sends it for a person: the processes of the folders that the caller reaches",
    ),
    Rule(
        (
            "ReferenceToken_DeleteByReferenceTokenId",
            "ReferenceToken_Get",
            "ReferenceToken_GetByReferenceTokenId",
            "ReferenceToken_Post",
            "ReferenceToken_PutByReferenceTokenId",
        ),
        APPLICATIONS,
        "403",
        "personal access tokens are people's",
    ),
    Rule(
        READS_OF_A_FOLDER,
        ("viewer of another folder", "administrator of another folder"),
        "404",
        "the right is in another folder; the one that is named is not seen",
    ),
    Rule(WRITES_TO_A_FOLDER, ("administrator of another folder",), "404", "likewise"),
    Rule(
        MACHINES_OF_A_FOLDER,
        ("user of another folder", "administrator of another folder"),
        "404",
        "likewise",
    ),
    Rule(
        ("FoldersNavigation_GetFolderNavigationContextForCurrentUser", "PackageFeeds_GetFolderFeed"),
        NOT_IN_THE_FOLDER,
        "404",
        "whoever is signed in, of the folders that he sees",
    ),
    Rule(
        ("Assets_ShareToFolders", "Buckets_ShareToFolders", "QueueDefinitions_ShareToFolders"),
        ("robot",),
        "404",
        "the body names a folder without its machine",
    ),
    Rule(
        ("Exports_GetById", "Exports_GetDownloadLinkById"),
        ALL_BUT_THE_HOST,
        "404",
        "an export is seen by who asked for it",
    ),
    Rule(
        ("Users_ChangePassword", "Users_GetById", "Users_PatchById"),
        (*FEW_RIGHTS, "administrator of the organization", "robot"),
        "404",
        "without Users.View a user sees himself",
    ),
    Rule(("Users_ChangeCulture",), ("robot",), "404", "a machine is no user"),
    Rule(
        (
            "ReferenceToken_DeleteByReferenceTokenId",
            "ReferenceToken_GetByReferenceTokenId",
            "ReferenceToken_PutByReferenceTokenId",
        ),
        (*ORDINARY, "administrator of the organization"),
        "404",
        "a personal access token is seen by whose it is",
    ),
    Rule(
        ("UserInvite_DeleteByPartitionGlobalId", "UserInvite_PostByPartitionGlobalId"),
        ("application with the scope",),
        "404",
        "an application was not invited",
    ),
    Rule(
        ("MessageTemplate_Get", "Scim_PostGroups"), (STRANGER,), "404", "what is named belongs to another organization"
    ),
    Rule(
        ("Portal_PutIdentitySetting", "Setting_Get", "Setting_Put"),
        ORDINARY,
        "403",
        "an organization's settings are its administrators'; everybody has his own",
    ),
    Rule(
        (
            "ExternalClient_GetByPartitionGlobalIdByClientIdGenerateSecret",
            "ExternalClient_Post",
            "ExternalClient_PostGenerateSecret",
            "ExternalClient_PutByPartitionGlobalIdByClientId",
        ),
        ("application with the scope",),
        "403",
        "an application hands out no scopes that it does not have",
    ),
    Rule(
        (
            "RobotAccount_Post",
            "RobotAccount_PutByRobotAccountId",
            "User_Post",
            "User_PostBulkCreate",
            "User_PostInviteUsers",
            "User_PutByUserId",
        ),
        ("application with the scope",),
        "403",
        "who puts somebody into a group needs PM.Group as well (decision 35)",
    ),
    Rule(
        (
            "ExternalClient_Post",
            "ExternalClient_PostGenerateSecret",
            "Group_Post",
            "Group_PutByGroupId",
            "Portal_DeleteIdentityUser",
            "Portal_PutIdentitySetting",
            "ReferenceToken_Delete",
            "RobotAccount_Post",
            "RobotAccount_PutByRobotAccountId",
            "SamlCertificate_PutPrimary",
            "SamlCertificate_PutSecondary",
            "Setting_Delete",
            "Setting_Get",
            "Setting_Put",
            "UserPartition_Delete",
            "UserPartition_Post",
            "User_Delete",
            "User_Post",
            "User_PostBulkCreate",
        ),
        (STRANGER,),
        "403",
        "the body or the query names the organization",
    ),
)


def cells() -> Mapping[str, Mapping[str, str]]:
    """The rules by operation and caller. Raises ValueError where two of them speak of the same cell."""
    found: dict[str, dict[str, str]] = {}
    for rule in RULES:
        for operation in rule.operations:
            for caller in rule.callers:
                if found.setdefault(operation, {}).setdefault(caller, rule.cell) != rule.cell:
                    raise ValueError(f"{operation} has two cells for {caller}")
    return found


EXCEPTIONS = cells()

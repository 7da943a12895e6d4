"""What tests take for granted, made through the API: `await given.job()` makes folder, package and process first."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import NAMESPACE_URL, uuid5

from podium.identity.directory import InProcessClients
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.machines import actions as machines

if TYPE_CHECKING:
    from .conftest import Caller

Json = dict[str, Any]

ODATA = "UiPath.Server.Configuration.OData"
INPUT_SCHEMA: Json = {"type": "object", "properties": {"amount": {"type": "number"}, "name": {"type": "string"}}}
OUTPUT_SCHEMA: Json = {"type": "object", "properties": {"total": {"type": "number"}}}
MADE_BY_HAND = ("Default", "Shared")

_NUMBERS = count(1)


def nupkg(
    id_: str = "Invoices",
    version: str = "1.0.0",
    *,
    entry_points: Mapping[str, Json] | None = None,
    files: Mapping[str, bytes | str] | None = None,
) -> bytes:
    """A package of a Python function. `entry_points`: path -> JSON schema of its input; `files` are added."""
    points = [
        {
            "filePath": path,
            "uniqueId": str(uuid5(NAMESPACE_URL, f"{id_}/{path}")),
            "type": "function",
            "input": schema,
            "output": OUTPUT_SCHEMA,
        }
        for path, schema in (entry_points or {"main": INPUT_SCHEMA}).items()
    ]
    operate = {
        "projectId": str(uuid5(NAMESPACE_URL, id_)),
        "main": points[0]["filePath"],
        "contentType": "function",
        "targetFramework": "Portable",
        "targetRuntime": "python",
        "runtimeOptions": {"requiresUserInteraction": False, "isAttended": False},
    }
    manifest = (
        '<?xml version="1.0" encoding="utf-8"?>\n'
        '<package xmlns="http://schemas.microsoft.com/packaging/2010/07/nuspec.xsd"><metadata>'
        f"<id>{id_}</id><version>{version}</version><authors>Tests</authors><description>{id_}</description>"
        "</metadata></package>"
    )
    content: dict[str, bytes | str] = {
        "[Content_Types].xml": "<Types/>",
        "_rels/.rels": "<Relationships/>",
        f"{id_}.nuspec": manifest,
        "content/operate.json": json.dumps(operate),
        "content/entry-points.json": json.dumps({"$id": "entry-points.json", "entryPoints": points}),
        "content/main.py": "def main(arguments): return {'total': 1}\n",
        **(files or {}),
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in content.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def pascal(name: str) -> str:
    """`unattended_slots` -> `UnattendedSlots`; a name of the wire stays as it is."""
    return name if name[:1].isupper() else "".join(word.capitalize() for word in name.split("_"))


def _members(members: Mapping[str, object]) -> Json:
    return {pascal(name): value for name, value in members.items()}


class Given:
    """Builders in one tenant, as its administrator; each answers what the wire shows of the thing."""

    def __init__(self, api: Caller) -> None:
        self._api = api
        self._shared: int | None = None

    async def shared(self) -> int:
        """Id of the folder Shared, which every tenant has."""
        if self._shared is None:
            found = await self._api.get("/odata/Folders?$filter=DisplayName eq 'Shared'")
            self._shared = int(found["value"][0]["Id"])
        return self._shared

    async def folder(self, name: str | None = None, parent: Mapping[str, Any] | None = None, **members: object) -> Json:
        """A new folder, below a parent or at the top."""
        body = {"DisplayName": name or f"Folder {next(_NUMBERS)}"} | _members(members)
        if parent is not None:
            body["ParentId"] = parent["Id"]
        made: Json = await self._api.post("/odata/Folders", body, expect=201)
        return made

    async def machine(
        self,
        name: str | None = None,
        *,
        folder: int | Mapping[str, Any] | None = None,
        slots: int = 1,
        **members: object,
    ) -> Json:
        """A machine template with that many unattended slots, assigned to the folder; LicenseKey and ClientSecret too."""
        name = name or f"Machine {next(_NUMBERS)}"
        scope = str(members.get("scope", members.get("Scope", "Default")))
        if scope in MADE_BY_HAND:
            body = {"Name": name, "UnattendedSlots": slots} | _members(members)
            made: Json = await self._api.post("/odata/Machines", body, expect=201)
        else:
            made = await self._machine_of_scope(name, scope, slots)
        if folder is not None:
            home = folder["Id"] if isinstance(folder, Mapping) else folder
            assignment = {"assignments": {"MachineIds": [made["Id"]], "FolderIds": [home]}}
            await self._api.post(f"/odata/Folders/{ODATA}.AssignMachines", assignment)
        return made

    async def _machine_of_scope(self, name: str, scope: str, slots: int) -> Json:
        """A machine of a scope that the API refuses to make."""
        node = self._api.node
        async with node.db.transaction() as db:
            new = await machines.make_machine(
                db,
                InProcessClients(),
                self._api.tenant_id,
                node.organization_id,
                name,
                machines.Slots(unattended=slots),
                node.clock(),
                scope=scope,
            )
        node.port(AccessResolver).forget()
        shown: Json = await self._api.get(f"/odata/Machines({new.id})")
        return shown | {"LicenseKey": new.license_key, "ClientSecret": new.client_secret}

    async def package(
        self, id_: str = "Invoices", version: str = "1.0.0", *, feed: str | None = None, **content: Any
    ) -> Json:
        """An uploaded package version; `content` as `nupkg` takes it."""
        archive = nupkg(id_, version, **content)
        answer = await self._api.post(
            f"/odata/Processes/{ODATA}.UploadPackage",
            params={"feedId": feed} if feed else None,
            files={"file": (f"{id_}.{version}.nupkg", archive, "application/octet-stream")},
        )
        rows = answer["value"] if isinstance(answer, dict) else answer
        return {"Id": id_, "Version": version, "Key": f"{id_}:{version}"} | (rows[0] if rows else {})

    async def process(
        self,
        name: str | None = None,
        *,
        folder: int | Mapping[str, Any] | None = None,
        package: str | None = None,
        version: str = "1.0.0",
        **members: object,
    ) -> Json:
        """A process of a package (a new one when none is named) in a folder, by default Shared.

        `FolderId` is added when the wire leaves it out, so that `given.job(process)` finds it.
        """
        home = await self._home(folder)
        if package is None:
            package = f"Package.{next(_NUMBERS)}"
            await self.package(package, version)
        body = {"Name": name or package, "ProcessKey": package, "ProcessVersion": version} | _members(members)
        made: Json = await self._api.post("/odata/Releases", body, folder=home, expect=201)
        return made | {"FolderId": home}

    async def job(
        self,
        process: Mapping[str, Any] | None = None,
        *,
        folder: int | Mapping[str, Any] | None = None,
        arguments: Mapping[str, Any] | None = None,
        **members: object,
    ) -> Json:
        """A job that waits for a robot. `members`: of StartInfo. `FolderId` is added when the wire leaves it out."""
        if process is None:
            process = await self.process(folder=folder)
        home = process.get("FolderId") or await self._home(folder)
        info: Json = {"ReleaseKey": process["Key"], "JobsCount": 1} | _members(members)
        if arguments is not None:
            info["InputArguments"] = json.dumps(arguments)
        started = await self._api.post(f"/odata/Jobs/{ODATA}.StartJobs", {"startInfo": info}, folder=home, expect=201)
        return {**started["value"][0], "FolderId": home}

    async def queue(
        self, name: str | None = None, *, folder: int | Mapping[str, Any] | None = None, **members: object
    ) -> Json:
        """A new queue. `FolderId` is added when the wire leaves it out."""
        home = await self._home(folder)
        body = {"Name": name or f"Queue {next(_NUMBERS)}"} | _members(members)
        made: Json = await self._api.post("/odata/QueueDefinitions", body, folder=home, expect=201)
        return made | {"FolderId": home}

    async def bucket(
        self, name: str | None = None, *, folder: int | Mapping[str, Any] | None = None, **members: object
    ) -> Json:
        """A bucket in a folder, by default Shared."""
        body = {"Name": name or f"Bucket {next(_NUMBERS)}"} | _members(members)
        made: Json = await self._api.post("/odata/Buckets", body, folder=await self._home(folder), expect=201)
        return made

    async def file(
        self, bucket: Mapping[str, Any], path: str, content: bytes, *, folder: int | Mapping[str, Any] | None = None
    ) -> str:
        """Upload a file; its path."""
        address = f"/odata/Buckets({bucket['Id']})/{ODATA}.GetWriteUri"
        home = await self._home(folder)
        access = await self._api.get(address, params={"path": path}, folder=home)
        answer = await self._api.with_headers({}).request("PUT", access["Uri"], content=content)
        assert answer.status == 201, answer.text
        return path

    async def _home(self, folder: int | Mapping[str, Any] | None) -> int:
        if folder is None:
            return await self.shared()
        return int(folder["Id"]) if isinstance(folder, Mapping) else folder

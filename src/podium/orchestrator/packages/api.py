"""Operations on packages and feeds. The set Processes of the wire holds packages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from msgspec import UNSET

from podium import wire
from podium.kernel.blobs import Blobs
from podium.kernel.call import Call, FileReply, Item, Page, Reply, given
from podium.kernel.errors import BadRequest, Code, Conflict, NotFound
from podium.kernel.odata import Entity, fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.packages import actions, store
from podium.orchestrator.packages.actions import Feed
from podium.orchestrator.packages.arguments import read_json, studio_form, write_json
from podium.orchestrator.packages.entity import ENTRY_POINTS, PACKAGE_VERSIONS, PACKAGES
from podium.orchestrator.packages.incoming import take_in
from podium.orchestrator.packages.rules import key_parts, package_id
from podium.orchestrator.packages.versions import parse_version

NO_PACKAGE = "The package does not exist."
LIBRARIES = ["ProcessLibrary", "BusinessProcessLibrary"]

_removals: set[asyncio.Task[None]] = set()  # the loop itself keeps only weak references to its tasks


# Feeds


@operation("GET", "/api/PackageFeeds/GetFolderFeed")
async def read_folder_feed(call: Call, folder_id: int | None = None) -> Reply:
    """Id of the feed that the folder has of its own or from a folder above; null where it uses the tenant's."""
    if folder_id is None:
        raise BadRequest("folderId is required.", Code.PARAMETER_MISSING)
    if folder_id not in call.reach.folders:
        raise NotFound("Folder does not exist.")
    feed = await actions.folder_feed(call.db, call.tenant_id, folder_id)
    return Reply(200, b"null" if feed.folder_id is None else f'"{feed.id}"'.encode())


@operation("GET", "/api/PackageFeeds/GetFeeds")
async def list_feeds(call: Call) -> list[wire.PackageFeedDto]:
    """The tenant's feeds, and those of the folders that the caller reaches."""
    found = await store.feeds(call.db, call.tenant_id, list(call.reach.folders))
    return [
        wire.PackageFeedDto(
            id=feed.id,
            name=feed.name,
            purpose=feed.purpose,
            folder_id=feed.folder_id,
            is_external=False,
            is_shared=feed.folder_id is None,
            is_public=False,
        )
        for feed in found
    ]


@operation("GET", "/api/PackageFeeds/GetLibraryFeeds")
async def list_library_feeds(call: Call) -> list[wire.LibraryFeedDto]:
    found = await store.feeds(call.db, call.tenant_id, [])
    return [
        wire.LibraryFeedDto(
            id=feed.id,
            name=feed.name,
            purpose=feed.purpose,
            folder_id=None,
            is_external=False,
            is_shared=True,
            is_public=False,
            supported_project_types=LIBRARIES,
        )
        for feed in found
        if feed.purpose == "Libraries"
    ]


# Reading


@operation("GET", "/odata/Processes")
async def list_packages(call: Call, search_term: str | None = None, feed_id: str | None = None) -> Page:
    """The latest version of each package; `searchTerm` is looked for in id, title, description and tags."""
    feed = await actions.feed_for(call, actions.feed_in(feed_id), "View")
    term = search_term.strip().lower() if search_term and search_term.strip() else None
    return await _page(call, PACKAGES, store.LATEST, [call.tenant_id, feed.id, term], "Processes")


@operation("GET", "/odata/Processes/UiPath.Server.Configuration.OData.GetProcessVersions(processId='{processId}')")
async def list_versions(call: Call, process_id: str, feed_id: str | None = None) -> Page:
    """Every version of the package, the highest first; nothing for a package that is not there."""
    feed = await actions.feed_for(call, actions.feed_in(feed_id), "View")
    args = [call.tenant_id, feed.id, actions.folded(process_id)]
    return await _page(call, PACKAGE_VERSIONS, store.VERSIONS_OF, args, "Processes")


@operation("GET", "/odata/Processes/UiPath.Server.Configuration.OData.GetArguments(key='{key}')")
async def read_arguments(call: Call, key: str) -> Item:
    """The arguments of the main entry point. A folder's feed may be named by `feedId`, too."""
    feed = await actions.feed_for(call, actions.feed_in(call.query.get("feedId")), "View")
    package = await _version(call, feed, key)
    row = await call.db.fetchrow(store.ARGUMENTS, call.tenant_id, package.row_id)
    assert row is not None
    return Item(write_json({"Input": row["input_arguments"], "Output": row["output_arguments"]}), "ArgumentMetadata")


@operation("GET", "/odata/Processes/UiPath.Server.Configuration.OData.GetPackageEntryPoints(key='{key}')")
async def list_entry_points(call: Call, key: str, feed_id: str | None = None) -> Page:
    package = await _version(call, await actions.feed_for(call, actions.feed_in(feed_id), "View"), key)
    return await _page(call, ENTRY_POINTS, store.ENTRY_POINTS_OF, [call.tenant_id, package.row_id], "EntryPoints")


@operation("GET", "/odata/Processes/UiPath.Server.Configuration.OData.GetPackageMainEntryPoint(key='{key}')")
async def read_main_entry_point(call: Call, key: str, feed_id: str | None = None) -> Item:
    package = await _version(call, await actions.feed_for(call, actions.feed_in(feed_id), "View"), key)
    args = [call.tenant_id, package.row_id]
    found = await fetch_one(call.db, ENTRY_POINTS, parse_options(call.query), store.MAIN_ENTRY_POINT_OF, args)
    if found is None:
        raise NotFound(f"The package {key} has no entry points.")
    return Item(found, "EntryPoints")


@operation("GET", "/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='{key}')")
async def download_package(call: Call, key: str, feed_id: str | None = None) -> FileReply:
    """The file as it was uploaded."""
    package = await _version(call, await actions.feed_for(call, actions.feed_in(feed_id), "View"), key)
    path = await call.port(Blobs).open(package.blob)
    return FileReply(str(path), f"{package.id}.{package.version}.nupkg")


# Changing


@operation("POST", "/odata/Processes/UiPath.Server.Configuration.OData.UploadPackage", connected=False, audited=True)
async def upload_packages(call: Call, feed_id: str | None = None) -> Page:
    """New package versions in a feed, which the query or a field of the form may name."""
    return await take_in(call, feed_id)


@operation("POST", "/odata/Processes/UiPath.Server.Configuration.OData.SetArguments")
async def set_arguments(call: Call, body: wire.ProcessesSetArgumentsRequest) -> None:
    """Describe the arguments of the main entry point anew; what is left out stays, null takes the description away."""
    require_members(body)
    asked = given(body.arguments, wire.ArgumentMetadata())
    feed = await actions.feed_for(call, None, "Edit")
    package = await _version(call, feed, given(body.key, ""))
    row = await call.db.fetchrow(store.ARGUMENTS, call.tenant_id, package.row_id)
    assert row is not None
    arguments, schemas = [], []
    for said, member, kind in ((asked.input, "Input", "input"), (asked.output, "Output", "output")):
        if said is UNSET:
            form, schema = row[f"{kind}_arguments"], row[f"{kind}_schema"]
        else:
            form, schema = _definition(said, f"arguments.{member}")
        arguments.append(form)
        schemas.append(schema)
    await call.db.execute(store.SET_ARGUMENTS, call.tenant_id, package.row_id, *arguments)
    await call.db.execute(store.SET_MAIN_ARGUMENTS, call.tenant_id, package.row_id, *arguments, *schemas)
    call.describe("Update", component="Packages", entity_id=package.row_id, name=f"{package.id}:{package.version}")


@operation("DELETE", "/odata/Processes('{key}')")
async def delete_package(call: Call, key: str, feed_id: str | None = None) -> None:
    """One version (`Id:Version`), or every version of a package (`Id`) that no process and no unfinished job uses."""
    feed = await actions.feed_for(call, actions.feed_in(feed_id), "Delete")
    name, version = key_parts(key) if ":" in key else (_id(key), None)
    wanted = None if version is None else parse_version(version).normalised
    package_key = actions.folded(name)
    versions = await store.lock_versions(call.db, call.tenant_id, feed.id, package_key, wanted)
    if not versions:
        raise NotFound(f"The package {key} does not exist in the feed.", Code.PACKAGE_NOT_FOUND)
    ids = [row["id"] for row in versions]
    used = await store.uses(call.db, call.tenant_id, feed.id, package_key, ids)
    in_use = {row["id"] for row in used}
    unused = [id_ for id_ in ids if id_ not in in_use]
    if not unused:
        holders = ", ".join(sorted({f"the {row['kind']} {row['name']}" for row in used})[:5])
        raise Conflict(f"The package {key} is used by {holders}.", Code.HAS_ATTACHED_PROCESSES)
    blobs = await store.delete_versions(call.db, call.tenant_id, unused)
    call.on_commit(_removal(call.port(Blobs), blobs))
    call.describe("Delete", component="Packages", entity_id=",".join(map(str, unused)), name=key)


def _removal(blobs: Blobs, names: list[str]) -> Callable[[], None]:
    """Starts the removal of files that no row names any more; nobody waits for it."""

    async def remove() -> None:
        for name in names:
            await blobs.delete(name)

    def start() -> None:
        task = asyncio.get_running_loop().create_task(remove())
        _removals.add(task)
        task.add_done_callback(_removals.discard)

    return start


def _definition(said: str | None, member: str) -> tuple[str | None, str | None]:
    """Studio's form and, when it is one, the JSON schema of a described list of arguments."""
    if said is None or not said.strip():
        return None, None
    value = read_json(said, member)
    form = studio_form(value)
    if form is None:
        raise BadRequest(f"{member}: expected a JSON array of arguments or a JSON schema.", Code.PARAMETER_INVALID)
    return form, said if isinstance(value, dict) else None


# Looking up


def _id(text: str) -> str:
    try:
        return package_id(text)
    except BadRequest:
        raise NotFound(NO_PACKAGE, Code.PACKAGE_NOT_FOUND) from None


async def _version(call: Call, feed: Feed, key: str) -> actions.PackageVersion:
    """The version of a key `Id:Version`; NotFound (#1002) as clients of these reads expect."""
    name, version = key_parts(key)
    try:
        return await actions.find_version(call.db, call.tenant_id, feed.id, name, version)
    except NotFound as error:
        raise NotFound(error.message) from None


async def _page(call: Call, entity: Entity, where: str, args: list[object], set_name: str) -> Page:
    found = await fetch_page(call.db, entity, parse_options(call.query), where, args)
    return Page(found.json, set_name, found.total)

"""Operations on processes, which are releases on the wire."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

import asyncpg

from podium import wire
from podium.kernel.call import Call, Item, Page, Value, given
from podium.kernel.errors import ApiError, BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.packages import actions as packages
from podium.orchestrator.packages.actions import PackageVersion
from podium.orchestrator.processes import actions, events, rules, store
from podium.orchestrator.processes.entity import RELEASES
from podium.orchestrator.queues import actions as queues
from podium.orchestrator.scope import IN_FOLDERS

NO_FEED = UUID(int=0)  # what clients send back of a process without a feed


@operation("GET", "/odata/Releases")
async def list_processes(
    call: Call,
    mandatory_permissions: list[str] | None = None,
    at_least_one_permissions: list[str] | None = None,
) -> Page:
    """Processes of the folder, or of every folder where the caller may view them and holds what else is asked for."""
    folders = _viewed(call, mandatory_permissions or [], at_least_one_permissions or [])
    found = await fetch_page(call.db, RELEASES, parse_options(call.query), IN_FOLDERS, [call.tenant_id, folders])
    return Page(found.json, "Releases", found.total)


@operation("GET", "/odata/Releases/UiPath.Server.Configuration.OData.ListReleases")
async def list_releases(
    call: Call,
    mandatory_permissions: list[str] | None = None,
    at_least_one_permissions: list[str] | None = None,
) -> Page:
    return await list_processes(call, mandatory_permissions, at_least_one_permissions)


@operation("GET", "/odata/Releases({key})")
async def read_process(call: Call, key: int) -> Item:
    return await _item(call, key)


@operation("GET", "/odata/Releases({key})/UiPath.Server.Configuration.OData.GetRelease")
async def read_release(call: Call, key: int) -> Item:
    return await _item(call, key)


@operation("POST", "/odata/Releases")
async def create_process(call: Call, body: wire.ReleaseDto) -> Item:
    """A process of a package in the folder's feed, or in the feed that the body names."""
    call.require("Processes.Create")
    require_members(body)
    settings = actions.settings_from(body, actions.DEFAULTS)
    _check_remote_control(call, settings)
    package = await packages.find_version(
        call.db,
        call.tenant_id,
        await _feed_for(call, given(body.feed_id, NO_FEED)),
        given(body.process_key, ""),
        given(body.process_version, ""),
    )
    choice = rules.wanted_entry_point(given(body.entry_point_id, None), given(body.entry_point_path, None), None, None)
    made = await actions.create(
        call.db,
        call.tenant_id,
        call.folder_id,
        package,
        call.now,
        name=given(body.name, ""),
        choice=choice or rules.MAIN,
        settings=settings,
        user_id=call.actor.user_id,
    )
    call.emit("process.created", events.releases(made))
    call.describe("Create", component="Processes", entity_id=made["id"], name=made["name"])
    return await _item(call, made["id"])


@operation("POST", "/odata/Releases/UiPath.Server.Configuration.OData.CreateRelease")
async def create_release(call: Call, body: wire.ReleaseDto) -> Item:
    return await create_process(call, body)


@operation("PUT", "/odata/Releases({key})")
async def replace_process(call: Call, key: int, body: wire.ReleaseDto) -> Item:
    """What the body leaves out gets its default: no description or tags, Normal priority, main entry point."""
    call.require("Processes.Edit")
    require_members(body)
    await _change(call, await _process(call, key), body, actions.DEFAULTS, is_whole=True)
    return await _item(call, key)


@operation("PATCH", "/odata/Releases({key})")
async def patch_process(call: Call, key: int, body: wire.ReleaseDto) -> None:
    """Changes what the body gives."""
    call.require("Processes.Edit")
    row = await _process(call, key)
    await _change(call, row, body, actions.settings_of(row), is_whole=False)


@operation("POST", "/odata/Releases/UiPath.Server.Configuration.OData.UpdateByKey")
async def update_by_key(call: Call, body: wire.ReleasesUpdateByKeyRequest) -> None:
    """Another version, entry point or default input; what the body leaves out stays."""
    require_members(body)
    try:
        key = UUID(given(body.release_key, ""))
    except ValueError:
        raise BadRequest("releaseKey: expected a GUID.", Code.INVALID_RELEASE_KEY) from None
    row = await _process(call, key)
    asked = wire.ReleaseDto(process_version=body.process_version, entry_point_path=body.entry_point_path)
    if (text := given(body.input_args, None)) is not None:
        asked.input_arguments = rules.check_length(text, "inputArgs")
    await _change(call, row, asked, actions.settings_of(row), is_whole=False)


@operation("DELETE", "/odata/Releases({key})")
async def delete_process(call: Call, key: int) -> None:
    await _delete(call, await _process(call, key))


@operation("DELETE", "/api/Releases/DeleteByKey")
async def delete_process_by_key(call: Call, key: str | None = None) -> None:
    """In the folder that the headers name, or in any that the caller reaches."""
    if key is None:
        raise BadRequest("key is required.", Code.PARAMETER_MISSING)
    try:
        identifier = UUID(key)
    except ValueError:
        raise NotFound(rules.NO_PROCESS) from None
    reached = [call.folder.id] if call.folder else list(call.reach.folders)
    row = await store.process(call.db, call.tenant_id, reached, identifier)
    if row is None:
        raise NotFound(rules.NO_PROCESS)
    folder = call.reach.folders[row["folder_id"]]
    if "Processes.Delete" not in call.reach.within(folder):
        raise Forbidden("You are not authorized!")
    await _delete(call, row)


async def _delete(call: Call, row: asyncpg.Record) -> None:
    """The process and its history; its finished jobs and its package stay."""
    unfinished = await call.db.fetchval(store.UNFINISHED_JOBS, call.tenant_id, row["id"])
    if unfinished:
        raise Conflict(f"The process {row['name']} has {unfinished} unfinished jobs.", Code.HAS_RUNNING_JOBS)
    await queues.check_process_is_free(call.db, call.tenant_id, row["id"], row["name"])
    await call.db.execute(store.DELETE, call.tenant_id, row["id"])
    call.emit("process.deleted", events.releases(row), folder_id=row["folder_id"])
    call.describe("Delete", component="Processes", entity_id=row["id"], name=row["name"])


async def _change(
    call: Call, row: asyncpg.Record, body: wire.ReleaseDto, base: actions.Settings, *, is_whole: bool
) -> None:
    """Carry out what a body asks of the locked process. `is_whole`: what it leaves out has its default."""
    settings = actions.settings_from(body, base)
    if settings.remote_control_access != row["remote_control_access"]:
        _check_remote_control(call, settings)
    name = rules.clean_name(given(body.name, row["name"]))
    await actions.check_name_is_free(call.db, call.tenant_id, row["folder_id"], name, apart_from=row["id"])
    _refuse_other_package(row, body)
    package = await _package_asked_for(call, row, given(body.process_version, None), settings)
    choice = rules.wanted_entry_point(
        given(body.entry_point_id, None), given(body.entry_point_path, None), row["entry_point_id"], row["start_path"]
    )
    is_silent = given(body.entry_point_id, None) is None and not given(body.entry_point_path, "")
    if choice is None:
        choice = rules.MAIN if is_whole and is_silent else await actions.kept_choice(call.db, call.tenant_id, row)
    if package is not None:
        if given(body.input_arguments, None):
            actions.check_input(settings.input_arguments, package, actions.starting_point(package, choice))
        await actions.move(call.db, call.tenant_id, row, package, call.now, choice=choice, user_id=call.actor.user_id)
    after = await actions.change(call.db, call.tenant_id, row, name, settings, call.now, call.actor.user_id)
    _tell_updated(call, after)


async def _package_asked_for(
    call: Call, row: asyncpg.Record, version: str | None, settings: actions.Settings
) -> PackageVersion | None:
    """The version that the body names, else the present one; None when that is gone and no other is asked for."""
    if version is not None and not rules.is_same(version, row["package_version"]):
        rules.check_may_choose_version(row["name"], is_auto_update=row["is_auto_update"] and settings.is_auto_update)
    elif row["package_row_id"] is None:
        return None
    wanted = version or row["package_version"]
    return await packages.find_version(call.db, call.tenant_id, row["feed_id"], row["package_id"], wanted)


def _refuse_other_package(row: asyncpg.Record, body: wire.ReleaseDto) -> None:
    name, feed = given(body.process_key, row["package_id"]), given(body.feed_id, NO_FEED)
    if packages.folded(name) != row["package_key"]:
        raise BadRequest(f"ProcessKey: the package of a process cannot change; it is {row['package_id']}.")
    if feed not in (NO_FEED, row["feed_id"]):
        raise BadRequest("FeedId: the feed of a process cannot change.")


# Versions


@operation("POST", "/odata/Releases({key})/UiPath.Server.Configuration.OData.UpdateToSpecificPackageVersion")
async def update_to_version(call: Call, key: int, body: wire.ReleasesUpdateToSpecificPackageVersionRequest) -> Value:
    return Value((await _to_version(call, key, body))["id"])


@operation(
    "POST",
    "/odata/Releases/UiPath.Server.Configuration.OData.UpdateToSpecificPackageVersionByKey(identifier={identifier})",
)
async def update_to_version_by_key(
    call: Call, identifier: UUID, body: wire.ReleasesUpdateToSpecificPackageVersionRequest
) -> Value:
    return Value((await _to_version(call, identifier, body))["key"], "Edm.Guid")


@operation("POST", "/odata/Releases({key})/UiPath.Server.Configuration.OData.UpdateToLatestPackageVersion")
async def update_to_latest(call: Call, key: int) -> Value:
    """The highest version in the feed. (Packages carry no tags of resources that `mergePackageTags` could bring.)"""
    return Value((await _to_latest(call, key))["id"])


@operation(
    "POST",
    "/odata/Releases/UiPath.Server.Configuration.OData.UpdateToLatestPackageVersionByKey(identifier={identifier})",
)
async def update_to_latest_by_key(call: Call, identifier: UUID) -> Value:
    return Value((await _to_latest(call, identifier))["key"], "Edm.Guid")


@operation("POST", "/odata/Releases({key})/UiPath.Server.Configuration.OData.RollbackToPreviousReleaseVersion")
async def roll_back(call: Call, key: int) -> Value:
    """The version before the present one; a second rollback returns."""
    return Value((await _to_previous(call, key))["id"])


@operation(
    "POST",
    "/odata/Releases/UiPath.Server.Configuration.OData.RollbackToPreviousReleaseVersionByKey(identifier={identifier})",
)
async def roll_back_by_key(call: Call, identifier: UUID) -> Value:
    return Value((await _to_previous(call, identifier))["key"], "Edm.Guid")


@operation("POST", "/odata/Releases/UiPath.Server.Configuration.OData.UpdateToLatestPackageVersionBulk")
async def update_several(
    call: Call, body: wire.ReleasesUpdateToLatestPackageVersionBulkRequest
) -> wire.BulkOperationResponseDtoOfInt64:
    """Each by itself: those that cannot be updated are named, the others are."""
    require_members(body)
    failed, message = await _all_to_latest(call, given(body.release_ids, []))
    return wire.BulkOperationResponseDtoOfInt64(
        success=not failed, message=message, failed_items=[each for each in failed if isinstance(each, int)]
    )


@operation("POST", "/odata/Releases/UiPath.Server.Configuration.OData.UpdateToLatestPackageVersionBulkByKey")
async def update_several_by_key(
    call: Call, body: wire.ReleasesUpdateToLatestPackageVersionBulkRequestByKey
) -> wire.BulkOperationResponseDtoOfGuid:
    require_members(body)
    failed, message = await _all_to_latest(call, given(body.release_keys, []))
    return wire.BulkOperationResponseDtoOfGuid(
        success=not failed, message=message, failed_items=[each for each in failed if isinstance(each, UUID)]
    )


async def _to_version(
    call: Call, key: int | UUID, body: wire.ReleasesUpdateToSpecificPackageVersionRequest
) -> asyncpg.Record:
    require_members(body)
    row = await _process(call, key)
    version = given(body.package_version, "")
    if not rules.is_same(version, row["package_version"]):
        rules.check_may_choose_version(row["name"], is_auto_update=row["is_auto_update"])
    return await _move(call, row, version)


async def _to_latest(call: Call, key: int | UUID) -> asyncpg.Record:
    return await _move(call, await _process(call, key), None)


async def _to_previous(call: Call, key: int | UUID) -> asyncpg.Record:
    row = await _process(call, key)
    rules.check_may_choose_version(row["name"], is_auto_update=row["is_auto_update"])
    history = await store.history(call.db, call.tenant_id, row["id"])
    version = rules.previous_version(history, row["version_id"], row["package_version"])
    try:
        return await _move(call, row, version)
    except NotFound as error:
        raise Conflict(error.message, Code.PREVIOUS_VERSION_NOT_FOUND) from None


async def _all_to_latest(call: Call, keys: Sequence[int | UUID]) -> tuple[list[int | UUID], str | None]:
    """What could not be updated, and why; a refusal comes before the first change of its process."""
    failed: list[int | UUID] = []
    reasons: list[str] = []
    for key in dict.fromkeys(keys):
        try:
            await _to_latest(call, key)
        except ApiError as error:
            failed.append(key)
            reasons.append(f"{key}: {error.message}")
    call.describe("Update", component="Processes", entity_id=",".join(str(key) for key in keys if key not in failed))
    return failed, " ".join(reasons) or None


async def _move(call: Call, row: asyncpg.Record, version: str | None) -> asyncpg.Record:
    """The process at that version of its package, at the latest for None; one that has it already stays as it is."""
    package = await packages.find_version(call.db, call.tenant_id, row["feed_id"], row["package_id"], version)
    if package.row_id != row["package_row_id"]:
        after = await actions.move(call.db, call.tenant_id, row, package, call.now, user_id=call.actor.user_id)
        _tell_updated(call, after)
    call.describe("Update", component="Processes", entity_id=row["id"], name=row["name"])
    return row


def _tell_updated(call: Call, row: asyncpg.Record) -> None:
    call.emit("process.updated", events.releases(row), folder_id=row["folder_id"])
    call.describe("Update", component="Processes", entity_id=row["id"], name=row["name"])


# Looking up


def _viewed(call: Call, mandatory: Sequence[str], at_least_one: Sequence[str]) -> list[int]:
    """The folders to read. Refuses (403) when the caller has the permissions in none."""

    def is_enough(folder_id: int) -> bool:
        held = call.reach.permissions | call.reach.folders[folder_id].permissions
        return held.issuperset(mandatory) and (not at_least_one or not held.isdisjoint(at_least_one))

    folders = call.folders_with("Processes.View")
    found = [folder_id for folder_id in folders if is_enough(folder_id)]
    if folders and not found:
        raise Forbidden("You are not authorized!")
    return found


async def _item(call: Call, process_id: int) -> Item:
    args = [call.tenant_id, [call.folder_id], process_id]
    found = await fetch_one(call.db, RELEASES, parse_options(call.query), store.ONE, args)
    if found is None:
        raise NotFound(rules.NO_PROCESS)
    return Item(found, "Releases")


async def _process(call: Call, key: int | UUID) -> asyncpg.Record:
    """The folder's process, locked. Raises NotFound."""
    row = await store.process(call.db, call.tenant_id, [call.folder_id], key)
    if row is None:
        raise NotFound(rules.NO_PROCESS)
    return row


async def _feed_for(call: Call, feed_id: UUID) -> UUID:
    """The folder's feed; a body may also name a feed whose packages the caller may view."""
    own = await packages.folder_feed(call.db, call.tenant_id, call.folder_id)
    if feed_id in (NO_FEED, own.id):
        return own.id
    return (await packages.feed_for(call, feed_id, "View")).id


def _check_remote_control(call: Call, settings: actions.Settings) -> None:
    """A process that lets others look at its robot's screen takes a right of its own."""
    if settings.remote_control_access != actions.DEFAULTS.remote_control_access:
        call.require("RemoteControl.Create")

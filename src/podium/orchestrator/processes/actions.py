"""Makes processes and moves them between package versions: asked by the API, by uploads and by other areas."""

from __future__ import annotations

from dataclasses import astuple, dataclass, fields
from datetime import datetime
from typing import NamedTuple, TypeVar

import asyncpg
import msgspec
from msgspec import UNSET, UnsetType

from podium import wire
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Conflict
from podium.kernel.ids import uuid7
from podium.kernel.validation import require_members
from podium.orchestrator.jobs.rules import PRIORITY_OF_BAND, priority
from podium.orchestrator.packages import actions as packages
from podium.orchestrator.packages.actions import EntryPointRow, Feed, PackageVersion
from podium.orchestrator.packages.arguments import arguments_object, check_arguments
from podium.orchestrator.processes import events, rules, store

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What a user may set of a process beside name, package and entry point; in the order of the statements.

    `process_settings`, `video_settings` and `tags` are JSON texts.
    """

    description: str | None = None
    input_arguments: str | None = None
    environment_variables: str | None = None
    priority: int = PRIORITY_OF_BAND["Normal"]
    is_auto_update: bool = False
    is_hidden_for_attended: bool = False
    remote_control_access: str = "None"
    robot_size: str | None = None
    automation_hub_url: str | None = None
    process_settings: str | None = None
    video_settings: str | None = None
    tags: str = "[]"


DEFAULTS = Settings()


def settings_of(row: asyncpg.Record) -> Settings:
    """The settings that a process has."""
    return Settings(**{field.name: row[field.name] for field in fields(Settings)})


def settings_from(body: wire.ReleaseDto, base: Settings) -> Settings:
    """The settings that a body asks for: `base` where it is silent, the default where it says null."""
    tags = body.tags
    for number, tag in enumerate(tags or []):
        require_members(tag, path=f"Tags[{number}]")
    arguments = _told(body.input_arguments, base.input_arguments, None) or None
    arguments_object(arguments)
    named, value = body.job_priority or None, body.specific_priority_value or None
    says_priority = body.job_priority is not UNSET or body.specific_priority_value is not UNSET
    return Settings(
        description=_told(body.description, base.description, None),
        input_arguments=arguments,
        environment_variables=rules.environment_variables(
            _told(body.environment_variables, base.environment_variables, None)
        ),
        priority=priority(value, named, DEFAULTS.priority) if says_priority else base.priority,
        is_auto_update=_told(body.auto_update, base.is_auto_update, DEFAULTS.is_auto_update),
        is_hidden_for_attended=_told(
            body.hidden_for_attended_user, base.is_hidden_for_attended, DEFAULTS.is_hidden_for_attended
        ),
        remote_control_access=_told(
            body.remote_control_access, base.remote_control_access, DEFAULTS.remote_control_access
        ),
        robot_size=_told(body.robot_size, base.robot_size, None),
        automation_hub_url=_told(body.automation_hub_idea_url, base.automation_hub_url, None),
        process_settings=_json(body.process_settings, base.process_settings, None),
        video_settings=_json(body.video_recording_settings, base.video_settings, None),
        tags=_json(tags, base.tags, DEFAULTS.tags),
    )


def _told(said: T | UnsetType | None, base: T, default: T) -> T:
    return base if said is UNSET else default if said is None else said


def _json(said: object, base: T, default: T) -> str | T:
    return base if said is UNSET else default if said is None else msgspec.json.encode(said).decode()


def starting_point(package: PackageVersion, choice: rules.Choice) -> EntryPointRow | None:
    """The chosen entry point of the version; None for a package that lists none.

    Raises BadRequest for one that it does not have.
    """
    found = rules.chosen_entry_point(package.entry_points, package.main_entry_point_path, choice)
    if found is None and not choice.is_main:
        wanted = f"'{choice.path[:200]}'" if choice.path is not None else f"with the id {choice.id}"
        raise BadRequest(f"The package {package.id} {package.version} has no entry point {wanted}.")
    return found


async def kept_choice(db: Connection, tenant_id: int, row: asyncpg.Record) -> rules.Choice:
    """What the process's entry point is in other versions; nothing when it starts at the main one."""
    if row["entry_point_path"] is None:
        return rules.MAIN
    id_ = row["entry_point_id"]
    unique_id = None if id_ is None else await packages.unique_id_of(db, tenant_id, id_)
    return rules.Choice(id_, unique_id, row["entry_point_path"])


def check_input(text: str | None, package: PackageVersion, point: EntryPointRow | None) -> None:
    """Raise BadRequest when default arguments do not fit what the entry point takes."""
    check_arguments(point.definition if point else package.definition, arguments_object(text))


def _stored_point(package: PackageVersion, point: EntryPointRow | None) -> tuple[int | None, str | None]:
    """Row id, and path unless it is the main one, which may be another in the next version."""
    if point is None:
        return None, None
    return point.id, None if point.path == package.main_entry_point_path else point.path


async def check_name_is_free(
    db: Connection, tenant_id: int, folder_id: int, name: str, *, apart_from: int | None = None
) -> None:
    """Refuse (409 #1001) a name that another process of the folder has."""
    taken = await store.name_taken(db, tenant_id, folder_id, name)
    if taken is not None and taken != apart_from:
        raise Conflict(f"The name {name} is already used.")


async def create(
    db: Connection,
    tenant_id: int,
    folder_id: int,
    package: PackageVersion,
    now: datetime,
    *,
    name: str | None = None,
    choice: rules.Choice = rules.MAIN,
    settings: Settings = DEFAULTS,
    user_id: int | None = None,
) -> asyncpg.Record:
    """A new process of the folder, named as its package unless said otherwise.

    Raises Conflict for a name that is taken, BadRequest for an entry point or arguments that the package does not have.
    """
    clean = rules.clean_name(package.id if name is None else name)
    await check_name_is_free(db, tenant_id, folder_id, clean)
    point = starting_point(package, choice)
    check_input(settings.input_arguments, package, point)
    process_id = await store.add(
        db,
        tenant_id,
        uuid7(),
        folder_id,
        clean,
        clean.casefold(),
        package.feed_id,
        package.id,
        package.key,
        package.version,
        package.row_id,
        *_stored_point(package, point),
        now,
        user_id,
        *astuple(settings),
    )
    return await _row(db, tenant_id, folder_id, process_id)


async def make_process(
    db: Connection,
    tenant_id: int,
    folder_id: int,
    package_id: str,
    now: datetime,
    *,
    version: str | None = None,
    name: str | None = None,
    settings: Settings = DEFAULTS,
    user_id: int | None = None,
) -> asyncpg.Record:
    """A new process of a package in the folder's feed, its latest version unless another is named."""
    feed = await packages.folder_feed(db, tenant_id, folder_id)
    package = await packages.find_version(db, tenant_id, feed.id, package_id, version)
    return await create(db, tenant_id, folder_id, package, now, name=name, settings=settings, user_id=user_id)


async def move(
    db: Connection,
    tenant_id: int,
    row: asyncpg.Record,
    package: PackageVersion,
    now: datetime,
    *,
    choice: rules.Choice | None = None,
    user_id: int | None = None,
) -> asyncpg.Record:
    """Let the locked process run another version, or start at another place; the process as it is then.

    Without `choice` it starts where it did. Running jobs keep their version. Raises BadRequest when the version has no
    such entry point.
    """
    point = starting_point(package, choice or await kept_choice(db, tenant_id, row))
    stored = _stored_point(package, point)
    if package.row_id != row["package_row_id"]:
        await store.move(db, tenant_id, row["id"], package.version, package.row_id, stored, now, user_id)
    elif stored != (row["entry_point_id"], row["entry_point_path"]):
        await db.execute(store.SET_ENTRY_POINT, tenant_id, row["id"], *stored)
    return await _row(db, tenant_id, row["folder_id"], row["id"])


async def change(
    db: Connection,
    tenant_id: int,
    row: asyncpg.Record,
    name: str,
    settings: Settings,
    now: datetime,
    user_id: int | None,
) -> asyncpg.Record:
    """Give the locked process a name and settings, both checked by the caller; the process as it is then."""
    await db.execute(store.CHANGE, tenant_id, row["id"], name, name.casefold(), *astuple(settings), now, user_id)
    return await _row(db, tenant_id, row["folder_id"], row["id"])


class Followed(NamedTuple):
    """What a new package version made of the processes."""

    created: list[asyncpg.Record]
    updated: list[asyncpg.Record]


async def follow_package(
    db: Connection, tenant_id: int, feed: Feed, package: PackageVersion, now: datetime, user_id: int | None
) -> Followed:
    """Carry a version that was just uploaded to the processes.

    Those with AutoUpdate move when it is higher than theirs and still has their entry point. In a personal workspace
    the package's processes move to whatever its owner uploads, and one is made when there is none (decision 23).
    """
    workspace = feed.folder_id if feed.is_workspace else None
    updated: list[asyncpg.Record] = []
    found = await store.followers(db, tenant_id, feed.id, package.key, everyone=workspace is not None)
    for process_id, folder_id in found:
        row = await _row(db, tenant_id, folder_id, process_id)
        choice = await kept_choice(db, tenant_id, row)
        point = rules.chosen_entry_point(package.entry_points, package.main_entry_point_path, choice)
        is_there = point is not None or choice.is_main
        if folder_id == workspace:
            kept = choice if is_there else rules.MAIN
        elif row["is_auto_update"] and is_there and rules.is_newer(package.version, row["package_version"]):
            kept = choice
        else:
            continue
        updated.append(await move(db, tenant_id, row, package, now, choice=kept, user_id=user_id))
    if workspace is None or any(folder_id == workspace for _, folder_id in found):
        return Followed([], updated)
    taken = await store.name_taken(db, tenant_id, workspace, rules.clean_name(package.id))
    name = f"{package.id} ({package.version})" if taken else package.id
    return Followed([await create(db, tenant_id, workspace, package, now, name=name, user_id=user_id)], updated)


def tell(call: Call, followed: Followed) -> None:
    """The events of processes that a package version made or moved, in their folders."""
    for row in followed.created:
        call.emit("process.created", events.releases(row), folder_id=row["folder_id"])
    for row in followed.updated:
        call.emit("process.updated", events.releases(row), folder_id=row["folder_id"])


async def _row(db: Connection, tenant_id: int, folder_id: int, process_id: int) -> asyncpg.Record:
    row = await store.process(db, tenant_id, [folder_id], process_id)
    assert row is not None
    return row

"""Feeds and package versions: made, found and removed, by the API and by other areas."""

from __future__ import annotations

import unicodedata
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

import asyncpg

from podium.kernel.blobs import Stored
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.orchestrator.packages import store
from podium.orchestrator.packages.nupkg import Package
from podium.orchestrator.packages.store import Feed
from podium.orchestrator.packages.versions import parse_version

__all__ = [
    "EntryPointRow",
    "Feed",
    "PackageVersion",
    "add_package",
    "feed_for",
    "feed_in",
    "find_version",
    "folded",
    "folder_feed",
    "make_feed",
    "tenant_feed",
    "unique_id_of",
]


class EntryPointRow(NamedTuple):
    """A place to start at; `definition` is the text that arguments are checked against, None when all fit."""

    id: int
    unique_id: UUID
    path: str
    definition: str | None


class PackageVersion(NamedTuple):
    """One version in a feed. `sort_key` orders versions; `definition` is for packages without entry points."""

    row_id: int
    feed_id: UUID
    id: str
    key: str
    version: str
    sort_key: str
    main_entry_point_path: str | None
    blob: str
    definition: str | None
    entry_points: tuple[EntryPointRow, ...]


async def make_feed(
    db: Connection,
    tenant_id: int,
    name: str,
    now: datetime,
    *,
    purpose: str = "Processes",
    folder_id: int | None = None,
) -> UUID:
    """A new feed; the tenant's own when `folder_id` is None."""
    id_ = uuid4()
    await db.execute(store.ADD_FEED, tenant_id, id_, name, purpose, folder_id, now)
    return id_


async def tenant_feed(db: Connection, tenant_id: int, purpose: str = "Processes") -> UUID:
    """The feed that folders without one of their own use."""
    found: UUID = await db.fetchval(store.TENANT_FEED, tenant_id, purpose)
    return found


async def folder_feed(db: Connection, tenant_id: int, folder_id: int) -> Feed:
    """The feed whose packages the folder's processes are made of."""
    found = await store.folder_feed(db, tenant_id, folder_id)
    if found is None:
        raise NotFound("The folder has no package feed.")
    return found


def folded(package_id: str) -> str:
    """The id as ids are compared: NFC, without regard to case."""
    return unicodedata.normalize("NFC", package_id).casefold()


async def find_version(
    db: Connection, tenant_id: int, feed_id: UUID, package_id: str, version: str | None
) -> PackageVersion:
    """The version, or the latest one; it stays until the caller's transaction ends.

    Raises NotFound naming the package (#1677) or the version (#1662), BadRequest (#1675) for a text that is none.
    """
    wanted = None if version is None else parse_version(version).normalised
    row = await store.version(db, tenant_id, feed_id, folded(package_id), wanted)
    if row is None:
        if await store.kind(db, tenant_id, feed_id, folded(package_id)) is None:
            raise NotFound(f"The package {package_id} does not exist in the feed.", Code.PACKAGE_NOT_FOUND)
        raise NotFound(f"The package {package_id} has no version {version} in the feed.", Code.VERSION_NOT_FOUND)
    return await _with_entry_points(db, tenant_id, row)


async def _with_entry_points(db: Connection, tenant_id: int, row: asyncpg.Record) -> PackageVersion:
    points = await db.fetch(store.ENTRY_POINTS, tenant_id, row["id"])
    return PackageVersion._make([*row, tuple(EntryPointRow(*point) for point in points)])


def feed_in(text: str | None) -> UUID | None:
    """The id of a feed as callers give it; None for none. Raises BadRequest."""
    if text is None or not text.strip():
        return None
    try:
        return UUID(text.strip())
    except ValueError:
        raise BadRequest(f"feedId: expected a GUID, got '{text[:60]}'.", Code.PARAMETER_INVALID) from None


async def feed_for(call: Call, feed_id: UUID | None, action: str) -> Feed:
    """The feed of packages, the tenant's own for None, if the caller may do this there.

    `action` is View, Create, Edit or Delete: of `Packages` for the tenant's feed, of `FolderPackages` for another, in
    one of the folders that use it. Raises NotFound for a feed that the caller does not see, Forbidden.
    """
    wanted = feed_id or await tenant_feed(call.db, call.tenant_id)
    feed = await store.feed(call.db, call.tenant_id, wanted)
    if feed is None or feed.purpose != "Processes":
        raise NotFound(f"The feed {feed_id} does not exist.")
    if feed.folder_id is None:
        is_allowed = f"Packages.{action}" in call.reach.permissions
    else:
        sharing = await store.sharing_folders(call.db, call.tenant_id, feed.folder_id)
        seen = [folder for id_ in sharing if (folder := call.reach.folders.get(id_)) is not None]
        if not seen:
            raise NotFound(f"The feed {feed_id} does not exist.")
        needed = f"FolderPackages.{action}"
        is_allowed = any(needed in call.reach.within(folder) for folder in seen)
    if not is_allowed:
        raise Forbidden("You are not authorized!")
    return feed


async def unique_id_of(db: Connection, tenant_id: int, entry_point_id: int) -> UUID | None:
    """What the entry point of this row id is called in every version of its package."""
    found: UUID | None = await db.fetchval(store.UNIQUE_ID, tenant_id, entry_point_id)
    return found


async def add_package(
    db: Connection,
    tenant_id: int,
    feed_id: UUID,
    package: Package,
    stored: Stored,
    now: datetime,
    *,
    user_id: int | None = None,
) -> PackageVersion:
    """Put a version that was read from the stored file into a feed.

    The id keeps the casing of the package's first version. Raises Conflict when the version is there already (#1004),
    or when a library of that id is (or a process, for a library).
    """
    key = folded(package.id)
    known = await store.kind(db, tenant_id, feed_id, key)
    if known is not None and _is_library(known["project_type"]) is not _is_library(package.project_type):
        was, is_ = known["project_type"], package.project_type
        raise Conflict(f"The package {package.id} is a {was}; its type cannot change to {is_}.", Code.INVALID_REQUEST)
    name = package.id if known is None else str(known["package_id"])
    row_id = await db.fetchval(
        store.ADD_PACKAGE, *_values(tenant_id, feed_id, name, key, package, stored, now, user_id)
    )
    if row_id is None:
        raise Conflict(f"Package already exists: {name} {package.version}.", Code.ITEM_ALREADY_EXISTS)
    points = package.entry_points
    if points:
        await db.execute(
            store.ADD_ENTRY_POINTS,
            tenant_id,
            row_id,
            [point.unique_id for point in points],
            [point.path for point in points],
            [point.type for point in points],
            [point.input_arguments for point in points],
            [point.output_arguments for point in points],
            [point.input_schema for point in points],
            [point.output_schema for point in points],
        )
    return await find_version(db, tenant_id, feed_id, name, package.version)


def _is_library(project_type: str) -> bool:
    return project_type.endswith("Library")


def _values(
    tenant_id: int,
    feed_id: UUID,
    name: str,
    key: str,
    package: Package,
    stored: Stored,
    now: datetime,
    user_id: int | None,
) -> tuple[object, ...]:
    """The parameters of ADD_PACKAGE."""
    main = package.main_entry_point
    return (
        tenant_id,
        feed_id,
        name,
        key,
        package.version,
        package.normalised_version,
        package.version_sort_key,
        package.title,
        package.authors,
        package.description,
        package.release_notes,
        package.tags,
        package.project_url,
        package.license_url,
        package.project_type,
        package.process_type,
        package.target_framework,
        package.target_runtime,
        package.content_type,
        package.requires_user_interaction,
        package.is_attended,
        package.is_compiled,
        package.supports_multiple_entry_points,
        package.main_entry_point_path,
        None if main is None else main.input_arguments,
        None if main is None else main.output_arguments,
        stored.name,
        stored.sha256,
        stored.size_bytes,
        now,
        user_id,
    )

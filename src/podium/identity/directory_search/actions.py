"""Principals of an organization for the other areas, in the shape in which they are answered."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from podium.identity.directory_search import store
from podium.identity.directory_search.entity import Found, described
from podium.identity.directory_search.rules import MEMBER_KINDS, Kind
from podium.kernel.db import Connection


async def members_of(db: Connection, organization_id: UUID, group_ids: Collection[UUID]) -> dict[UUID, list[Found]]:
    """The members of each of the groups by name; deleted ones are none."""
    return await store.members_of(db, organization_id, group_ids, None)


async def described_members(
    db: Connection, organization_id: UUID, group_id: UUID, among: Collection[UUID] | None = None
) -> list[dict[str, object]]:
    """The members of a group by name, all of them or those among the given ids, each as a DirectoryEntity."""
    found = await store.members_of(db, organization_id, [group_id], among)
    return [described(each) for each in found[group_id]]


async def described_entities(
    db: Connection, organization_id: UUID, ids: Collection[UUID], kinds: Sequence[Kind]
) -> list[dict[str, object]]:
    """Those of the ids that are of these kinds, by name, each as a DirectoryEntity."""
    found = await store.by_id(db, organization_id, ids, kinds)
    return [described(each) for each in sorted(found, key=lambda each: (each.name.casefold(), each.id))]


async def not_members(db: Connection, organization_id: UUID, ids: Collection[UUID]) -> list[UUID]:
    """Those of the ids that no group can take: unknown, deleted, of another organization, or groups themselves."""
    if not ids:
        return []
    found = {each.id for each in await store.by_id(db, organization_id, ids, MEMBER_KINDS)}
    return [id_ for id_ in ids if id_ not in found]


async def is_taken(db: Connection, id_: UUID) -> bool:
    """Whether the id was ever given to a principal of any kind and organization: it must not mean a second one."""
    return await store.is_taken(db, id_)

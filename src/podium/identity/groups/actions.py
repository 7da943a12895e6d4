"""Membership in the groups that every organization has."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from podium.identity.groups import store
from podium.identity.groups.rules import ADMINISTRATORS, BUILT_IN, EVERYONE
from podium.identity.names import fold
from podium.kernel.db import Connection
from podium.kernel.ids import uuid7


async def ensure_built_in(db: Connection, organization_id: UUID, now: datetime) -> None:
    """Make the built-in groups that an organization lacks."""
    keys = [fold(name) for name in BUILT_IN]
    await store.add_built_in(db, organization_id, [uuid7() for _ in BUILT_IN], BUILT_IN, keys, now)


async def make_administrator(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> None:
    """Put a user into Administrators."""
    await store.add_member(db, organization_id, fold(ADMINISTRATORS), user_id, now)


async def groups_of(db: Connection, principal: UUID) -> list[UUID]:
    """Ids of the principal's groups; Everyone is among them for an active user."""
    return await store.groups_of(db, principal, fold(EVERYONE))


async def is_administrator(db: Connection, principal: UUID) -> bool:
    """Whether the principal is in Administrators of its organization."""
    return await store.is_member(db, principal, fold(ADMINISTRATORS))

"""Making organizations."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from podium.identity.names import fold
from podium.identity.partitions import store
from podium.identity.partitions.rules import why_not_a_name
from podium.kernel.config import ConfigError
from podium.kernel.db import Connection
from podium.kernel.ids import uuid7


async def ensure_organization(db: Connection, name: str, now: datetime) -> UUID:
    """The id of the organization of that name, made when there is none. Raises ConfigError for a bad name."""
    wrong = why_not_a_name(name)
    if wrong:
        raise ConfigError(f"PODIUM_ORG {name!r} {wrong}.")
    return await store.add_or_find(db, uuid7(), name, fold(name), now)


async def active_organizations(db: Connection) -> list[tuple[str, UUID]]:
    """Folded name and id of every organization that is in use."""
    return [(row["name_key"], row["id"]) for row in await store.active(db)]


async def name_of(db: Connection, organization_id: UUID) -> str:
    """The name of an organization, blank for an unknown one."""
    return await store.name_of(db, organization_id) or ""

"""SQL of settings. Rows with the user id zero belong to the organization itself, those of organization zero to the host."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

NOBODY = UUID(int=0)

OF_KEYS = """
SELECT organization_id, user_id, id, key, key_key, value, sealed FROM identity.settings
 WHERE organization_id = ANY($1::uuid[]) AND user_id = ANY($2::uuid[]) AND key_key = ANY($3::text[])
"""

LOCK_LEVEL = "SELECT pg_advisory_xact_lock(hashtextextended('identity.settings:' || $1::text || ':' || $2::text, 0))"

PUT = """
INSERT INTO identity.settings (organization_id, user_id, key, key_key, value, sealed, updated_at)
SELECT $1, $2, new.key, new.key_key, new.value, new.sealed, $7
  FROM unnest($3::text[], $4::text[], $5::text[], $6::bytea[]) AS new (key, key_key, value, sealed)
ON CONFLICT (organization_id, user_id, key_key) DO UPDATE
   SET key = excluded.key, value = excluded.value, sealed = excluded.sealed, updated_at = excluded.updated_at
"""

DELETE = """
DELETE FROM identity.settings WHERE organization_id = $1 AND user_id = $2 AND key_key = ANY($3::text[]) RETURNING key
"""

BY_ID = "SELECT user_id, key FROM identity.settings WHERE organization_id = $1 AND id = $2"

COUNT = "SELECT count(*) FROM identity.settings WHERE organization_id = $1 AND user_id = $2"

LANGUAGES = """
SELECT (SELECT value FROM identity.settings WHERE organization_id = $1 AND user_id = $2 AND key_key = $3),
       (SELECT value FROM identity.settings
         WHERE organization_id = ANY($4::uuid[]) AND user_id = $5 AND key_key = $3
         ORDER BY (organization_id = $1) DESC LIMIT 1),
       (SELECT language FROM identity.organizations WHERE id = $1)
"""

RETENTIONS = """
SELECT o.id AS organization_id, coalesce(own.value, host.value) AS value
  FROM identity.organizations o
  LEFT JOIN identity.settings own
    ON own.organization_id = o.id AND own.user_id = $1 AND own.key_key = $2
  LEFT JOIN identity.settings host
    ON host.organization_id = $1 AND host.user_id = $1 AND host.key_key = $2
 WHERE coalesce(own.value, host.value) IS NOT NULL
"""


class NewSetting(NamedTuple):
    """A setting to write: one of `value` and `sealed` is None."""

    key: str
    key_key: str
    value: str | None
    sealed: bytes | None


async def of_keys(
    db: Connection, organizations: Collection[UUID], users: Collection[UUID], keys: Collection[str]
) -> list[Record]:
    """organization_id, user_id, id, key, key_key, value, sealed of the settings with these folded keys."""
    return await db.fetch(OF_KEYS, list(organizations), list(users), list(keys))


async def lock_level(db: Connection, organization_id: UUID, user_id: UUID) -> None:
    """Let no other transaction change these settings until this one ends."""
    await db.execute(LOCK_LEVEL, str(organization_id), str(user_id))


async def put(
    db: Connection, organization_id: UUID, user_id: UUID, settings: Sequence[NewSetting], now: datetime
) -> None:
    """Write settings, each of another key."""
    if settings:
        keys, folded, values, sealed = zip(*settings, strict=True)
        await db.execute(PUT, organization_id, user_id, list(keys), list(folded), list(values), list(sealed), now)


async def delete(db: Connection, organization_id: UUID, user_id: UUID, keys: Sequence[str]) -> list[str]:
    """Remove settings by folded key; the keys of those that there were."""
    return [row["key"] for row in await db.fetch(DELETE, organization_id, user_id, list(keys))]


async def by_id(db: Connection, organization_id: UUID, setting_id: int) -> Record | None:
    """user_id and key of a setting."""
    return await db.fetchrow(BY_ID, organization_id, setting_id)


async def count(db: Connection, organization_id: UUID, user_id: UUID) -> int:
    """How many settings the level has."""
    found: int = await db.fetchval(COUNT, organization_id, user_id)
    return found


async def languages(db: Connection, organization_id: UUID, user_id: UUID, key: str, host: UUID) -> Record:
    """The languages that the user, the organization's settings and the organization itself name, each or None."""
    row = await db.fetchrow(LANGUAGES, organization_id, user_id, key, [organization_id, host], NOBODY)
    assert row is not None
    return row


async def retentions(db: Connection, key: str) -> list[Record]:
    """organization_id and value of the key for every organization for which it is set, be it by the host."""
    return await db.fetch(RETENTIONS, NOBODY, key)

"""SQL of the access policy."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from podium.identity.access_policy.rules import Kind, Policy
from podium.kernel.db import Connection

ENTITIES = "SELECT entity_id, kind FROM identity.access_policy WHERE organization_id = $1"

EVERYONE = "SELECT id FROM identity.groups WHERE organization_id = $1 AND is_built_in AND name_key = $2"

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('identity.access_policy ' || $1::text, 0))"

CLEAR = "DELETE FROM identity.access_policy WHERE organization_id = $1 AND entity_id <> ALL($2::uuid[])"

PUT = """
INSERT INTO identity.access_policy (organization_id, entity_id, kind, added_at)
SELECT $1::uuid, e.id, e.kind, $4::timestamptz FROM unnest($2::uuid[], $3::text[]) AS e(id, kind)
ON CONFLICT DO NOTHING
"""

# The last part is for administrators whom deletions and changes of groups left outside, all of them.
MAY_SIGN_IN = """
SELECT NOT EXISTS (SELECT FROM identity.access_policy WHERE organization_id = $1)
    OR EXISTS (SELECT FROM identity.let_in WHERE organization_id = $1 AND user_id = $2)
    OR EXISTS (
      SELECT FROM identity.group_members m
        JOIN identity.groups g ON (g.organization_id, g.id) = (m.organization_id, m.group_id)
       WHERE m.organization_id = $1 AND m.member_id = $2 AND g.is_built_in AND g.name_key = $3)
   AND NOT EXISTS (
      SELECT FROM identity.group_members m
        JOIN identity.groups g ON (g.organization_id, g.id) = (m.organization_id, m.group_id)
        JOIN identity.users u ON (u.organization_id, u.id) = (m.organization_id, m.member_id)
        JOIN identity.let_in l ON (l.organization_id, l.user_id) = (u.organization_id, u.id)
       WHERE m.organization_id = $1 AND g.is_built_in AND g.name_key = $3 AND u.is_active)
"""

LETS_AN_ADMINISTRATOR_IN = """
SELECT EXISTS (
  SELECT FROM identity.group_members m
    JOIN identity.groups g ON (g.organization_id, g.id) = (m.organization_id, m.group_id)
    JOIN identity.users u ON (u.organization_id, u.id) = (m.organization_id, m.member_id)
    JOIN identity.let_in l ON (l.organization_id, l.user_id) = (u.organization_id, u.id)
   WHERE m.organization_id = $1 AND g.is_built_in AND g.name_key = $2 AND u.is_active)
"""


async def entities(db: Connection, organization_id: UUID) -> dict[UUID, Kind]:
    """The stored entities; none: everybody may sign in."""
    return {row["entity_id"]: row["kind"] for row in await db.fetch(ENTITIES, organization_id)}


async def everyone(db: Connection, organization_id: UUID, name_key: str) -> UUID:
    """The id of the group Everyone."""
    found: UUID = await db.fetchval(EVERYONE, organization_id, name_key)
    return found


async def lock(db: Connection, organization_id: UUID) -> None:
    """Let changes of one organization's policy wait for each other until the transaction ends."""
    await db.execute(LOCK, str(organization_id))


async def replace(db: Connection, organization_id: UUID, policy: Policy, now: datetime) -> None:
    """Store these entities and no others."""
    ids: Sequence[UUID] = list(policy)
    await db.execute(CLEAR, organization_id, ids)
    await db.execute(PUT, organization_id, ids, [policy[id_] for id_ in ids], now)


async def may_sign_in(db: Connection, organization_id: UUID, user_id: UUID, administrators_key: str) -> bool:
    """Whether the policy lets the user in."""
    return bool(await db.fetchval(MAY_SIGN_IN, organization_id, user_id, administrators_key))


async def lets_an_administrator_in(db: Connection, organization_id: UUID, administrators_key: str) -> bool:
    """Whether an active administrator is among those whom the stored entities let in."""
    return bool(await db.fetchval(LETS_AN_ADMINISTRATOR_IN, organization_id, administrators_key))

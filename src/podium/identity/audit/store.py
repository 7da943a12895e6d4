"""SQL of the events, from one place in the list on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from asyncpg import Record

from podium.identity.audit.rules import Cursor
from podium.kernel.db import Connection

OLDER = """
SELECT t.id, t.created_at, t.category, t.action, t.entity_id, t.entity_name, t.actor_kind, t.actor_id, t.actor_name,
       t.detail, t.is_success, u.email, o.name AS organization_name
  FROM identity.audit_events t
  JOIN identity.organizations o ON o.id = t.organization_id
  LEFT JOIN identity.users u ON u.organization_id = t.organization_id AND u.id = t.actor_id
 WHERE t.organization_id = $1
   AND ($2::timestamptz IS NULL OR (t.created_at, t.id) < ($2::timestamptz, $3::bigint))
   AND ($4::timestamptz IS NULL OR t.created_at >= $4) AND ($5::timestamptz IS NULL OR t.created_at < $5)
   AND ($6::text[] IS NULL OR lower(t.category) = ANY($6)) AND ($7::text[] IS NULL OR lower(t.action) = ANY($7))
   AND ($8::uuid[] IS NULL OR t.actor_id = ANY($8)) AND ($9::boolean IS NULL OR t.is_success = $9)
 ORDER BY t.created_at DESC, t.id DESC LIMIT $10
"""
NEWER = """
SELECT t.id, t.created_at, t.category, t.action, t.entity_id, t.entity_name, t.actor_kind, t.actor_id, t.actor_name,
       t.detail, t.is_success, u.email, o.name AS organization_name
  FROM identity.audit_events t
  JOIN identity.organizations o ON o.id = t.organization_id
  LEFT JOIN identity.users u ON u.organization_id = t.organization_id AND u.id = t.actor_id
 WHERE t.organization_id = $1
   AND ($2::timestamptz IS NULL OR (t.created_at, t.id) > ($2::timestamptz, $3::bigint))
   AND ($4::timestamptz IS NULL OR t.created_at >= $4) AND ($5::timestamptz IS NULL OR t.created_at < $5)
   AND ($6::text[] IS NULL OR lower(t.category) = ANY($6)) AND ($7::text[] IS NULL OR lower(t.action) = ANY($7))
   AND ($8::uuid[] IS NULL OR t.actor_id = ANY($8)) AND ($9::boolean IS NULL OR t.is_success = $9)
 ORDER BY t.created_at, t.id LIMIT $10
"""


class Wanted(NamedTuple):
    """Which events: from (with) and to (without) an instant, folded names; None: all."""

    since: datetime | None
    until: datetime | None
    targets: Sequence[str] | None
    types: Sequence[str] | None
    users: Sequence[UUID] | None
    is_success: bool | None


async def older(
    db: Connection, organization_id: UUID, wanted: Wanted, after: Cursor | None, limit: int
) -> list[Record]:
    """The newest events, or those that follow a place in the list downwards; newest first."""
    place = after or (None, None)
    return await db.fetch(OLDER, organization_id, *place, *wanted, limit)


async def newer(db: Connection, organization_id: UUID, wanted: Wanted, before: Cursor, limit: int) -> list[Record]:
    """The events just above a place in the list; newest first."""
    rows = await db.fetch(NEWER, organization_id, *before, *wanted, limit)
    return list(reversed(rows))

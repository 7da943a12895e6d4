"""Events leave the process only after the commit: they are rows first, and loops deliver them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec

from podium.kernel.db import Connection
from podium.kernel.ids import uuid7


class Event(NamedTuple):
    """Something that happened. `type` is the webhook name (`job.created`), `payload` its body without the envelope."""

    type: str
    payload: Mapping[str, object]
    folder_id: int | None = None


ADD = """
INSERT INTO kernel.outbox (tenant_id, event_id, type, folder_id, user_id, occurred_at, payload)
SELECT $1::int, e.id, e.type, e.folder_id, $2::bigint, $3::timestamptz, e.payload::jsonb
  FROM unnest($4::uuid[], $5::text[], $6::bigint[], $7::text[]) AS e(id, type, folder_id, payload)
"""


async def add(db: Connection, tenant_id: int, user_id: int | None, now: datetime, events: Sequence[Event]) -> None:
    """Store events in the caller's transaction, in their order."""
    await db.execute(
        ADD,
        tenant_id,
        user_id,
        now,
        [uuid7() for _ in events],
        [event.type for event in events],
        [event.folder_id for event in events],
        [msgspec.json.encode(event.payload).decode() for event in events],
    )

"""Which sessions report, kept in memory and written in batches: a heartbeat with nothing to do touches no table."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from podium.kernel.db import Database

SessionKey = tuple[int, str, str]

FLUSH_BEATS = """
INSERT INTO orchestrator.session_beats (tenant_id, session_id, reported_at)
SELECT * FROM unnest($1::int[], $2::bigint[], $3::timestamptz[])
ON CONFLICT (tenant_id, session_id) DO UPDATE SET reported_at = greatest(session_beats.reported_at, excluded.reported_at)
"""
BACK = """
UPDATE orchestrator.sessions t SET is_unresponsive = false, changed_at = n.reported_at
  FROM unnest($1::int[], $2::bigint[], $3::timestamptz[]) AS n(tenant_id, id, reported_at)
 WHERE t.tenant_id = n.tenant_id AND t.id = n.id AND t.is_unresponsive
"""


@dataclass(slots=True)
class LiveSession:
    """A session that reports to this node.

    `folders`: those that its machine serves. `version`: of the signals at the last look into the database; `commands`:
    what it had to do then; `looked_for`: how many jobs it
    would have taken, None for any number; `told`: what a long poll has answered, and when.
    """

    tenant_id: int
    session_id: int
    machine_id: int
    machine_name: str
    host_name: str
    machine_robot_id: int
    machine_robot_key: UUID
    folders: tuple[int, ...]
    reported_at: datetime
    version: int = -1
    looked_at: datetime | None = None
    commands: list[dict[str, Any]] = field(default_factory=list)
    looked_for: int | None = None
    told: dict[tuple[object, ...], datetime] = field(default_factory=dict)
    is_written: bool = True
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Presence:
    """The sessions that report to this process, by machine, host and service user."""

    def __init__(self) -> None:
        self.sessions: dict[SessionKey, LiveSession] = {}

    def beat(self, session: LiveSession, now: datetime) -> None:
        """The session reported."""
        session.reported_at = now
        session.is_written = False

    def forget_tenant(self, tenant_id: int | None) -> None:
        """Access changed, without an id in any tenant: sessions are read again at their next report."""
        for key in [key for key, session in self.sessions.items() if tenant_id in (None, session.tenant_id)]:
            del self.sessions[key]

    async def flush(self, db: Database) -> int:
        """Write the instants of the sessions that reported since the last time; how many."""
        due = [session for session in self.sessions.values() if not session.is_written]
        if not due:
            return 0
        for session in due:
            session.is_written = True
        due.sort(key=lambda session: (session.tenant_id, session.session_id))
        async with db.acquire() as connection:
            tenants, ids = [session.tenant_id for session in due], [session.session_id for session in due]
            instants = [session.reported_at for session in due]
            await connection.execute(FLUSH_BEATS, tenants, ids, instants)
            await connection.execute(BACK, tenants, ids, instants)
        return len(due)

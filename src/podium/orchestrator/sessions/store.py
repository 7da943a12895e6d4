"""SQL that opens, changes and watches sessions."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.kernel.db import Connection

OPEN = """
INSERT INTO orchestrator.sessions (tenant_id, key, machine_id, host_name, host_key, service_user, service_user_key, version,
                                   platform, capabilities, opened_at, changed_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
ON CONFLICT (tenant_id, machine_id, host_key, service_user_key) DO UPDATE
   SET state = 'Available', is_unresponsive = false, version = excluded.version, platform = excluded.platform,
       capabilities = excluded.capabilities, changed_at = excluded.changed_at,
       opened_at = CASE WHEN $12::boolean THEN excluded.opened_at ELSE sessions.opened_at END
RETURNING id
"""
ATTACH_ROBOT = (
    "UPDATE orchestrator.sessions t SET robot_id = $3::bigint, changed_at = $4 WHERE t.tenant_id = $1 AND t.id = $2"
)
CLOSE = """
UPDATE orchestrator.sessions t SET state = 'Disconnected', robot_id = NULL, changed_at = $3 WHERE t.tenant_id = $1 AND t.id = $2
"""
HOSTS_OF_MACHINE = "SELECT t.host_key FROM orchestrator.sessions t WHERE t.tenant_id = $1 AND t.machine_id = $2"
SILENT = """
UPDATE orchestrator.sessions t SET is_unresponsive = true, changed_at = $1::timestamptz
 WHERE t.state = 'Available' AND NOT t.is_unresponsive AND t.changed_at < $2::timestamptz
   AND NOT EXISTS (SELECT FROM orchestrator.session_beats b
                    WHERE b.tenant_id = t.tenant_id AND b.session_id = t.id AND b.reported_at >= $2::timestamptz)
RETURNING t.tenant_id, t.id
"""
# Sessions whose host is gone for good: silent or closed since $1, with jobs that still count as running there.
GONE = """
SELECT DISTINCT t.tenant_id, t.id FROM orchestrator.sessions t
  JOIN orchestrator.jobs j ON j.tenant_id = t.tenant_id AND j.session_id = t.id AND j.state IN (1, 2, 3)
 WHERE (t.is_unresponsive OR t.state = 'Disconnected') AND t.changed_at < $1::timestamptz LIMIT 200
"""
# Hosts that came back between $2 and $1: what they ran before and have not spoken of since is lost.
RESTARTED = """
SELECT DISTINCT t.tenant_id, t.id, t.opened_at FROM orchestrator.sessions t
  JOIN orchestrator.jobs j ON j.tenant_id = t.tenant_id AND j.session_id = t.id AND j.state IN (1, 2, 3) AND j.reported_at < t.opened_at
 WHERE t.opened_at < $1::timestamptz AND t.opened_at > $2::timestamptz LIMIT 200
"""


class Host(NamedTuple):
    """What a host says of itself in its headers."""

    machine_id: int
    host_name: str
    service_user: str
    version: str | None
    platform: str
    capabilities: list[str] | None


async def open_session(
    db: Connection, tenant_id: int, key: UUID, host: Host, now: datetime, *, is_restart: bool
) -> int:
    """Id of the session of the host, made or taken up again; a restart is noted."""
    id_: int = await db.fetchval(
        OPEN,
        tenant_id,
        key,
        host.machine_id,
        host.host_name,
        host.host_name.casefold(),
        host.service_user,
        host.service_user.casefold(),
        host.version,
        host.platform,
        host.capabilities,
        now,
        is_restart,
    )
    return id_


async def attach_robot(db: Connection, tenant_id: int, session_id: int, robot_id: int | None, now: datetime) -> None:
    """Whose attended jobs the session runs."""
    await db.execute(ATTACH_ROBOT, tenant_id, session_id, robot_id, now)


async def close(db: Connection, tenant_id: int, session_id: int, now: datetime) -> None:
    """The host's service stopped."""
    await db.execute(CLOSE, tenant_id, session_id, now)


async def hosts_of_machine(db: Connection, tenant_id: int, machine_id: int) -> set[str]:
    """Folded names of the hosts that ever used the machine's key."""
    return {row["host_key"] for row in await db.fetch(HOSTS_OF_MACHINE, tenant_id, machine_id)}

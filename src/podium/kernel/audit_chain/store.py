"""SQL of the audit chain."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from asyncpg import Record

from podium.kernel.audit_chain.rules import Checkpoint, Erasure, Head
from podium.kernel.db import Connection

CLUSTER = "SELECT system_identifier::text FROM pg_control_system()"
HEAD = """
SELECT seq, chain_hash, read_transaction_id, read_id, cluster_id, made_at, kid, signature FROM kernel.audit_chain_head
"""
# One sealing at a time, whatever becomes of the loop's lease; also before there is a head to lock.
LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('kernel.audit_chain', 0))"
PUT_HEAD = """
INSERT INTO kernel.audit_chain_head (seq, chain_hash, read_transaction_id, read_id, cluster_id, made_at, kid, signature)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
ON CONFLICT (is_only) DO UPDATE
   SET seq = excluded.seq, chain_hash = excluded.chain_hash, read_transaction_id = excluded.read_transaction_id,
       read_id = excluded.read_id, cluster_id = excluded.cluster_id, made_at = excluded.made_at, kid = excluded.kid,
       signature = excluded.signature
"""
# `xmin` of the snapshot: every transaction below it has ended, so no row can appear below it any more.
ENDED = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
UNSEALED = """
SELECT a.* FROM kernel.audit a
 WHERE (a.transaction_id, a.id) > ($1::bigint, $2::bigint) AND a.transaction_id < $3::bigint
   AND NOT EXISTS (SELECT FROM kernel.audit_chain c WHERE c.audit_id = a.id)
 ORDER BY a.transaction_id, a.id LIMIT $4
"""
UNSEALED_OF_ANY_CLUSTER = """
SELECT a.* FROM kernel.audit a
 WHERE NOT EXISTS (SELECT FROM kernel.audit_chain c WHERE c.audit_id = a.id)
 ORDER BY a.executed_at, a.id LIMIT $1
"""
ADD_LINKS = """
INSERT INTO kernel.audit_chain (seq, tenant_id, executed_at, audit_id, salt, personal_hash, row_hash, chain_hash)
SELECT * FROM unnest($1::bigint[], $2::int[], $3::timestamptz[], $4::bigint[], $5::bytea[], $6::bytea[], $7::bytea[], $8::bytea[])
"""
LAST_CHECKPOINT = """
SELECT number, seq, chain_hash, rows, made_at, removed_before, kid, signature
  FROM kernel.audit_checkpoints ORDER BY number DESC LIMIT 1
"""
CHECKPOINTS_AFTER = """
SELECT number, seq, chain_hash, rows, made_at, removed_before, kid, signature
  FROM kernel.audit_checkpoints WHERE number > $1 ORDER BY number LIMIT $2
"""
ADD_CHECKPOINT = """
INSERT INTO kernel.audit_checkpoints (number, seq, chain_hash, rows, made_at, removed_before, kid, signature)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
OF_SUBJECT = """
SELECT a.*, c.seq FROM kernel.audit a LEFT JOIN kernel.audit_chain c ON c.audit_id = a.id
 WHERE a.actor_id = $1 OR a.entity_id = $1::text
    OR (a.organization_id IS NULL AND a.detail::text LIKE '%' || $1::text || '%')
 ORDER BY a.executed_at, a.id FOR UPDATE OF a
"""
ERASE_ROW = """
UPDATE kernel.audit SET actor_name = $4, entity_name = $5, detail = $6::jsonb
 WHERE tenant_id = $1 AND executed_at = $2 AND id = $3
"""
DROP_SALT = "UPDATE kernel.audit_chain SET salt = NULL WHERE seq = $1"
PUT_ERASURE = """
INSERT INTO kernel.audit_erasures (audit_id, seq, erased_hash, erased_at, kid, signature) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (audit_id) DO UPDATE
   SET erased_hash = excluded.erased_hash, erased_at = excluded.erased_at, kid = excluded.kid, signature = excluded.signature
"""
# The last checkpoint before the first link to a row that stays: links up to it are not needed.
REMOVABLE = """
SELECT p.seq FROM kernel.audit_checkpoints p
 WHERE p.seq < coalesce((SELECT min(c.seq) FROM kernel.audit_chain c WHERE c.executed_at >= $1), $2)
 ORDER BY p.seq DESC LIMIT 1
"""
DELETE_LINKS = "DELETE FROM kernel.audit_chain WHERE seq <= $1"
DELETE_ERASURES = "DELETE FROM kernel.audit_erasures WHERE seq <= $1"


async def lock(db: Connection) -> None:
    """Until the end of the transaction nobody else changes the chain."""
    await db.execute(LOCK)


async def cluster(db: Connection) -> str:
    """The id of the PostgreSQL cluster, which a copy by dump and restore does not share."""
    return str(await db.fetchval(CLUSTER))


async def head(db: Connection) -> Head | None:
    """The last link; None before the first sealing."""
    row = await db.fetchrow(HEAD)
    return None if row is None else Head(*row)


async def put_head(db: Connection, new: Head) -> None:
    """Replace it."""
    await db.execute(PUT_HEAD, *new)


async def ended(db: Connection) -> int:
    """The lowest number of a transaction that may still be running."""
    return int(await db.fetchval(ENDED))


async def unsealed(db: Connection, after: tuple[int, int], before: int, limit: int) -> list[Record]:
    """Audit rows of ended transactions that are in no link yet, in the order of their transactions."""
    return await db.fetch(UNSEALED, *after, before, limit)


async def unsealed_of_any_cluster(db: Connection, limit: int) -> list[Record]:
    """The same without regard to transaction numbers, which are another cluster's or missing; reads the whole trail."""
    return await db.fetch(UNSEALED_OF_ANY_CLUSTER, limit)


async def add_links(db: Connection, rows: Sequence[tuple[object, ...]]) -> None:
    """Append links: seq, tenant, instant, id, salt and the three hashes of each."""
    await db.execute(ADD_LINKS, *(list(column) for column in zip(*rows, strict=True)))


async def last_checkpoint(db: Connection) -> Checkpoint | None:
    """The newest one."""
    row = await db.fetchrow(LAST_CHECKPOINT)
    return None if row is None else Checkpoint(*row)


async def checkpoints_after(db: Connection, number: int, limit: int) -> list[Checkpoint]:
    """Those with higher numbers, in their order."""
    return [Checkpoint(*row) for row in await db.fetch(CHECKPOINTS_AFTER, number, limit)]


async def add_checkpoint(db: Connection, new: Checkpoint) -> None:
    """Keep it."""
    await db.execute(ADD_CHECKPOINT, *new)


async def of_subject(db: Connection, subject: object) -> list[Record]:
    """Audit rows that somebody caused or that are about him, with the number of their link; locked.

    Tenants know people by numbers of their own: there it counts that the kept state or request names him.
    """
    return await db.fetch(OF_SUBJECT, subject)


async def erase(
    db: Connection, key: tuple[int, datetime, int], actor: str, entity: str | None, detail: str | None
) -> None:
    """Put other names and details into an audit row."""
    await db.execute(ERASE_ROW, *key, actor, entity, detail)


async def put_erasure(db: Connection, new: Erasure) -> None:
    """Keep the record of an erasure and drop the salt of what was there."""
    await db.execute(DROP_SALT, new.seq)
    await db.execute(PUT_ERASURE, *new)


async def removable(db: Connection, before: datetime, seq: int) -> int | None:
    """The link, a checkpoint, up to which the chain ends with rows from before an instant; `seq` is its last link."""
    found: int | None = await db.fetchval(REMOVABLE, before, seq)
    return found


async def delete_links(db: Connection, until: int) -> None:
    """Delete the links up to and with this one."""
    await db.execute(DELETE_LINKS, until)
    await db.execute(DELETE_ERASURES, until)

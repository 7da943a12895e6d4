"""Puts audit rows into the chain after their commit, and signs where it ends.

Calls do not wait for the chain: they insert their row and are done. This loop follows about a second behind. Rows get
their ids before they are committed, so "every id after the last" would miss whoever commits late; it takes the rows by
the number of their transaction instead, up to the oldest one that is still running.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from asyncpg import Record

from podium.kernel.audit_chain import files, rules, store
from podium.kernel.audit_chain.rules import START, Checkpoint, Head, link
from podium.kernel.audit_chain.signing import PUBLIC_KEY_FILE, Signer
from podium.kernel.db import Connection
from podium.kernel.loops import Loop

BATCH = 1000
CATCH_UP_BATCH = 10_000
SALT_BYTES = 16

log = structlog.get_logger(__name__)


def loops(signer: Signer, data_dir: Path) -> list[Loop]:
    """The loop that seals; the public key is put beside the checkpoints at once."""
    _write_public_key(signer, data_dir / PUBLIC_KEY_FILE)
    diary = files.Diary(data_dir / files.CHECKPOINTS_FILE)

    async def turn(db: Connection, now: datetime) -> int:
        await publish(db, diary)
        return await seal(db, signer, now)

    return [Loop("audit.seal", every=timedelta(seconds=1), turn=turn)]


async def seal(db: Connection, signer: Signer, now: datetime) -> int:
    """Append the rows that are due, at most one batch, and sign; how many. In the caller's transaction."""
    await store.lock(db)
    head, cluster = await store.head(db), await store.cluster(db)
    ended = await store.ended(db)
    if head is None or head.cluster_id != cluster:
        # the numbers of before mean nothing here, or there are none: what is missing is found by comparing
        rows = await store.unsealed_of_any_cluster(db, CATCH_UP_BATCH)
        is_complete = len(rows) < CATCH_UP_BATCH
        read = (ended - 1, 2**63 - 1) if is_complete else (0, 0)
        cluster = cluster if is_complete else ""
    else:
        rows = await store.unsealed(db, (head.read_transaction_id, head.read_id), ended, BATCH)
        read = (rows[-1]["transaction_id"], rows[-1]["id"]) if rows else (head.read_transaction_id, head.read_id)
    seq, chain_hash = (head.seq, head.chain_hash) if head else (0, START)
    if rows:
        seq, chain_hash = await _append(db, seq, chain_hash, rows)
    if rows or head is None or head.cluster_id != cluster:
        new = Head(seq, chain_hash, *read, cluster, now, signer.kid)
        await store.put_head(db, new._replace(signature=signer.sign(new.statement)))
    last = await store.last_checkpoint(db)
    if rules.is_checkpoint_due(seq, last, now):
        await add_checkpoint(db, signer, seq, chain_hash, last, now)
    return len(rows)


async def add_checkpoint(
    db: Connection,
    signer: Signer,
    seq: int,
    chain_hash: bytes,
    last: Checkpoint | None,
    now: datetime,
    removed_before: datetime | None = None,
) -> Checkpoint:
    """Sign the link `seq` for good; `last` is the checkpoint before."""
    number, rows = (last.number + 1, seq - last.seq) if last else (1, seq)
    new = Checkpoint(number, seq, chain_hash, rows, now, removed_before, signer.kid)
    new = new._replace(signature=signer.sign(new.statement))
    await store.add_checkpoint(db, new)
    return new


async def _append(db: Connection, seq: int, chain_hash: bytes, rows: Sequence[Record]) -> tuple[int, bytes]:
    links: list[tuple[object, ...]] = []
    for row in rows:
        salt = secrets.token_bytes(SALT_BYTES)
        personal = rules.personal_hash(row, salt)
        of_row = rules.row_hash(row, personal)
        seq, chain_hash = seq + 1, link(chain_hash, of_row)
        links.append((seq, row["tenant_id"], row["executed_at"], row["id"], salt, personal, of_row, chain_hash))
    await store.add_links(db, links)
    return seq, chain_hash


async def publish(db: Connection, diary: files.Diary) -> None:
    """Log the committed checkpoints that this node has not written down, and write them down."""
    last = await asyncio.to_thread(diary.last_number)
    if last is None:  # a new folder: the present end is what matters from now on
        newest = await store.last_checkpoint(db)
        new = [] if newest is None else [newest]
    else:
        new = await store.checkpoints_after(db, last, BATCH)
    if not new:
        return
    await asyncio.to_thread(diary.append, new)
    for one in new:
        log.info(
            "audit.checkpoint",
            number=one.number,
            seq=one.seq,
            chain_hash=one.chain_hash.hex(),
            made_at=one.made_at.isoformat(),
            kid=one.kid,
            signature=one.signature.hex(),
        )


def _write_public_key(signer: Signer, path: Path) -> None:
    """Never over another one: a key that changes is what a verification is to find."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        if path.read_bytes() != signer.public.pem:
            log.warning("audit.other_public_key", path=str(path), kid=signer.kid)
        return
    with os.fdopen(descriptor, "wb") as file:
        file.write(signer.public.pem)

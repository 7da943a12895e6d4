"""Compares the audit trail with its chain, the chain with its signatures, and both with what was written down elsewhere.

Works in one pass over the rows in the order of sealing and holds none of them, whatever the size of the trail. What it
reads must be one snapshot: the caller gives a connection in a repeatable-read transaction.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from asyncpg import Record

from podium.kernel.audit_chain import files, rules, store
from podium.kernel.audit_chain.rules import START, Checkpoint, Erasure, Head, link
from podium.kernel.audit_chain.signing import PublicKey
from podium.kernel.db import Connection

NAMED = 1000
"""Wrong rows that are named; of more only the number is told."""
PREFETCH = 2000

LINKS = """
SELECT c.seq, c.audit_id, c.executed_at AS sealed_as, c.salt, c.personal_hash, c.row_hash, c.chain_hash, a.*,
       e.seq AS erased_seq, e.erased_hash, e.erased_at, e.kid AS erased_kid, e.signature AS erased_signature
  FROM kernel.audit_chain c
  LEFT JOIN kernel.audit a ON a.tenant_id = c.tenant_id AND a.executed_at = c.executed_at AND a.id = c.audit_id
  LEFT JOIN kernel.audit_erasures e ON e.audit_id = c.audit_id
 ORDER BY c.seq
"""
WITHOUT_LINK = """
SELECT a.id, a.tenant_id, a.executed_at, a.transaction_id FROM kernel.audit a
 WHERE NOT EXISTS (SELECT FROM kernel.audit_chain c
                    WHERE c.audit_id = a.id AND c.tenant_id = a.tenant_id AND c.executed_at = a.executed_at)
"""
CHECKPOINTS = """
SELECT number, seq, chain_hash, rows, made_at, removed_before, kid, signature
  FROM kernel.audit_checkpoints ORDER BY number
"""
REMOVED = """
SELECT number, seq, chain_hash, rows, made_at, removed_before, kid, signature
  FROM kernel.audit_checkpoints WHERE removed_before IS NOT NULL ORDER BY removed_before DESC
"""


@dataclass(slots=True)
class Verdict:
    """What was found. `rows`: proven as they were sealed; `open`: committed and not sealed yet, so nothing is known."""

    rows: int = 0
    open: int = 0
    removed: int = 0
    erased: int = 0
    checkpoints: int = 0
    wrong: int = 0
    findings: list[str] = field(default_factory=list)

    def add(self, finding: str) -> None:
        """Something is wrong."""
        self.wrong += 1
        if len(self.findings) < NAMED:
            self.findings.append(finding)


@dataclass(slots=True)
class _Chain:
    """Where the pass is: the link before, and the instant of the last checkpoint that was passed."""

    seq: int
    chain_hash: bytes | None
    passed_at: datetime | None = None


async def verify(db: Connection, key: PublicKey, written: Iterable[Path] = ()) -> Verdict:
    """Check everything; `written`: files of checkpoints. Raises OSError for a file that cannot be read."""
    verdict = Verdict()
    head = await store.head(db)
    if head is not None and not key.has_signed(head):
        verdict.add("the end of the chain: its signature is not the installation's")
    removed_before = await _removed_before(db, key)
    end, missing = await _links(db, key, verdict, removed_before)
    _compare_end(verdict, head, end)
    last = await _without_link(db, verdict, head, await store.last_checkpoint(db), missing)
    for audit_id in last:
        verdict.add(f"row {audit_id}: deleted")
    await _compare_written(db, key, verdict, written, end.seq)
    return verdict


async def _removed_before(db: Connection, key: PublicKey) -> datetime | None:
    """Rows from before this instant may be missing; said by a checkpoint of ours."""
    for row in await db.fetch(REMOVED):
        checkpoint = Checkpoint(*row)
        if key.has_signed(checkpoint):
            return checkpoint.removed_before
    return None


async def _links(
    db: Connection, key: PublicKey, verdict: Verdict, removed_before: datetime | None
) -> tuple[_Chain, dict[int, int]]:
    """Follow the chain; where it ends, and the rows that a link leads to and that are not there, by their ids."""
    missing: dict[int, int] = {}
    checkpoints = _trusted(db, key, verdict)
    due = await anext(checkpoints, None)
    at = _Chain(0, START)
    is_first = True
    async for row in db.cursor(LINKS, prefetch=PREFETCH):
        if is_first and row["seq"] > 1:
            while due is not None and due.seq < row["seq"] - 1:
                due = await anext(checkpoints, None)
            is_start = due is not None and due.seq == row["seq"] - 1 and removed_before is not None
            at = _Chain(row["seq"] - 1, due.chain_hash if due and is_start else None)
            if not is_start:
                verdict.add(f"links 1 to {row['seq'] - 1}: deleted")
        is_first = False
        while due is not None and due.seq < row["seq"]:
            _pass(verdict, at, due)
            due = await anext(checkpoints, None)
        _follow(verdict, at, row)
        _check_row(verdict, key, at, row, removed_before, missing)
    while due is not None:
        _pass(verdict, at, due)
        due = await anext(checkpoints, None)
    return at, missing


async def _trusted(db: Connection, key: PublicKey, verdict: Verdict) -> AsyncIterator[Checkpoint]:
    """The checkpoints with our signature, in their order; the others, and gaps, are findings."""
    before: Checkpoint | None = None
    async for row in db.cursor(CHECKPOINTS, prefetch=PREFETCH):
        checkpoint = Checkpoint(*row)
        verdict.checkpoints += 1
        if not key.has_signed(checkpoint):
            verdict.add(f"checkpoint {checkpoint.number}: its signature is not the installation's")
            continue
        expected = before.number + 1 if before else checkpoint.number
        if checkpoint.number != expected or (before is not None and checkpoint.seq < before.seq):
            verdict.add(f"checkpoints {expected} to {checkpoint.number - 1}: deleted")
        before = checkpoint
        yield checkpoint


def _pass(verdict: Verdict, at: _Chain, checkpoint: Checkpoint) -> None:
    if checkpoint.seq == at.seq and at.chain_hash is not None and checkpoint.chain_hash != at.chain_hash:
        verdict.add(f"link {at.seq}: the chain up to here is not the one of checkpoint {checkpoint.number}")
    elif checkpoint.seq > at.seq:
        verdict.add(f"links {at.seq + 1} to {checkpoint.seq}: truncated, checkpoint {checkpoint.number} knows them")
    at.passed_at = checkpoint.made_at


def _follow(verdict: Verdict, at: _Chain, row: Record) -> None:
    """From one link to the next, by what the chain itself holds."""
    if row["seq"] != at.seq + 1:
        verdict.add(f"links {at.seq + 1} to {row['seq'] - 1}: deleted")
    elif at.chain_hash is not None and link(at.chain_hash, row["row_hash"]) != row["chain_hash"]:
        verdict.add(f"link {row['seq']} (row {row['audit_id']}): changed, or in another order than it was sealed in")
    at.seq, at.chain_hash = row["seq"], row["chain_hash"]


def _check_row(
    verdict: Verdict,
    key: PublicKey,
    at: _Chain,
    row: Record,
    removed_before: datetime | None,
    missing: dict[int, int],
) -> None:
    """Compare an audit row with its link."""
    if row["id"] is None:
        if removed_before is not None and row["sealed_as"] < removed_before:
            verdict.removed += 1
        else:
            missing[row["audit_id"]] = row["seq"]
        return
    if row["erased_hash"] is not None:
        erasure = Erasure(
            row["audit_id"],
            row["erased_seq"],
            row["erased_hash"],
            row["erased_at"],
            row["erased_kid"],
            row["erased_signature"],
        )
        is_right = (
            erasure.seq == row["seq"]
            and key.has_signed(erasure)
            and rules.personal_hash(row, b"") == erasure.erased_hash
            and rules.row_hash(row, row["personal_hash"]) == row["row_hash"]
        )
        verdict.erased += is_right
    else:
        personal = rules.personal_hash(row, row["salt"] or b"")
        is_right = rules.row_hash(row, personal) == row["row_hash"] and personal == row["personal_hash"]
    if not is_right:
        verdict.add(f"row {row['audit_id']}: altered (link {row['seq']}, {row['executed_at']:%Y-%m-%d %H:%M:%S})")
    elif rules.is_too_old(row["executed_at"], at.passed_at):
        verdict.add(f"row {row['audit_id']}: inserted later than its time {row['executed_at']:%Y-%m-%d %H:%M:%S} says")
    else:
        verdict.rows += 1


def _compare_end(verdict: Verdict, head: Head | None, end: _Chain) -> None:
    if head is None:
        if end.seq:
            verdict.add("the end of the chain: deleted")
    elif head.seq > end.seq:
        verdict.add(f"links {end.seq + 1} to {head.seq}: truncated")
    elif head.seq < end.seq or (end.seq and head.chain_hash != end.chain_hash):
        verdict.add(f"link {end.seq}: the chain does not end as it was signed")


async def _without_link(
    db: Connection, verdict: Verdict, head: Head | None, last: Checkpoint | None, missing: dict[int, int]
) -> list[int]:
    """Rows that no link leads to: altered in what names them, inserted, or just not sealed yet.

    Of the missing rows those remain that were not found again under another name.
    """
    reads_all = head is None or head.cluster_id != await store.cluster(db)
    async for row in db.cursor(WITHOUT_LINK, prefetch=PREFETCH):
        if missing.pop(row["id"], None) is not None:
            verdict.add(f"row {row['id']}: altered (its tenant or its time)")
            continue
        is_after = reads_all or (
            head is not None
            and row["transaction_id"] is not None
            and (row["transaction_id"], row["id"]) > (head.read_transaction_id, head.read_id)
        )
        if is_after and not rules.is_too_old(row["executed_at"], last.made_at if last else None):
            verdict.open += 1
        else:
            verdict.add(f"row {row['id']}: inserted ({row['executed_at']:%Y-%m-%d %H:%M:%S})")
    return list(missing)


async def _compare_written(db: Connection, key: PublicKey, verdict: Verdict, written: Iterable[Path], end: int) -> None:
    """The checkpoints of files must be in the database, as they are."""
    for path in written:
        async for finding in _of_file(db, key, path, end):
            verdict.add(f"{path.name} {finding}")


async def _of_file(db: Connection, key: PublicKey, path: Path, end: int) -> AsyncIterator[str]:
    for batch in _batches(files.read(path)):
        numbers = [one.number for _, one in batch if one is not None]
        rows = await db.fetch(CHECKPOINTS_OF, numbers)
        kept = {row["number"]: Checkpoint(*row) for row in rows}
        first = await db.fetchval(FIRST_CHECKPOINT)
        for line, one in batch:
            if one is None:
                yield f"line {line}: not a checkpoint"
            elif not key.has_signed(one):
                yield f"line {line}: its signature is not the installation's"
            elif one.seq > end:
                yield f"line {line}: the trail is truncated: it had {one.seq} links on {one.made_at:%Y-%m-%d %H:%M:%S}"
            elif one.number not in kept:
                if first is None or one.number > first:
                    yield f"line {line}: checkpoint {one.number} is not in the database"
            elif kept[one.number] != one:
                yield f"line {line}: checkpoint {one.number} is another one in the database"


CHECKPOINTS_OF = """
SELECT number, seq, chain_hash, rows, made_at, removed_before, kid, signature
  FROM kernel.audit_checkpoints WHERE number = ANY($1::bigint[])
"""
FIRST_CHECKPOINT = "SELECT min(number) FROM kernel.audit_checkpoints"


def _batches(
    lines: Iterator[tuple[int, Checkpoint | None]],
) -> Iterator[list[tuple[int, Checkpoint | None]]]:
    batch = []
    for line in lines:
        batch.append(line)
        if len(batch) == PREFETCH:
            yield batch
            batch = []
    if batch:
        yield batch

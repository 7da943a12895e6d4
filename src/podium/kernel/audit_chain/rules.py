"""What is hashed and what is signed, byte for byte. Pure.

A row's hash is over its columns in a fixed order, each with a mark for null and its length, so that no two rows read the
same. Names and details enter it by a salted hash of their own: they can be erased later and the chain still holds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple, Protocol

START = bytes(32)
"""The link before the first."""

PUBLIC = (
    "id",
    "tenant_id",
    "executed_at",
    "operation",
    "component",
    "action",
    "entity_id",
    "actor_kind",
    "actor_id",
    "user_id",
    "client_id",
    "folder_id",
    "trace_id",
    "organization_id",
    "transaction_id",
)
PERSONAL = ("actor_name", "entity_name", "detail")
"""Columns of kernel.audit; together all of them."""

CHECKPOINT_ROWS = 1000
CHECKPOINT_SECONDS = 60
"""A checkpoint is due after so many rows, or so long after the last one when there are rows since."""

LATEST = timedelta(hours=1)
"""How long after the call's instant its row may be committed, and not look as if it was slipped in later."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ROW = b"podium audit row 1\0"
_PERSONAL = b"podium audit personal 1\0"


class Columns(Protocol):
    """A row by the names of its columns."""

    def __getitem__(self, name: str, /) -> Any: ...


def personal_hash(row: Columns, salt: bytes) -> bytes:
    """Over what may have to be erased; `salt` is random, or empty for what stands there after an erasure."""
    return hashlib.sha256(_PERSONAL + salt + _encoded(row[name] for name in PERSONAL)).digest()


def row_hash(row: Columns, personal: bytes) -> bytes:
    """Over a whole row of kernel.audit."""
    return hashlib.sha256(_ROW + _encoded(row[name] for name in PUBLIC) + personal).digest()


def link(before: bytes, of_row: bytes) -> bytes:
    """The next hash of the chain."""
    return hashlib.sha256(before + of_row).digest()


class Head(NamedTuple):
    """The last link and how far the trail was read."""

    seq: int
    chain_hash: bytes
    read_transaction_id: int
    read_id: int
    cluster_id: str
    made_at: datetime
    kid: str
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        """What its signature is over."""
        return _statement("head", *self[:-1])


class Checkpoint(NamedTuple):
    """A link that is signed for good. Numbers count from 1 without a gap."""

    number: int
    seq: int
    chain_hash: bytes
    rows: int
    made_at: datetime
    removed_before: datetime | None
    kid: str
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        """What its signature is over."""
        return _statement("checkpoint", *self[:-1])


class Erasure(NamedTuple):
    """The names and details of a row were replaced by something whose hash is `erased_hash`."""

    audit_id: int
    seq: int
    erased_hash: bytes
    erased_at: datetime
    kid: str
    signature: bytes = b""

    @property
    def statement(self) -> bytes:
        """What its signature is over."""
        return _statement("erasure", *self[:-1])


def is_checkpoint_due(seq: int, last: Checkpoint | None, now: datetime) -> bool:
    """Whether the chain, which ends at `seq`, gets its next checkpoint now."""
    if last is None:
        return seq > 0
    new = seq - last.seq
    return new >= CHECKPOINT_ROWS or (new > 0 and abs(now - last.made_at) >= timedelta(seconds=CHECKPOINT_SECONDS))


def is_too_old(executed_at: datetime, last: datetime | None) -> bool:
    """Whether a row is from before what had been sealed by then (`last`, a checkpoint's instant)."""
    return last is not None and executed_at < last - LATEST


def _statement(kind: str, *values: object) -> bytes:
    return f"podium audit {kind} 1\0".encode() + _encoded(values)


def _encoded(values: Iterable[object]) -> bytes:
    parts = bytearray()
    for value in values:
        if value is None:
            parts += b"\0"
            continue
        raw = _bytes(value)
        parts += b"\1" + len(raw).to_bytes(4, "big") + raw
    return bytes(parts)


def _bytes(value: object) -> bytes:
    if isinstance(value, bytes):
        return value
    if isinstance(value, datetime):
        return str((value - _EPOCH) // timedelta(microseconds=1)).encode()
    return str(value).encode("utf-8", "surrogatepass")

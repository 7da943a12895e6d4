"""Checkpoints outside the database: one JSON object per line, appended and never changed.

A node appends those that were committed while it sealed, so the files of several nodes are parts of one list.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from podium.kernel.audit_chain.rules import Checkpoint

CHECKPOINTS_FILE = "audit-checkpoints.jsonl"
TAIL_BYTES = 8192  # more than a line


class Diary:
    """The file of this node; one task at a time."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._last: int | None = None
        self._size = 0

    def last_number(self) -> int | None:
        """The number of the last whole line; None when there is none. Reads the file when it is not as it was left."""
        size = self._path.stat().st_size if self._path.exists() else 0
        if size != self._size:  # at the start, and after another process of this machine sealed for a while
            self._last, self._size = None, size
            with self._path.open("rb") as file:
                file.seek(max(0, size - TAIL_BYTES))
                lines = file.read().splitlines()
            for line in reversed(lines):
                try:
                    self._last = decode(line).number
                    break
                except ValueError:  # cut off by a crash
                    continue
        return self._last

    def append(self, checkpoints: Iterable[Checkpoint]) -> None:
        """Write them down; they are on the disk when this returns."""
        new = list(checkpoints)
        with self._path.open("ab+") as file:
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                if file.read(1) != b"\n":
                    file.write(b"\n")
            file.write(b"".join(encode(one) + b"\n" for one in new))
            file.flush()
            os.fsync(file.fileno())
            self._size = file.tell()
        self._last = new[-1].number


def encode(checkpoint: Checkpoint) -> bytes:
    """One line, without its end."""
    return msgspec.json.encode(
        {
            **checkpoint._asdict(),
            "chain_hash": checkpoint.chain_hash.hex(),
            "signature": checkpoint.signature.hex(),
        }
    )


def decode(line: bytes) -> Checkpoint:
    """The checkpoint of a line. Raises ValueError."""
    try:
        said: dict[str, Any] = msgspec.json.decode(line, type=dict[str, Any])
        removed = said["removed_before"]
        return Checkpoint(
            number=int(said["number"]),
            seq=int(said["seq"]),
            chain_hash=bytes.fromhex(said["chain_hash"]),
            rows=int(said["rows"]),
            made_at=datetime.fromisoformat(said["made_at"]),
            removed_before=None if removed is None else datetime.fromisoformat(removed),
            kid=str(said["kid"]),
            signature=bytes.fromhex(said["signature"]),
        )
    except (msgspec.MsgspecError, KeyError, TypeError, ValueError) as error:
        raise ValueError("not the line of a checkpoint") from error


def read(path: Path) -> Iterator[tuple[int, Checkpoint | None]]:
    """Line numbers from 1 with their checkpoints; None for a line that is none. Blank lines are left out."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            if not line.strip():
                continue
            try:
                yield number, decode(line)
            except ValueError:
                yield number, None

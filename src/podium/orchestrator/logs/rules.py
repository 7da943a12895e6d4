"""What a robot's log entry means: level, instant, fingerprint, limits. Pure."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID

LEVELS = ("Trace", "Debug", "Info", "Warn", "Error", "Fatal")
INFO, WARN, ERROR = 2, 3, 4

MAX_MESSAGE = 1_000_000  # characters
MAX_NAME = 512  # characters of a process, robot, account or host
OLDEST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # a clock may be wrong by so much before its time is not believed

# Names of .NET's, Python's and Node's loggers.
_LEVEL_OF = {name.lower(): number for number, name in enumerate(LEVELS)} | {
    "verbose": 0,
    "information": INFO,
    "warning": WARN,
    "critical": 5,
}
_INSTANT = re.compile(
    r"\s*(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:[.,](\d{1,9}))?\s*(?:([Zz])|([+-]\d\d):?(\d\d))?\s*", re.ASCII
)


class Entry(NamedTuple):
    """One entry, ready for its table. `folder_id` is what the robot says and counts only without a known job.

    `raw_message`: the entry's JSON text. `job_key` None: the entry names no job, or not by a GUID.
    """

    logged_at: datetime
    level: int
    job_key: UUID | None
    folder_id: int | None
    fingerprint: UUID
    process_name: str | None
    robot_name: str | None
    windows_identity: str | None
    host_name: str | None
    message: str | None
    raw_message: str


def entry(fields: Mapping[str, object], raw: str, now: datetime, *, repeat: int = 0) -> Entry:
    """The entry of a decoded object whose JSON text is `raw`; what cannot be read has its default.

    `repeat`: how many equal texts came before it in the same batch, so that entries without a fingerprint that differ
    in nothing are all kept, and yet a batch sent twice is kept once.
    """
    said = {name.lower(): value for name, value in fields.items()}
    job_key = guid(said.get("jobid") or said.get("jobkey"))
    return Entry(
        instant(said.get("timestamp"), now),
        level(said.get("level")),
        job_key,
        _whole(said.get("organizationunitid")),
        _fingerprint(said.get("fingerprint"), job_key, raw, repeat),
        text(said.get("processname"), MAX_NAME),
        text(said.get("robotname"), MAX_NAME),
        text(said.get("windowsidentity"), MAX_NAME),
        text(said.get("machinename") or said.get("hostmachinename"), MAX_NAME),
        text(said.get("message"), MAX_MESSAGE),
        _storable(raw),
    )


def level(value: object) -> int:
    """The number of a level given by name in any case or by number; Info for what is neither."""
    if isinstance(value, str):
        name = value.strip().lower()
        return int(name) if name in ("0", "1", "2", "3", "4", "5") else _LEVEL_OF.get(name, INFO)
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 <= value < len(LEVELS) else INFO  # type: ignore[operator,return-value]


def instant(value: object, now: datetime) -> datetime:
    """The instant of an ISO 8601 text, cut to microseconds, UTC without an offset; `now` for what cannot be true."""
    match = _INSTANT.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return now
    day, time, fraction, _, hours, minutes = match.groups()
    seconds = time if len(time) == 8 else f"{time}:00"
    offset = f"{hours}:{minutes}" if hours else "+00:00"
    try:
        found = datetime.fromisoformat(f"{day}T{seconds}.{(fraction or '0')[:6]:0<6}{offset}").astimezone(UTC)
    except (ValueError, OverflowError):
        return now
    return found if OLDEST <= found <= now + AHEAD else now


def guid(value: object) -> UUID | None:
    """The GUID in a text, None when there is none."""
    if not isinstance(value, str):
        return None
    try:
        return UUID(value.strip())
    except ValueError:
        return None


def text(value: object, limit: int) -> str | None:
    """A text that PostgreSQL can store, cut to `limit` characters; other plain values as text, null for structures."""
    if isinstance(value, str):
        return _storable(value[:limit])
    return None if value is None or isinstance(value, dict | list) else str(value)[:limit]


def _storable(value: str) -> str:
    """Without NUL and halves of surrogate pairs, which PostgreSQL's text cannot hold."""
    return value.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def _whole(value: object) -> int | None:
    if isinstance(value, str) and value.strip().isascii() and value.strip().isdigit():
        value = int(value.strip()[:20])
    is_id = isinstance(value, int) and not isinstance(value, bool)
    return value if is_id and 0 < value < 2**63 else None  # type: ignore[operator,return-value]


def _fingerprint(value: object, job_key: UUID | None, raw: str, repeat: int) -> UUID:
    found = guid(value)
    if found is not None:
        return found
    known = f"{job_key}\n{value}" if isinstance(value, str) and value.strip() else f"{job_key}\n{repeat}\n{raw}"
    return UUID(bytes=hashlib.blake2b(known.encode("utf-8", "replace"), digest_size=16).digest())

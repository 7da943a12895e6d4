"""Reads the body of a log call: entries as JSON texts inside JSON strings, or as objects, or one of them alone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec

from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.logs import rules

MAX_ENTRIES = 10_000
BYTE_ORDER_MARK = b"\xef\xbb\xbf"

_elements = msgspec.json.Decoder(list[msgspec.Raw])
_string = msgspec.json.Decoder(str)
_object = msgspec.json.Decoder(dict[str, Any])


def read(body: bytes, now: datetime) -> list[rules.Entry]:
    """The entries that can be read; a malformed one is left out and does not keep the others from being kept.

    Raises BadRequest when the body as a whole is not JSON, or has more than MAX_ENTRIES.
    """
    elements = _split(body.removeprefix(BYTE_ORDER_MARK).strip())
    if len(elements) > MAX_ENTRIES:
        raise BadRequest(f"logs: {len(elements)} entries, at most {MAX_ENTRIES} are taken at once.")
    seen: Counter[str] = Counter()
    found: list[rules.Entry] = []
    for element in elements:
        opened = _open(bytes(element).strip())
        if opened is None:
            continue
        fields, raw = opened
        entry = rules.entry(fields, raw, now, repeat=seen[raw])
        seen[raw] += 1
        if entry.message is not None and len(raw) > rules.MAX_MESSAGE:
            entry = entry._replace(raw_message=_shortened(fields))
        found.append(entry)
    return found


def _split(body: bytes) -> Sequence[bytes | msgspec.Raw]:
    if not body or body == b"null":
        raise BadRequest("logs must not be null", Code.NONE)
    if body[:1] in (b'"', b"{"):
        return [body]
    if body[:1] != b"[":
        raise BadRequest("logs: expected an array of log entries.", Code.PARAMETER_INVALID)
    try:
        return _elements.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return [json.dumps(element).encode() for element in _tolerantly(body, "logs is not valid JSON.")]


def _open(element: bytes) -> tuple[dict[str, Any], str] | None:
    """The members and the JSON text of one entry; None when it is malformed."""
    try:
        raw = _text_of(element) if element[:1] == b'"' else element.decode()
        try:
            return _object.decode(raw), raw
        except (msgspec.DecodeError, UnicodeError):
            fields = _tolerantly(raw.encode("utf-8", "replace"), "")
    except (BadRequest, UnicodeError, RecursionError):
        return None
    return (fields, raw) if isinstance(fields, dict) else None


def _text_of(element: bytes) -> str:
    try:
        return _string.decode(element)
    except msgspec.DecodeError:
        return str(_tolerantly(element, ""))


def _tolerantly(body: bytes, message: str) -> Any:
    """By the parser of the standard library, which also takes halves of surrogate pairs and numbers without limit."""
    try:
        return json.loads(body, parse_constant=_refuse)
    except (ValueError, RecursionError):
        raise BadRequest(message, Code.PARAMETER_INVALID) from None


def _refuse(word: str) -> object:
    raise ValueError(word)


def _shortened(fields: dict[str, Any]) -> str:
    """The JSON text with every member cut to what a message may have."""
    kept = {
        name[: rules.MAX_NAME]: rules.text(value, rules.MAX_MESSAGE)
        for name, value in fields.items()
        if not isinstance(value, dict | list)
    }
    while len(json.dumps(kept)) > 2 * rules.MAX_MESSAGE:
        del kept[max((name for name in kept if name.lower() != "message"), key=lambda name: len(kept[name] or ""))]
    return json.dumps(kept, ensure_ascii=False)

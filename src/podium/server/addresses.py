"""Reads a request path: which context it is for, which organization and tenant it names, which route is left.

All shapes of the field lead to the same routes: `/odata/..`, `/{org}/{tenant}/orchestrator_/odata/..`,
`/{org}/{tenant}/odata/..`, `/orchestrator_/api/..`, `/identity/..`, `/identity_/..`, `/{org}/identity_/..`,
`/{org}/{tenant}/identity_/..`, and the same under `/{prt_id}/`.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

ORCHESTRATOR = "orchestrator"
IDENTITY = "identity"

# Services of the vendor's cloud that identity answers for; their word stays the first segment of the route.
_FACADES = frozenset({"portal_", "audit_", "orgaudit_"})
_CONTEXTS = {
    "orchestrator_": ORCHESTRATOR,
    "orchestrator": ORCHESTRATOR,
    "identity": IDENTITY,
    "identity_": IDENTITY,
    **dict.fromkeys(_FACADES, IDENTITY),
}
_ROOTS = frozenset({"odata", "api", "tasks", "forms", "t"})
LONGEST_KEPT = 200
_RESERVED = (
    _ROOTS | frozenset(_CONTEXTS) | frozenset({"swagger", "healthz", "readyz", "livez", "metrics", "console", "blobs"})
)


class Address(NamedTuple):
    """`path` starts with a slash and is what the contract's rows are compared with; `prefix` is what was cut off."""

    context: str
    organization: str | None
    tenant: str | None
    path: str
    prefix: str


def resolve(path: str) -> Address:
    """Split a decoded path. A literal `..` (a client builds one) takes back the segment before it."""
    return _kept(path) if len(path) <= LONGEST_KEPT else _split(path)


@lru_cache(maxsize=4096)
def _kept(path: str) -> Address:
    return _split(path)


def _split(path: str) -> Address:
    segments = path.split("/")[1:]
    if ".." in segments or "." in segments:
        segments = _normalise(segments)
    for position in range(min(3, len(segments))):
        word = segments[position].lower()
        context = _CONTEXTS.get(word)
        if context is not None:
            rest = segments[position + 1 :]
            if word in _FACADES:
                while rest and rest[0].lower() == word:  # a client doubles this segment
                    rest = rest[1:]
                rest = [word, *rest]
            return _address(context, segments[:position], rest, segments[: position + 1])
        if word in _ROOTS and (position == 0 or len(segments) > position + 1) and not _is_name(segments, position):
            return _address(ORCHESTRATOR, segments[:position], segments[position:], segments[:position])
    return _address(ORCHESTRATOR, [], segments, [])


def is_reserved(name: str) -> bool:
    """Whether an organization or tenant may not have this name."""
    return name.lower() in _RESERVED


def _is_name(segments: list[str], position: int) -> bool:
    """`/t/...` is a route at the root or after two names only; elsewhere `t` may be a tenant's first letter."""
    return segments[position].lower() == "t" and position == 1


def _address(context: str, names: list[str], rest: list[str], prefix: list[str]) -> Address:
    organization = names[0] if names else None
    tenant = names[1] if len(names) > 1 else None
    joined = "/" + "/".join(rest)
    if len(joined) > 1 and joined.endswith("/"):
        joined = joined.rstrip("/") or "/"
    return Address(context, organization, tenant, joined, "".join("/" + part for part in prefix))


def _normalise(segments: list[str]) -> list[str]:
    kept: list[str] = []
    for segment in segments:
        if segment == "..":
            if kept:
                kept.pop()
        elif segment != ".":
            kept.append(segment)
    return kept

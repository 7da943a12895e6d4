"""Names and the one fixed id of organizations. Pure."""

from __future__ import annotations

import re
from uuid import UUID

from podium.identity.names import fold

HOST_ID = UUID(int=0)
"""The host: what belongs to the installation and to no organization."""

RESERVED_NAMES = frozenset(
    ("t", "odata", "api", "identity", "identity_", "portal_", "orchestrator_", "tasks", "forms", "swagger")
) | frozenset(("healthz", "readyz", "livez", "metrics", "console", "host"))
"""First path segments that an organization or tenant cannot have."""

LANGUAGES = ("en", "de", "es", "es-mx", "fr", "ja", "ko", "pt", "pt-br", "ru", "tr", "zh-cn", "zh-tw")
"""The published codes."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,62}")


def why_not_a_name(name: str) -> str | None:
    """What is wrong with the name of an organization, None when nothing is. It becomes a segment of every address."""
    if not _NAME.fullmatch(name):
        return "may hold up to 63 letters, digits, '-', '_' and '.', and starts with a letter or digit"
    if fold(name) in RESERVED_NAMES:
        return "is reserved"
    return None

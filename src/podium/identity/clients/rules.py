"""Which scopes a client gets, whether a secret is its own, and which web pages may call. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, UUID, uuid5

from podium.kernel.secrets import hash_machine_secret, same

ClientKind = Literal["external", "machine", "first_party"]

BUILT_IN_PUBLIC_CLIENT = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"
"""The client id that the vendor's command lines and SDKs carry; public, PKCE."""

BUILT_IN_REDIRECTS = ("http://localhost:8104/oidc/login",)
"""The CLI picks one of several ports; loopback addresses match with any (RFC 8252 7.3)."""

MACHINE_SCOPE = "OrchestratorApiUserAccess"

_ORCHESTRATOR = (
    "Administration Analytics Assets Audit BackgroundTasks BusinessRules Execution Folders Hypervisor Jobs License"
    " Machines ML Monitoring Queues Robots Settings Tasks TestDataQueues TestSetExecutions TestSetSchedules TestSets"
    " Users Webhooks"
)
_PLATFORM = "Audit AuthSetting Group License MessageTemplate OAuthApp RobotAccount Setting User UserLoginAttempt"

ORCHESTRATOR_SCOPES = tuple(f"OR.{name}" for name in _ORCHESTRATOR.split())
PLATFORM_SCOPES = tuple(f"PM.{name}" for name in _PLATFORM.split())

MARKER_SCOPE = "OR.Default"
"""Limits nothing and gives nothing: rights come from the application's roles (decision 33). No user scope."""

APPLICATION_SCOPES = (*ORCHESTRATOR_SCOPES, *PLATFORM_SCOPES, MARKER_SCOPE)
"""Bare names; each but OR.Default covers its `.Read` and `.Write`."""

WIDTHS = ("", ".Read", ".Write")

USER_SCOPES = frozenset(f"{family}{width}" for family in (*ORCHESTRATOR_SCOPES, *PLATFORM_SCOPES) for width in WIDTHS)
"""What an application or a personal token may have to speak for a user."""

OPENID_SCOPES = ("openid", "profile", "email", "offline_access")

_SCOPE_TOKEN = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]{1,200}")  # RFC 6749, appendix A.4
_MAX_SCOPES = 200
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_NO_HASH = bytes(32)


class Secret(NamedTuple):
    """SHA-256 of a client's secret and when it ends (None: never)."""

    hash: bytes
    expires_at: datetime | None


class Client(NamedTuple):
    """A program that may ask for tokens. `id` is the principal; `client_id` what it calls itself."""

    organization_id: UUID
    id: UUID
    client_id: str
    kind: ClientKind
    name: str
    is_confidential: bool
    redirect_uris: tuple[str, ...]
    application_scopes: tuple[str, ...]
    user_scopes: tuple[str, ...]
    takes_any_scope: bool
    secrets: tuple[Secret, ...]
    post_logout_uris: tuple[str, ...] = ()
    requires_consent: bool = False


class ScopeRefused(Exception):
    """A scope that the client does not get; the message is for the `error_description`."""


def principal_id(client_id: str) -> UUID:
    """The GUID of a client as a principal: its client id where that is one, else one derived from it."""
    try:
        return UUID(client_id)
    except ValueError:
        return uuid5(NAMESPACE_URL, f"podium:client:{client_id}")


def is_own_secret(client: Client | None, presented: Iterable[str], now: datetime) -> bool:
    """Whether one of the presented texts is a secret of the client that has not ended.

    Does the same work, but for the number of secrets, whether or not there is such a client.
    """
    stored = [one for one in client.secrets if one.expires_at is None or one.expires_at > now] if client else []
    found = False
    for text in presented:
        digest = hash_machine_secret(text)
        for one in stored or [Secret(_NO_HASH, None)]:
            found |= same(digest, one.hash)
    return found and bool(stored)


def parse_scopes(text: str) -> list[str]:
    """The scopes of a request, each once, in their order. Raises ScopeRefused for text that holds no scope names."""
    names = list(dict.fromkeys(text.split(" "))) if text else []
    names = [name for name in names if name]
    if len(names) > _MAX_SCOPES or not all(_SCOPE_TOKEN.fullmatch(name) for name in names):
        raise ScopeRefused("The scope is malformed.")
    return names


def covers(granted: Iterable[str], scope: str) -> bool:
    """Whether a scope is among the granted ones; a bare one covers its `.Read` and `.Write`."""
    held = set(granted)
    family, _, verb = scope.rpartition(".")
    return scope in held or (verb in ("Read", "Write") and family in held)


def application_grant(client: Client, requested: Sequence[str]) -> list[str]:
    """The scopes of a client_credentials token; nothing requested means all. Raises ScopeRefused."""
    for scope in requested:
        if scope in OPENID_SCOPES:
            raise ScopeRefused(f"The scope {scope} belongs to a user; this grant has none.")
        if not covers(client.application_scopes, scope):
            is_user_scope = client.takes_any_scope or covers(client.user_scopes, scope)
            who = "is not allowed to access User scopes" if is_user_scope else "does not have the scope"
            raise ScopeRefused(f"The client {who}: {scope}")
    return list(requested or client.application_scopes)


def narrowed_grant(granted: Sequence[str], requested: Sequence[str]) -> list[str]:
    """The scopes of a renewed token: those asked for, none beyond the sign-in's. Raises ScopeRefused."""
    for scope in requested:
        if not covers(granted, scope):
            raise ScopeRefused(f"The scope was not granted at sign-in: {scope}")
    return list(requested or granted)


def is_allowed_origin(origin: str, redirect_uris: Iterable[str]) -> bool:
    """Whether a page of that origin may read token answers: it is the origin of a registered redirect address.

    A loopback address stands for every port of its host, as it does when it is redirected to.
    """
    asked = _origin(origin)
    if asked is None or f"{asked[0]}://" != origin[: len(asked[0]) + 3] or urlsplit(origin).path:
        return False
    for uri in redirect_uris:
        known = _origin(uri)
        if known is None:
            continue
        if asked == known or (asked[1] in LOOPBACK and asked[:2] == known[:2]):
            return True
    return False


def _origin(address: str) -> tuple[str, str, int] | None:
    """Scheme, host and port of a web address; None when it is none."""
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
        return None
    return parts.scheme, parts.hostname, port or (443 if parts.scheme == "https" else 80)

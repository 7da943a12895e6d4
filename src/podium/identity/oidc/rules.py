"""Reading an authorization request, and whether it may go on, asks the user, or is refused. Pure."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import NamedTuple
from urllib.parse import parse_qsl, quote, urlencode, urlsplit
from uuid import UUID

from podium.identity.clients.rules import OPENID_SCOPES, Client, ScopeRefused, covers, parse_scopes
from podium.identity.oidc.errors import AuthorizeError, NoRedirect
from podium.identity.partitions.rules import HOST_ID
from podium.identity.sessions.rules import Session

MAX_QUERY_CHARACTERS = 16 * 1024
MAX_PARAMETERS = 100
MAX_NONCE_CHARACTERS = 1024

PROMPTS = ("none", "login", "consent", "select_account")
"""The values of `prompt` that are understood."""

ASKED_AT = "asked_at"
"""Parameter of the callback: milliseconds since 1970 when the user was sent to sign in or to agree."""

CARRIED = (
    *("response_type", "client_id", "redirect_uri", "scope", "state", "nonce", "prompt", "max_age", "login_hint"),
    *("id_token_hint", "ui_locales", "acr_values", "response_mode", "code_challenge", "code_challenge_method"),
)
"""Parameters that come along through the sign-in; whatever else a client sends is dropped."""

_NOT_SUPPORTED: Mapping[str, AuthorizeError] = {
    "request": AuthorizeError("request_not_supported", "Request objects are not supported."),
    "request_uri": AuthorizeError("request_uri_not_supported", "Request objects are not supported."),
    "registration": AuthorizeError("registration_not_supported", "Clients are registered by an administrator."),
}
_LOOPBACK = re.compile(r"http://(?P<host>localhost|127\.0\.0\.1|\[::1\])(?::(?P<port>[0-9]{1,5}))?(?P<rest>[/?][^#]*)?")
_CHALLENGE = re.compile(r"[A-Za-z0-9_-]{43}")
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}")
_TENANT = "tenantName:"


class Parameters(NamedTuple):
    """What a client sent. `repeated`: names given more than once, which are not among the values."""

    values: Mapping[str, str]
    repeated: frozenset[str]


class AuthorizeRequest(NamedTuple):
    """An authorization request whose client and redirect address are good.

    `asked_at`: when the user was sent to a page for it, None before. `flow`: what its way back is known by (see
    `sessions.rules.flow_of`), blank before. `organization_id`: the one to sign in to, None when any will do; filled by
    `actions.asked` for the pages. `tenant_name`: what `acr_values` names, blank without.
    """

    client: Client
    redirect_uri: str
    scopes: tuple[str, ...]
    state: str | None
    nonce: str | None
    code_challenge: str | None
    prompts: frozenset[str]
    max_age: timedelta | None
    login_hint: str
    id_token_hint: str
    tenant_name: str
    ui_locales: str
    carried: tuple[tuple[str, str], ...]
    asked_at: datetime | None
    flow: bytes
    organization_id: UUID | None = None

    @property
    def is_native(self) -> bool:
        """Whether any program on the user's machine can pose as this client: it has no secret and listens there."""
        return not self.client.is_confidential and _LOOPBACK.fullmatch(self.redirect_uri) is not None


class Consent(NamedTuple):
    """What a user agreed to last. `flow`: for which request, until that was answered."""

    scopes: Sequence[str]
    flow: bytes | None


class Step(Enum):
    """What comes next."""

    SIGN_IN = "sign in"
    CONSENT = "consent"
    ANSWER = "answer"


def parse_parameters(query: str) -> Parameters:
    """The parameters of a query or form. Raises NoRedirect for text that cannot be read."""
    if len(query) > MAX_QUERY_CHARACTERS:
        raise NoRedirect("The request is too long.", {})
    try:
        pairs = parse_qsl(query, keep_blank_values=True, errors="strict", max_num_fields=MAX_PARAMETERS)
    except ValueError:  # UnicodeDecodeError is one
        raise NoRedirect("The request is malformed.", {}) from None
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise NoRedirect("The request is malformed.", {})
    values: dict[str, str] = {}
    repeated = set()
    for name, value in pairs:
        if name in values:
            repeated.add(name)
        values[name] = value
    return Parameters({name: value for name, value in values.items() if name not in repeated}, frozenset(repeated))


def is_registered(redirect_uri: str, registered: Iterable[str]) -> bool:
    """Whether a redirect address is one of the registered ones, letter for letter.

    Only the port of a loopback host is free, as native applications listen on any (RFC 8252, 7.3); `localhost`,
    `127.0.0.1` and `[::1]` are three hosts.
    """
    known = list(registered)
    if "#" in redirect_uri:
        return False
    if redirect_uri in known:
        return True
    asked = _LOOPBACK.fullmatch(redirect_uri)
    if asked is None or (asked["port"] is not None and not 0 < int(asked["port"]) < 65536):
        return False
    matches = (_LOOPBACK.fullmatch(one) for one in known)
    return any(one is not None and (one["host"], one["rest"]) == (asked["host"], asked["rest"]) for one in matches)


def redirect_address(parameters: Parameters, client: Client | None) -> str:
    """The registered address to answer to. Raises NoRedirect, also for an unknown client."""
    if client is None:
        raise NoRedirect("The client is not known.", parameters.values)
    redirect_uri = parameters.values.get("redirect_uri", "")
    if not is_registered(redirect_uri, client.redirect_uris):
        raise NoRedirect("The redirect_uri is not registered for the client.", parameters.values)
    return redirect_uri


def read_request(
    parameters: Parameters, client: Client, redirect_uri: str, flow: bytes, *, is_callback: bool
) -> AuthorizeRequest:
    """The request of a client, in its registered address' name. Raises AuthorizeError."""
    values = parameters.values
    if parameters.repeated:
        raise AuthorizeError("invalid_request", f"The parameter {min(parameters.repeated)} is given twice.")
    for name, refusal in _NOT_SUPPORTED.items():
        if name in values:
            raise AuthorizeError(refusal.error, refusal.description)
    _check_response(values)
    nonce = values.get("nonce")
    if nonce is not None and len(nonce) > MAX_NONCE_CHARACTERS:
        raise AuthorizeError("invalid_request", f"The nonce is longer than {MAX_NONCE_CHARACTERS} characters.")
    return AuthorizeRequest(
        client=client,
        redirect_uri=redirect_uri,
        scopes=tuple(_user_grant(client, values.get("scope", ""))),
        state=values.get("state"),
        nonce=nonce,
        code_challenge=_challenge(values, client),
        prompts=_prompts(values.get("prompt", "")),
        max_age=_max_age(values.get("max_age", "")),
        login_hint=values.get("login_hint", ""),
        id_token_hint=values.get("id_token_hint", ""),
        tenant_name=_tenant_name(values.get("acr_values", "")),
        ui_locales=values.get("ui_locales", ""),
        carried=tuple((name, values[name]) for name in CARRIED if name in values),
        asked_at=_instant(values.get(ASKED_AT, "")) if is_callback else None,
        flow=flow,
    )


def _check_response(values: Mapping[str, str]) -> None:
    wanted = values.get("response_type", "")
    if not wanted:
        raise AuthorizeError("invalid_request", "The response_type is missing.")
    if wanted != "code":
        raise AuthorizeError("unsupported_response_type", "Only the response_type code is supported.")
    if values.get("response_mode", "query") != "query":
        raise AuthorizeError("invalid_request", "Only the response_mode query is supported.")


def _challenge(values: Mapping[str, str], client: Client) -> str | None:
    """The PKCE challenge (RFC 7636). Clients without a secret must send one; it must be a hash."""
    challenge = values.get("code_challenge")
    if challenge is None:
        if "code_challenge_method" in values:
            raise AuthorizeError("invalid_request", "There is a code_challenge_method without a code_challenge.")
        if not client.is_confidential:
            raise AuthorizeError("invalid_request", "The code_challenge is missing.")
        return None
    if values.get("code_challenge_method", "plain") != "S256":
        raise AuthorizeError("invalid_request", "The code_challenge_method must be S256.")
    if not _CHALLENGE.fullmatch(challenge):
        raise AuthorizeError("invalid_request", "The code_challenge is malformed.")
    return challenge


def is_verified(verifier: str | None, challenge: str | None) -> bool:
    """Whether who redeems a code is who asked for it. A verifier without a challenge proves a mix-up."""
    if challenge is None:
        return verifier is None
    if verifier is None or not _VERIFIER.fullmatch(verifier):
        return False
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == challenge


def _prompts(text: str) -> frozenset[str]:
    found = frozenset(text.split(" ")) - {""}
    if not found <= set(PROMPTS):
        raise AuthorizeError("invalid_request", "The prompt is not known.")
    if "none" in found and len(found) > 1:
        raise AuthorizeError("invalid_request", "The prompt none stands alone.")
    return found


def _max_age(text: str) -> timedelta | None:
    if not text:
        return None
    if not re.fullmatch(r"[0-9]{1,9}", text):
        raise AuthorizeError("invalid_request", "The max_age is not a number of seconds.")
    return timedelta(seconds=int(text))


def _tenant_name(acr_values: str) -> str:
    """What `tenantName:` names; other values are ignored, as the specification has it."""
    names = (one.removeprefix(_TENANT) for one in acr_values.split(" ") if one.startswith(_TENANT))
    return next(names, "")


def _instant(text: str) -> datetime | None:
    return datetime.fromtimestamp(int(text) / 1000, UTC) if re.fullmatch(r"[0-9]{1,14}", text) else None


def _user_grant(client: Client, text: str) -> list[str]:
    try:
        return user_grant(client, parse_scopes(text))
    except ScopeRefused as refusal:
        raise AuthorizeError("invalid_scope", str(refusal)) from None


def user_grant(client: Client, requested: Sequence[str]) -> list[str]:
    """The scopes that a client gets in a user's name; nothing requested means all it has. Raises ScopeRefused.

    Scopes that nobody knows are for the built-in public client only (decision 33).
    """
    for scope in requested:
        is_its_own = client.takes_any_scope or scope in OPENID_SCOPES or covers(client.user_scopes, scope)
        if not is_its_own:
            only_itself = covers(client.application_scopes, scope)
            what = "is not allowed to access Application scopes for users" if only_itself else "does not have the scope"
            raise ScopeRefused(f"The client {what}: {scope}")
    granted = list(requested or client.user_scopes)
    if not granted:
        raise ScopeRefused("The scope is missing.")
    return granted


def is_of_client(client: Client, organization_id: UUID) -> bool:
    """Whether users of an organization may sign in to the client: to its own, or to the host's from anywhere."""
    return client.organization_id in (HOST_ID, organization_id)


def next_step(
    request: AuthorizeRequest, session: Session | None, consent: Consent | None, hinted: UUID | None, now: datetime
) -> Step:
    """What the request needs before its answer. Raises AuthorizeError where the client wants no page to be shown.

    `hinted`: the user that a valid `id_token_hint` names.
    """
    is_silent = "none" in request.prompts
    if session is None or not _is_fresh(request, session, now) or hinted not in (None, session.user_id):
        if is_silent:
            raise AuthorizeError("login_required", "The user is not signed in.")
        return Step.SIGN_IN
    if _has_consent(request, session, consent):
        return Step.ANSWER
    if is_silent:
        raise AuthorizeError("consent_required", "The user has to agree.")
    return Step.CONSENT


def _is_fresh(request: AuthorizeRequest, session: Session, now: datetime) -> bool:
    """Whether the session is one of the client's organization and as young as the request wants it."""
    if not is_of_client(request.client, session.organization_id):
        return False
    is_of_this_flow = request.asked_at is not None and session.authenticated_at >= request.asked_at
    if request.prompts & {"login", "select_account"}:
        return is_of_this_flow
    return is_of_this_flow or request.max_age is None or now - session.authenticated_at <= request.max_age


def _has_consent(request: AuthorizeRequest, session: Session, consent: Consent | None) -> bool:
    if consent is not None and consent.flow == request.flow:
        return True
    if "consent" in request.prompts:
        return False
    if request.is_native and session.flow != request.flow:  # RFC 8252, 8.6: any program there can ask in its name
        return False
    return not request.client.requires_consent or (consent is not None and set(request.scopes) <= set(consent.scopes))


def return_path(request: AuthorizeRequest, issuer: str, asked_at: datetime) -> str:
    """The path and query that leads back from the pages, with the instant when the user was sent there."""
    carried = (*request.carried, (ASKED_AT, str(int(asked_at.timestamp() * 1000))))
    return f"{callback_path(issuer)}?{urlencode(carried)}"


def callback_path(issuer: str) -> str:
    """The path of the address that signs a request's way back."""
    return f"{urlsplit(issuer).path}/connect/authorize/callback"


def with_parameters(address: str, parameters: Mapping[str, str | None]) -> str:
    """An address with more parameters in its query; those that are None are left out."""
    pairs = {name: value for name, value in parameters.items() if value is not None}
    if not pairs:
        return address
    return f"{address}{'&' if '?' in address else '?'}{urlencode(pairs, quote_via=quote)}"

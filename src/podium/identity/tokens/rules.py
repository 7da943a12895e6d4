"""What an access token must say, and what may be done with a refresh token. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from enum import Enum
from typing import Literal, NamedTuple, cast
from uuid import UUID

from podium.kernel.errors import Unauthenticated

SKEW_S = 60
"""How far the clocks of two nodes may be apart."""

CLASSIC_CLIENT = "podium.classic"
"""The client id in tokens of `api/Account/Authenticate`; no registered client has it (theirs are GUIDs or keys)."""

ROBOT_CLIENT = "podium.robot"
"""The client id in tokens of jobs; likewise."""

JOB_TOKEN_LIFETIME_S = 24 * 3600
"""A job's token ends with its job, which the orchestrator is asked for; this is the end of one that nobody reports on."""

JOB_SCOPE = "OrchestratorApiUserAccess"

ORCHESTRATOR_RESOURCE = "UiPath.Orchestrator"
IDENTITY_RESOURCE = "IdentityServerApi"

_IDENTITY_SCOPES = ("PM.", "IdentityServerApi", "Directory")
_ORCHESTRATOR_SCOPES = ("OR.", "Orchestrator")

TokenKind = Literal["user", "application", "machine", "robot"]
SUB_TYPES: Mapping[TokenKind, str] = {
    "user": "user",
    "application": "service.external",
    "machine": "machine",
    "robot": "robot",
}
_KINDS = {sub_type: kind for kind, sub_type in SUB_TYPES.items()}

NOT_VALID = "The token is not valid."


class JobClaims(NamedTuple):
    """The job that a token was made for, and the robot that runs it. `lease_epoch`: its how-manieth hand-out that was."""

    tenant_key: UUID
    folder_key: UUID
    job_key: UUID
    lease_epoch: int
    robot_key: UUID


class Claims(NamedTuple):
    """What a verified access token says.

    `subject`: GUID of the user or application, None for machines and robots. `exp`: seconds since 1970. `issued_ms`:
    milliseconds since 1970, against which revocations are compared. `tenant_key`: the tenant of a classic sign-in,
    for calls whose address and headers name none. `grant_id`: the authorization that it came of, None for those of
    programs and classic sign-ins. `job`: of a robot's token, None for any other.
    """

    subject: UUID | None
    client_id: str
    organization_id: UUID
    scopes: frozenset[str]
    kind: TokenKind
    name: str
    email: str
    exp: int
    jti: str
    session_id: str | None
    is_classic: bool
    issued_ms: int
    tenant_key: UUID | None = None
    grant_id: str | None = None
    job: JobClaims | None = None


def audience(scopes: Iterable[str], issuer: str) -> list[str]:
    """The API resources that the scopes belong to; the issuer's catch-all when they belong to none we know."""
    asked = list(scopes)
    found = []
    if any(scope.startswith(_ORCHESTRATOR_SCOPES) for scope in asked):
        found.append(ORCHESTRATOR_RESOURCE)
    if any(scope.startswith(_IDENTITY_SCOPES) for scope in asked):
        found.append(IDENTITY_RESOURCE)
    return found or [f"{issuer}/resources"]


def token_id(now: datetime, random: bytes) -> str:
    """A `jti` of 32 hex digits: 48 bits of milliseconds, then 80 random bits."""
    return f"{int(now.timestamp() * 1000):012x}{random[:10].hex()}"


def read_claims(said: object, issuer: str, now_s: float) -> Claims:
    """The claims of a payload whose signature holds. Raises Unauthenticated unless it is an access token of ours, now.

    An ID token has the same issuer and key: it fails for its `aud` (a text) and the missing `scope` and `client_id`.
    """
    if not isinstance(said, dict):
        raise Unauthenticated(NOT_VALID)
    claims = cast("Mapping[str, object]", said)
    audiences, scopes = claims.get("aud"), claims.get("scope")
    kind = _KINDS.get(_text(claims, "sub_type"))
    ours = {ORCHESTRATOR_RESOURCE, IDENTITY_RESOURCE, f"{issuer}/resources"}
    if (
        claims.get("iss") != issuer
        or kind is None
        or not isinstance(audiences, list)
        or not any(isinstance(one, str) and one in ours for one in audiences)
        or not isinstance(scopes, list)
        or not all(isinstance(scope, str) for scope in scopes)
        or "nonce" in claims
        or "at_hash" in claims
    ):
        raise Unauthenticated(NOT_VALID)
    client_id, jti = _text(claims, "client_id"), _text(claims, "jti")
    exp = _in_time(claims, now_s)
    return Claims(
        subject=_guid(claims, "sub") if kind in ("user", "application") else None,
        client_id=client_id,
        organization_id=_guid(claims, "prt_id"),
        scopes=frozenset(scopes),
        kind=kind,
        name=_text(claims, "name", ""),
        email=_text(claims, "email", ""),
        exp=exp,
        jti=jti,
        session_id=_text(claims, "sid", "") or None,
        is_classic=client_id == CLASSIC_CLIENT,
        issued_ms=_milliseconds(jti),
        tenant_key=_guid(claims, "tenant_key") if "tenant_key" in claims else None,
        grant_id=_text(claims, "grant_id", "") or None,
        job=_job(claims) if kind == "robot" else None,
    )


def _job(claims: Mapping[str, object]) -> JobClaims:
    epoch = claims.get("lease_epoch")
    if type(epoch) is not int or not 0 < epoch < 2**31:
        raise Unauthenticated(NOT_VALID)
    tenant, folder, job, robot = (_guid(claims, name) for name in ("tenant_key", "folder_key", "job_key", "robot_key"))
    return JobClaims(tenant, folder, job, epoch, robot)


def _in_time(claims: Mapping[str, object], now_s: float) -> int:
    iat, nbf, exp = (claims.get(name) for name in ("iat", "nbf", "exp"))
    # a bool is an int in Python; a float could be NaN, which compares false with everything
    if type(iat) is not int or type(nbf) is not int or type(exp) is not int:
        raise Unauthenticated(NOT_VALID)
    if exp + SKEW_S <= now_s:
        raise Unauthenticated("The token has expired.")
    if nbf - SKEW_S > now_s or iat - SKEW_S > now_s:
        raise Unauthenticated("The token is not valid yet.")
    if iat < 0 or exp <= iat:
        raise Unauthenticated(NOT_VALID)
    return exp


def _text(claims: Mapping[str, object], name: str, default: str | None = None) -> str:
    value = claims.get(name, default)
    if not isinstance(value, str) or (default is None and not value):
        raise Unauthenticated(NOT_VALID)
    return value


def _guid(claims: Mapping[str, object], name: str) -> UUID:
    try:
        return UUID(_text(claims, name))
    except ValueError:
        raise Unauthenticated(NOT_VALID) from None


def _milliseconds(jti: str) -> int:
    try:
        return int(jti[:12], 16)
    except ValueError:
        raise Unauthenticated(NOT_VALID) from None


class RefreshToken(NamedTuple):
    """A refresh token as stored, with what its family says. `superseded_at`: another successor took its place."""

    client_id: str
    expires_at: datetime
    family_revoked_at: datetime | None = None
    used_at: datetime | None = None
    superseded_at: datetime | None = None
    is_successor_used: bool = False


class Renewal(Enum):
    """What happens to a refresh token that is presented."""

    RENEW = "renew"
    AGAIN = "again"  # another successor; the earlier one dies
    REFUSE = "refuse"
    REUSED = "reused"  # refused, and the family ends


GRACE = timedelta(seconds=10)
"""How long a client whose answer got lost, or that renewed twice at once, may use a used token again."""

FAMILY_LIFE = timedelta(days=60)
"""From the sign-in to the end of its last refresh token, however often it was renewed."""


def judge_renewal(token: RefreshToken, client_id: str, now: datetime) -> Renewal:
    """Decide on a refresh token that a client, already authenticated, presents."""
    is_spent = token.used_at is not None or token.superseded_at is not None
    if token.family_revoked_at is not None or token.expires_at <= now:
        return Renewal.REFUSE
    if token.client_id != client_id:
        return Renewal.REUSED if is_spent else Renewal.REFUSE
    if not is_spent:
        return Renewal.RENEW
    in_grace = token.used_at is not None and now - token.used_at <= GRACE
    if in_grace and token.superseded_at is None and not token.is_successor_used:
        return Renewal.AGAIN
    return Renewal.REUSED


def agreement(user_id: UUID, client_id: str) -> str:
    """The name of what a client holds of a user, in the record of what was revoked."""
    return f"{user_id}:{client_id}"

"""Families of refresh tokens, and what ends tokens early."""

from __future__ import annotations

import base64
import binascii
import hashlib
import secrets
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from podium.identity.tokens import store
from podium.identity.tokens.rules import FAMILY_LIFE, SKEW_S, RefreshToken, Renewal, agreement, judge_renewal
from podium.identity.tokens.store import Family
from podium.kernel.db import Connection
from podium.kernel.ids import uuid7

RevocationKind = Literal["subject", "session", "client", "agreement", "grant", "token"]
"""`agreement`: what a client holds of one user; `grant`: what came of one authorization; `token`: one, by its `jti`."""

_TOKEN_BYTES = 64  # organization (16), family (16), secret (32)
_TOKEN_CHARACTERS = 86


class Renewed(NamedTuple):
    """What came of a refresh token. `family` None: refused. `token`: the next one, None unless renewed.

    `ended_family`: this very use ended that family of `organization_id`, which is to be audited.
    """

    family: Family | None
    token: str | None
    ended_family: UUID | None = None
    organization_id: UUID | None = None


async def start_family(
    db: Connection,
    organization_id: UUID,
    client_id: str,
    subject: UUID,
    scopes: list[str],
    now: datetime,
    *,
    session_id: UUID | None = None,
    authenticated_at: datetime | None = None,
    methods: tuple[str, ...] = ("pwd",),
    grant_id: UUID | None = None,
) -> str:
    """The first refresh token of a sign-in; 60 days from now the last one ends.

    `methods`: how the user proved himself. `grant_id` becomes the family's id, which its access tokens carry.
    """
    family = Family(
        organization_id,
        grant_id or uuid7(),
        client_id,
        subject,
        session_id,
        scopes,
        authenticated_at or now,
        now + FAMILY_LIFE,
        list(methods),
    )
    await store.start_family(db, family)
    return await _add_token(db, family, now)


async def renew(db: Connection, presented: str, client_id: str, now: datetime) -> Renewed:
    """Trade a refresh token for the next one. In the caller's transaction, which must commit a refusal too.

    The client has been authenticated. The rules (one use, ten seconds of grace, the family's end at any other reuse)
    are `rules.judge_renewal`.
    """
    parts = _parse(presented)
    family = await store.lock_family(db, parts[0], parts[1]) if parts else None
    token_hash = _hash(presented)
    row = await store.token(db, family, token_hash) if family else None
    if family is None or row is None:
        return Renewed(None, None)
    state = RefreshToken(
        client_id=family.client_id,
        expires_at=family.expires_at,
        family_revoked_at=family.revoked_at,
        used_at=row["used_at"],
        superseded_at=row["superseded_at"],
        is_successor_used=row["is_successor_used"],
    )
    verdict = judge_renewal(state, client_id, now)
    if verdict is Renewal.REUSED:
        ended = await store.revoke_family(db, family.organization_id, family.id, now)
        return Renewed(None, None, family.id if ended else None, family.organization_id)
    if verdict is Renewal.REFUSE:
        return Renewed(None, None)
    successor = await _add_token(db, family, now)
    await store.spend_token(db, family, token_hash, _hash(successor), now, row["successor_hash"])
    return Renewed(family, successor)


async def end_family(db: Connection, organization_id: UUID, family_id: UUID, now: datetime) -> None:
    """No token of the family is renewed any more."""
    await store.revoke_family(db, organization_id, family_id, now)


async def end_grant(db: Connection, organization_id: UUID, grant_id: UUID, now: datetime, lifetime_s: int) -> None:
    """End what came of one authorization: its refresh tokens, if it has any, and its access tokens."""
    await store.revoke_family(db, organization_id, grant_id, now)
    await revoke(db, "grant", str(grant_id), now, lifetime_s)


async def end_families_of_session(db: Connection, organization_id: UUID, session_id: UUID, now: datetime) -> None:
    """No refresh token that came of a browser session is renewed any more."""
    await store.revoke_families_of_session(db, organization_id, session_id, now)


async def find_family(db: Connection, presented: str, now: datetime) -> Family | None:
    """The family of a refresh token that could be renewed now; None for any other text."""
    parts = _parse(presented)
    return await store.live_family(db, *parts, _hash(presented), now) if parts else None


async def end_presented(
    db: Connection, presented: str, client_id: str, now: datetime, lifetime_s: int
) -> Family | None:
    """End the authorization that a refresh token of the client belongs to, spent or not; its family.

    None, and nothing ends, for any other text and for another client's token.
    """
    parts = _parse(presented)
    family = await store.lock_family(db, *parts) if parts else None
    if family is None or family.client_id != client_id or await store.token(db, family, _hash(presented)) is None:
        return None
    await end_grant(db, family.organization_id, family.id, now, lifetime_s)
    return family


async def end_all_of_user(
    db: Connection, organization_id: UUID, user_id: UUID, now: datetime, lifetime_s: int, *, but: UUID | None = None
) -> None:
    """End everything that lets a user in: refresh tokens now, access tokens as `revoke` says.

    `but`: a browser session whose refresh tokens stay.
    """
    await store.revoke_families_of_subject(db, organization_id, user_id, now, but)
    await revoke(db, "subject", str(user_id), now, lifetime_s)


async def end_all_of_client(db: Connection, client_id: str, now: datetime, lifetime_s: int) -> None:
    """End everything that a client holds."""
    await store.revoke_families_of_client(db, client_id, now)
    await revoke(db, "client", client_id, now, lifetime_s)


async def end_agreement(
    db: Connection, organization_id: UUID, user_id: UUID, client_id: str, now: datetime, lifetime_s: int
) -> None:
    """End everything that a client holds of one user: refresh tokens now, access tokens as `revoke` says."""
    await store.revoke_families_of_agreement(db, organization_id, user_id, client_id, now)
    await revoke(db, "agreement", agreement(user_id, client_id), now, lifetime_s)


async def revoke(db: Connection, kind: RevocationKind, name: str, now: datetime, lifetime_s: int) -> None:
    """End the access tokens made until now for a user (GUID), session, client id or grant, or the one of a `jti`.

    Every node refuses them within seconds; the caller's node at once after `Issuer.note_revoked`. `lifetime_s`: how
    long access tokens live, after which the entry is not needed any more.
    """
    await store.revoke(db, kind, name, now, now + timedelta(seconds=lifetime_s + SKEW_S))


async def revocations(db: Connection, now: datetime) -> dict[tuple[str, str], int]:
    """Kind and name of what was revoked, with the instant in milliseconds since 1970."""
    rows = await store.revocations(db, now)
    return {(row["kind"], row["name"]): int(row["revoked_at"].timestamp() * 1000) for row in rows}


async def _add_token(db: Connection, family: Family, now: datetime) -> str:
    raw = family.organization_id.bytes + family.id.bytes + secrets.token_bytes(32)
    token = base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
    await store.add_token(db, family, _hash(token), now)
    return token


def _parse(token: str) -> tuple[UUID, UUID] | None:
    """Organization and family that a token names; None for text that is no refresh token of ours."""
    if len(token) != _TOKEN_CHARACTERS:
        return None
    try:
        raw = base64.b64decode(token + "==", altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return None
    return (UUID(bytes=raw[:16]), UUID(bytes=raw[16:32])) if len(raw) == _TOKEN_BYTES else None


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()

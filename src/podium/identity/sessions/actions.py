"""Starting, finding and ending browser sessions."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from podium.identity.sessions import store
from podium.identity.sessions.rules import COOKIE_CHARACTERS, TOUCH, Session, flow_of, is_over, life
from podium.identity.tokens import actions as tokens
from podium.kernel.db import Connection
from podium.kernel.ids import uuid7
from podium.kernel.secrets import hash_machine_secret, new_secret

if TYPE_CHECKING:
    from podium.identity.settings.rules import SessionPolicy

MAX_TEXT = 256


async def start(
    db: Connection,
    organization_id: UUID,
    user_id: UUID,
    methods: tuple[str, ...],
    now: datetime,
    policy: SessionPolicy,
    *,
    is_persistent: bool = False,
    address: str | None = None,
    browser: str | None = None,
    return_url: str | None = None,
    renews: Session | None = None,
) -> tuple[Session, str]:
    """A session for a user who has just proved himself, and the cookie's value: 256 random bits, new at each sign-in.

    `return_url`: where the sign-in page leads back to; a native application then needs no consent on top, because the
    page named it. `renews`: the session that the browser had; one of the same user goes on under its id with a new
    cookie, so that its tokens still end with it. One of another user is left alone: `end` it.
    """
    allowed = life(policy, is_persistent=is_persistent)
    is_same = renews is not None and (renews.organization_id, renews.user_id) == (organization_id, user_id)
    session = Session(
        organization_id=organization_id,
        id=renews.id if renews is not None and is_same else uuid7(),
        user_id=user_id,
        methods=methods,
        authenticated_at=now,
        last_seen_at=now,
        expires_at=now + allowed.absolute,
        is_persistent=is_persistent,
        created_at=now,
        idle=allowed.idle,
        address=_text(address),
        browser=_text(browser),
        flow=flow_of(return_url) if return_url else None,
    )
    cookie = new_secret()
    if not await store.put(db, session, hash_machine_secret(cookie)):
        session = session._replace(id=uuid7())
        await store.put(db, session, hash_machine_secret(cookie))
    return session, cookie


async def find(db: Connection, cookie: str, now: datetime, policy: SessionPolicy | None = None) -> Session | None:
    """The session of a cookie, of an active user and neither ended nor over; noted as seen, once a minute at most."""
    if len(cookie) != COOKIE_CHARACTERS or not cookie.isascii():
        return None
    session = await store.find(db, hash_machine_secret(cookie), now)
    if session is None or is_over(session, now, policy):
        return None
    if now - session.last_seen_at >= TOUCH:
        await store.touch(db, session, now)
        session = session._replace(last_seen_at=now)
    return session


async def of_user(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> list[Session]:
    """The user's sessions that are neither ended nor over, the one seen last first."""
    return [one for one in await store.of_user(db, organization_id, user_id, now) if not is_over(one, now)]


async def has_ended(db: Connection, organization_id: UUID, session_id: UUID) -> bool:
    """Whether somebody ended the session, or it is not known any more; being over by time is not asked.

    When it has not, nobody ends it until the caller's transaction does: what that gives out ends with it.
    """
    return not await store.lock_open(db, organization_id, session_id)


async def use_flow(db: Connection, session: Session) -> None:
    """What the sign-in led back to has been reached; a second time it proves nothing."""
    await store.forget_flow(db, session)


async def end(db: Connection, session: Session, now: datetime, lifetime_s: int) -> None:
    """End a session with its refresh tokens and access tokens; after the commit the caller tells its node.

    That is `Issuer.note_revoked("session", str(session.id), now)`; other nodes know within seconds.
    """
    await store.end(db, session.organization_id, session.id, now)
    await tokens.end_families_of_session(db, session.organization_id, session.id, now)
    await tokens.revoke(db, "session", str(session.id), now, lifetime_s)


async def end_all_of_user(
    db: Connection, organization_id: UUID, user_id: UUID, now: datetime, lifetime_s: int, but: UUID | None = None
) -> None:
    """End everything that lets a user in: sessions, refresh tokens and access tokens.

    `but`: a session that stays, with its refresh tokens; access tokens end all the same. After the commit the caller
    tells its node: `Issuer.note_revoked("subject", str(user_id), now)`.
    """
    await store.end_all_of_user(db, organization_id, user_id, now, but)
    await tokens.end_all_of_user(db, organization_id, user_id, now, lifetime_s, but=but)


def _text(text: str | None) -> str | None:
    """Text of a stranger, as the database takes it."""
    return text.encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_TEXT] if text else None

"""Browser sessions of a user, for administrators and the user himself. Tag: User."""

from __future__ import annotations

from uuid import UUID

from podium.identity.issuer import Issuer
from podium.identity.requests import guid, partition
from podium.identity.sessions import actions
from podium.identity.sessions.rules import Session
from podium.identity.users.actions import find_user
from podium.identity.users.rules import User
from podium.kernel.call import Call
from podium.kernel.errors import NotFound
from podium.kernel.operation import operation
from podium.wire import identity as wire

NO_USER = "The user does not exist."
NO_SESSION = "The session does not exist."


@operation("GET", "/api/podium/User/{userId}/sessions")
async def list_sessions(call: Call, user_id: str) -> list[wire.SessionDto]:
    """Sessions that are open, the one seen last first."""
    user = await _user(call, user_id)
    return [_shown(one) for one in await actions.of_user(call.db, user.organization_id, user.id, call.now)]


@operation("DELETE", "/api/podium/User/{userId}/sessions")
async def end_sessions(call: Call, user_id: str) -> None:
    """End all of them, with every refresh token and access token of the user."""
    user = await _user(call, user_id)
    issuer = call.port(Issuer)
    await actions.end_all_of_user(call.db, user.organization_id, user.id, call.now, issuer.lifetime_s)
    call.on_commit(lambda: issuer.note_revoked("subject", str(user.id), call.now))
    call.describe("UserLogout", component="Authentication", entity_id=str(user.id), name=user.user_name)


@operation("DELETE", "/api/podium/User/{userId}/sessions/{sessionId}")
async def end_session(call: Call, user_id: str, session_id: str) -> None:
    """End one with its tokens."""
    id_ = guid("sessionId", session_id)
    user = await _user(call, user_id)
    issuer = call.port(Issuer)
    found = await actions.of_user(call.db, user.organization_id, user.id, call.now)
    session = next((one for one in found if one.id == id_), None)
    if session is None:
        raise NotFound(NO_SESSION)
    await actions.end(call.db, session, call.now, issuer.lifetime_s)
    call.on_commit(lambda: issuer.note_revoked("session", str(id_), call.now))
    call.describe("UserLogout", component="Authentication", entity_id=str(user.id), name=user.user_name)
    call.audit["detail"] = {"sessions": [id_]}


async def _user(call: Call, user_id: str) -> User:
    id_: UUID = guid("userId", user_id)
    user = await find_user(call.db, partition(call, None), id_)
    if user is None:
        raise NotFound(NO_USER)
    return user


def _shown(session: Session) -> wire.SessionDto:
    return wire.SessionDto(
        id=session.id,
        created_at=session.created_at,
        last_seen_at=session.last_seen_at,
        expires_at=session.expires_at,
        methods=list(session.methods),
        address=session.address,
        browser=session.browser,
    )

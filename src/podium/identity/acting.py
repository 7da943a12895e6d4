"""Who is behind a call that brings no token: the user whom a password, a link or a cookie has proved."""

from __future__ import annotations

from collections.abc import Mapping

from podium.identity.users.rules import User
from podium.kernel import audit
from podium.kernel.call import Call
from podium.kernel.db import Connection


def act_as(call: Call, user: User) -> None:
    """Let the call's audit row name the user."""
    call.organization_id = user.organization_id
    call.actor = call.actor._replace(
        kind="user",
        subject=user.id,
        name=user.user_name,
        email=user.email or "",
        organization_id=user.organization_id,
    )


async def write_down(
    call: Call,
    db: Connection,
    user: User,
    action: str,
    *,
    component: str = "User",
    detail: Mapping[str, object] | None = None,
) -> None:
    """The audit row of a change that a user made to himself, in its transaction."""
    call.db = db
    act_as(call, user)
    call.describe(action, component=component, entity_id=str(user.id), name=user.user_name)
    if detail:
        call.audit["detail"] = dict(detail)
    await audit.add(call)

"""Disabling and deleting users, from whichever door.

Both are steps of a call's transaction; what this process remembers is told after its commit.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from podium.identity.groups import actions as groups
from podium.identity.issuer import Issuer
from podium.identity.links import actions as links
from podium.identity.links.rules import PAGES
from podium.identity.personal_tokens import actions as personal_tokens
from podium.identity.ports import UsersDeleted
from podium.identity.results import Fault, Refused
from podium.identity.second_factors import actions as second_factors
from podium.identity.sessions import actions as sessions
from podium.identity.users import store
from podium.kernel.call import Call

LAST_ADMINISTRATOR = Fault("LastAdministrator", "The organization would be left without an administrator.")
CURRENT_USER = Fault("CannotDeleteCurrentUser", "You cannot delete your own user.")


async def end_access(call: Call, organization_id: UUID, user_id: UUID) -> None:
    """End the user's sessions, refresh tokens, access tokens and personal tokens, here at the commit."""
    issuer = call.port(Issuer)
    await sessions.end_all_of_user(call.db, organization_id, user_id, call.now, issuer.lifetime_s)
    await personal_tokens.end_all_of_user(call.db, organization_id, user_id, call.now)
    call.on_commit(lambda: issuer.note_revoked("subject", str(user_id), call.now))


async def check_somebody_stays(call: Call, organization_id: UUID, leaving: Collection[UUID]) -> None:
    """Raises Refused when no active administrator would be left; nobody else can leave until the call's end."""
    if await groups.would_leave_none(call.db, organization_id, leaving):
        raise Refused(LAST_ADMINISTRATOR)


async def delete_users(
    call: Call, organization_id: UUID, user_ids: Collection[UUID], *, current_too: bool = False
) -> list[UUID]:
    """Delete the users of these ids, which are the result; other ids are passed over.

    Their names are free again. Their running jobs go on, their workspaces stay for the administrators (decision 47).
    `current_too`: the caller may be among them. Raises Refused for the caller otherwise, and for the last administrator.
    """
    gone = await store.lock_present(call.db, organization_id, user_ids)
    if not gone:
        return []
    if call.actor.subject in gone and not current_too:
        raise Refused(CURRENT_USER)
    await check_somebody_stays(call, organization_id, gone)
    for user_id in gone:
        await end_access(call, organization_id, user_id)
        await second_factors.remove_all(call.db, organization_id, user_id)
        await links.end(call.db, organization_id, user_id, PAGES, call.now)
    await store.delete(call.db, organization_id, gone, call.now)
    await groups.leave_all(call.db, organization_id, gone)
    await call.port(UsersDeleted).users_deleted(call.db, organization_id, gone)
    await groups.announce(call, organization_id)
    return gone

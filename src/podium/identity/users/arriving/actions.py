"""Users who are invited, and what a link that was used changes about its user; steps of the caller's transaction."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.groups import actions as groups
from podium.identity.names import fold
from podium.identity.results import Fault
from podium.identity.users import store
from podium.identity.users.actions import find_active_by_name
from podium.identity.users.creating import add_users, unknown_groups
from podium.identity.users.rules import NewUser, User, broken_email_rules, broken_name_rules
from podium.identity.users.store import Changes
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.ids import uuid7

CONFIRM = """
UPDATE identity.users SET is_email_confirmed = true, updated_at = $4
 WHERE organization_id = $1 AND id = $2 AND email_key IS NOT DISTINCT FROM $3 AND deleted_at IS NULL
RETURNING id
"""

HAS_ACCEPTED = """
SELECT is_invitation_accepted FROM identity.users WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
   FOR NO KEY UPDATE
"""


class Guest(NamedTuple):
    """Somebody to invite. The e-mail, which has the form of one, is the user name."""

    email: str
    first_name: str | None
    last_name: str | None


class Invited(NamedTuple):
    """The user who was made, or who waited already; with faults nobody was."""

    user_id: UUID
    faults: tuple[Fault, ...] = ()


async def invite(call: Call, organization_id: UUID, guest: Guest, group_ids: Collection[UUID]) -> Invited:
    """A user without a password, in the groups. An active one who has none yet may be invited again.

    With faults the caller rolls back. Raises Forbidden for groups that the caller may not change (decision 35).
    """
    present = await find_active_by_name(call.db, organization_id, fold(guest.email))
    if present is not None and present.password_hash is None and fold(present.email or "") == fold(guest.email):
        return await _invite_again(call, present, group_ids)
    broken = [*broken_name_rules(guest.email), *broken_email_rules(guest.email)]
    if broken:
        return Invited(UUID(int=0), tuple(Fault(*one) for one in broken))
    user = NewUser(
        organization_id=organization_id,
        id=uuid7(),
        user_name=guest.email,
        email=guest.email,
        first_name=guest.first_name,
        last_name=guest.last_name,
        display_name=None,
        password_hash=None,
        must_change_password=False,
        is_email_confirmed=False,
        is_invitation_accepted=False,
    )
    return Invited(user.id, tuple(await add_users(call, [user], group_ids)))


async def _invite_again(call: Call, user: User, group_ids: Collection[UUID]) -> Invited:
    await groups.check_right(call, user.organization_id, group_ids)
    unknown = await groups.unknown(call.db, user.organization_id, group_ids)
    if unknown:
        return Invited(user.id, tuple(unknown_groups(unknown)))
    if await groups.join(call.db, user.organization_id, user.id, group_ids, call.now):
        await groups.announce(call, user.organization_id)
    return Invited(user.id)


async def has_accepted(db: Connection, organization_id: UUID, user_id: UUID) -> bool | None:
    """Whether the user, who is held until the transaction ends, has come in; None when there is no such user."""
    found: bool | None = await db.fetchval(HAS_ACCEPTED, organization_id, user_id)
    return found


async def accept(
    db: Connection,
    organization_id: UUID,
    user_id: UUID,
    now: datetime,
    *,
    first_name: str = "",
    last_name: str = "",
    display_name: str = "",
) -> None:
    """The user has come: the invitation is accepted; names that are blank stay as they are."""
    changes = Changes(
        first_name=first_name or None,
        last_name=last_name or None,
        display_name=display_name or None,
        is_invitation_accepted=True,
    )
    await store.update(db, organization_id, user_id, changes, None, now)


async def confirm_email(db: Connection, user: User, now: datetime) -> bool:
    """The user's address is his; false when he is gone or has another one by now."""
    key = fold(user.email) if user.email else None
    return bool(await db.fetchval(CONFIRM, user.organization_id, user.id, key, now))

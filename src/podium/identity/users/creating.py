"""From what a body asks for to users who exist."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from uuid import UUID

import asyncpg

from podium.identity.directory_search import actions as directory
from podium.identity.groups import actions as groups
from podium.identity.names import fold
from podium.identity.results import Fault, Refused
from podium.identity.users import actions, store
from podium.identity.users.bodies import Wanted
from podium.identity.users.rules import NewUser, taken
from podium.kernel.call import Call
from podium.kernel.ids import uuid7


def new_user(
    wanted: Wanted, organization_id: UUID, password_hash: str | None = None, *, must_change: bool = False
) -> NewUser:
    """The user to add; without an id of the caller's choice under one that grows with time."""
    return NewUser(
        organization_id=organization_id,
        id=wanted.id or uuid7(),
        user_name=wanted.user_name,
        email=wanted.email,
        first_name=wanted.first_name,
        last_name=wanted.last_name,
        display_name=wanted.display_name,
        password_hash=password_hash,
        must_change_password=must_change,
        is_invitation_accepted=wanted.is_invitation_accepted,
        bypasses_basic_restriction=wanted.bypasses_basic_restriction,
        type=wanted.type,
        legacy_id=wanted.legacy_id,
    )


async def add_users(call: Call, users: Sequence[NewUser], group_ids: Collection[UUID]) -> list[Fault]:
    """Add all, into the groups; or, with the reasons, none: the caller rolls the transaction back.

    Raises Forbidden for groups that the caller may not change (decision 35).
    """
    if not users:
        return []
    organization_id = users[0].organization_id
    await groups.check_right(call, organization_id, group_ids)
    faults = unknown_groups(await groups.unknown(call.db, organization_id, group_ids))
    has_joined = False
    for user in users:
        refused = await _names_in_use(call, user)
        if not refused:
            await actions.add_user(call.db, user, call.now)
            has_joined |= await groups.join(call.db, organization_id, user.id, group_ids, call.now)
        faults += refused
    if has_joined:
        await groups.announce(call, organization_id)
    return faults


def unknown_groups(ids: Collection[UUID]) -> list[Fault]:
    """The refusals of groups that do not exist."""
    return [Fault("GroupNotFound", f"There is no group with the id '{id_}'.") for id_ in ids]


async def _names_in_use(call: Call, user: NewUser) -> list[Fault]:
    name_key, email_key = fold(user.user_name), fold(user.email) if user.email else None
    found = await store.taken_names(call.db, user.organization_id, name_key, email_key)
    faults = [Fault(*broken) for broken in taken(user.user_name, user.email, found)]
    if await directory.is_taken(call.db, user.id):
        faults.append(Fault("DuplicateUserId", f"The id '{user.id}' is already taken."))
    return faults


@contextmanager
def names_taken_meanwhile(*users: NewUser) -> Iterator[None]:
    """Turns what the database says of a name that another call took at the same moment into the published refusal."""
    try:
        yield
    except asyncpg.UniqueViolationError as error:
        what = {"users_by_name": "user_name", "users_by_email": "email"}.get(error.constraint_name or "")
        if what is None or not users:
            raise
        name, email = users[0].user_name, users[0].email
        raise Refused(*(Fault(*broken) for broken in taken(name, email or "", [what]))) from None

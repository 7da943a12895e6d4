"""Users made and changed from another directory, in the transaction of a call.

Such a directory vouches for its e-mail addresses and invites nobody: they count as confirmed and accepted.
"""

from __future__ import annotations

from uuid import UUID

from podium.identity.groups import actions as groups
from podium.identity.links import actions as links
from podium.identity.names import fold
from podium.identity.results import Fault, Refused
from podium.identity.users import store as users
from podium.identity.users.creating import add_users
from podium.identity.users.leaving.actions import check_somebody_stays, end_access
from podium.identity.users.provisioning import store
from podium.identity.users.provisioning.rules import Person
from podium.identity.users.rules import Broken, NewUser, broken_email_rules, broken_name_rules, has_form_of_email, taken
from podium.kernel.call import Call
from podium.kernel.errors import NotFound
from podium.kernel.ids import uuid7

NO_USER = "The user does not exist."


async def add_person(call: Call, organization_id: UUID, person: Person) -> UUID:
    """The id of a new user without a password. Raises Refused."""
    broken = broken_name_rules(person.user_name)
    broken += _broken_email(person.email) if person.email else []
    user = NewUser(
        organization_id=organization_id,
        id=uuid7(),
        user_name=person.user_name,
        email=person.email,
        first_name=person.first_name,
        last_name=person.last_name,
        display_name=person.display_name,
        password_hash=None,
        must_change_password=False,
        external_id=person.external_id,
    )
    faults = [Fault(*one) for one in broken] or await add_users(call, [user], [])
    if faults:
        raise Refused(*faults)
    if not person.is_active:
        await store.replace(call.db, organization_id, user.id, person, _key(person.email), call.now)
    return user.id


async def person_for_change(call: Call, organization_id: UUID, user_id: UUID) -> Person:
    """The user, held until the transaction ends. Raises NotFound."""
    found = await store.lock(call.db, organization_id, user_id)
    if found is None:
        raise NotFound(NO_USER)
    return found


async def change_person(call: Call, organization_id: UUID, user_id: UUID, before: Person, after: Person) -> None:
    """Store what is different. A disabled user's sessions and tokens end; the last administrator stays active.

    Raises Refused.
    """
    if after.email is not None and _key(after.email) != _key(before.email):
        found = await users.taken_names(call.db, organization_id, None, fold(after.email), user_id)
        broken = [*_broken_email(after.email), *taken(None, after.email, found)]
        if broken:
            raise Refused(*(Fault(*one) for one in broken))
    is_leaving = before.is_active and not after.is_active
    if is_leaving:
        await check_somebody_stays(call, organization_id, [user_id])
    await store.replace(call.db, organization_id, user_id, after, _key(after.email), call.now)
    if _key(after.email) != _key(before.email):
        await links.end(call.db, organization_id, user_id, ("confirmation", "reset"), call.now)
    if is_leaving:
        await end_access(call, organization_id, user_id)
    if before.is_active != after.is_active:
        await groups.announce(call, organization_id)


def _broken_email(email: str) -> list[Broken]:
    """What is wrong with an address; nothing has looked at its form before."""
    return broken_email_rules(email) if has_form_of_email(email) else [("InvalidEmail", f"Email '{email}' is invalid.")]


def _key(email: str | None) -> str | None:
    return fold(email) if email else None

"""Operations of the tag User."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from podium.identity.groups import actions as groups
from podium.identity.issuer import Issuer
from podium.identity.links import actions as links
from podium.identity.names import fold
from podium.identity.recovery.actions import send_confirmation
from podium.identity.requests import guid, json_reply, paged, paging, partition
from podium.identity.results import SUCCEEDED, Fault, Refused
from podium.identity.settings.actions import has_smtp, sign_in_policy
from podium.identity.users import actions, store
from podium.identity.users.bodies import (
    MAX_ATTRIBUTES,
    changed_members,
    changes,
    is_of_names_only,
    wanted,
)
from podium.identity.users.creating import add_users, names_taken_meanwhile, new_user, unknown_groups
from podium.identity.users.entity import FOUND, LICENSED_USERS, ONE, SORTABLE, THESE, USERS
from podium.identity.users.leaving import actions as leaving
from podium.identity.users.rules import Attempt, User, broken_email_rules, taken, why_not_hashed
from podium.kernel import audit
from podium.kernel.call import Call, Reply, given
from podium.kernel.db import Connection
from podium.kernel.errors import Forbidden, NotFound, ValidationProblem
from podium.kernel.odata.fetch import fetch_one, fetch_page
from podium.kernel.odata.tree import Options
from podium.kernel.operation import operation
from podium.wire import identity as wire

ADMINISTRATOR = "Identity.Administrator"
COMPONENT = "User"
NO_USER = "The user does not exist."
NOT_YOURS = "You are not authorized!"
MAX_AT_ONCE = 1000


@operation("GET", "/api/User/{userId}")
async def get_user(call: Call, user_id: str) -> Reply:
    """One user of the organization."""
    id_ = guid("userId", user_id)
    text = await fetch_one(call.db, USERS, Options(), ONE, [call.organization_id, id_])
    if text is None:
        raise NotFound(NO_USER)
    return json_reply(text)


@operation("GET", "/api/User/users/{partitionGlobalId}")
async def list_users(call: Call, partition_global_id: str) -> Reply:
    """A page of the organization's users, oldest first unless asked otherwise."""
    organization_id = partition(call, partition_global_id)
    asked = paging(call, SORTABLE)
    return paged(await fetch_page(call.db, USERS, asked.options, FOUND, [organization_id, asked.search]))


@operation("GET", "/portal_/api/identity/User/users/licenses")
async def list_licensed_users(call: Call) -> Reply:
    """The same with what the portal wants to know of licences."""
    asked = paging(call, SORTABLE)
    args = [partition(call, None), asked.search]
    return paged(await fetch_page(call.db, LICENSED_USERS, asked.options, FOUND, args))


# A hash takes its time, so these three take a connection when they need one, and write their own audit row.
@operation("POST", "/api/User", connected=False)
async def create_user(call: Call, body: wire.CreateUserCommand) -> dict[str, object]:
    """A new user. One with a password must change it at the first sign-in, if the organization wants that."""
    organization_id = partition(call, body.partition_global_id)
    if given(body.user_logins, []):
        message = "There are no external identity providers; userLogins must be empty."
        raise ValidationProblem({"UserLogins": [message]})
    asked = wanted(body)
    faults, password, must_change = asked.faults, given(body.password, ""), False
    password_hash = None
    passwords = call.port(Issuer).passwords
    if password:
        async with call.services.db.acquire() as db:
            policy = (await sign_in_policy(db, organization_id)).password
        must_change = policy.change_at_first_login
        faults += [Fault(*broken) for broken in why_not_hashed(password)]
        if given(body.validate_password, False):
            about = (asked.user_name, asked.email or "")
            faults = [*asked.faults, *await actions.complexity_faults(passwords, password, policy, about)]
        if not faults:
            password_hash = await passwords.hash(password)
    user = new_user(asked, organization_id, password_hash, must_change=must_change)
    with names_taken_meanwhile(user):
        async with call.services.db.transaction() as call.db:
            faults += await add_users(call, [user], given(body.group_ids, [])) if not faults else []
            if faults:
                raise Refused(*faults)
            call.describe("Create", component=COMPONENT, entity_id=str(user.id), name=user.user_name)
            call.audit["detail"] = {"groups": given(body.group_ids, [])}
            await audit.add(call)
    return SUCCEEDED


@operation("POST", "/api/User/BulkCreate")
async def create_users(call: Call, body: wire.CreateUsersCommand) -> dict[str, object]:
    """New users without passwords: all of them, or none and what is wrong with each."""
    organization_id = partition(call, body.partition_global_id)
    rows = given(body.users, None)
    if rows is None:
        raise ValidationProblem({"Users": ["The Users field is required."]})
    if len(rows) > MAX_AT_ONCE:
        raise ValidationProblem({"Users": [f"The field Users must have at most {MAX_AT_ONCE} entries."]})
    asked = [wanted(row, f"Users[{number}].") for number, row in enumerate(rows)]
    faults = [fault for one in asked for fault in one.faults]
    users = [new_user(one, organization_id) for one in asked]
    with names_taken_meanwhile():
        faults += await add_users(call, users, given(body.group_ids, [])) if not faults else []
    if faults:
        raise Refused(*faults, envelope="result", rest={"users": []})
    ids = [user.id for user in users]
    call.describe("Create", component=COMPONENT, name=", ".join(user.user_name for user in users)[:256])
    call.audit["detail"] = {"users": ids, "groups": given(body.group_ids, [])}
    return {"result": SUCCEEDED, "users": await _read(call, organization_id, ids)}


@operation("PUT", "/api/User/{userId}", connected=False)
async def update_user(call: Call, user_id: str, body: wire.UpdateUserCommand) -> dict[str, object]:
    """Another person of the same user name; absent and null members stay as they are.

    Users may change their own names here, and only an administrator more than that. A password is a reset: whoever
    knows the old one no longer comes in, and every lock opens.
    """
    id_ = guid("userId", user_id)
    organization_id = partition(call, None)
    user = await actions.find_user_in(call.services.db, organization_id, id_)
    if user is None:
        raise NotFound(NO_USER)
    if ADMINISTRATOR not in call.permissions and not is_of_names_only(body):
        raise Forbidden(NOT_YOURS)
    password_hash, must_change = await _reset(call, user, given(body.password, None))
    async with call.services.db.transaction() as call.db:
        present = await store.lock(call.db, organization_id, id_)
        if present is None:
            raise NotFound(NO_USER)
        await _change(call, present, body)
        if password_hash is not None:
            issuer = call.port(Issuer)
            await actions.store_password(
                call.db, present, password_hash, call.now, must_change=must_change, lifetime_s=issuer.lifetime_s
            )
            call.on_commit(lambda: issuer.note_revoked("subject", str(id_), call.now))
        call.describe("Update", component=COMPONENT, entity_id=str(id_), name=present.user_name)
        call.audit["detail"] = {"changed": changed_members(body)}
        await audit.add(call)
    return SUCCEEDED


@operation("POST", "/api/User/{userId}/changepassword", connected=False)
async def change_password(call: Call, user_id: str, body: wire.ChangeUserPasswordCommand) -> dict[str, object]:
    """A new password for who knows the old one; every session and token of the user ends."""
    id_ = guid("userId", user_id)
    organization_id = partition(call, None)
    issuer = call.port(Issuer)
    user = await actions.find_user_in(call.services.db, organization_id, id_)
    if user is None:
        raise NotFound(NO_USER)

    async def audited(db: Connection) -> None:
        call.db = db
        call.describe("PasswordChange", component=COMPONENT, entity_id=str(id_), name=user.user_name)
        await audit.add(call)

    faults = await actions.change_password(
        call.services.db,
        issuer.passwords,
        organization_id,
        id_,
        given(body.old_password, ""),
        given(body.new_password, ""),
        attempt_of(call, user.user_name, "ChangePassword"),
        call.now,
        lifetime_s=issuer.lifetime_s,
        then=audited,
    )
    if faults:
        raise Refused(*faults)
    call.on_commit(lambda: issuer.note_revoked("subject", str(id_), call.now))
    return SUCCEEDED


@operation("DELETE", "/api/User/{userId}")
async def delete_user(call: Call, user_id: str) -> None:
    """The user is gone, and its names are free again."""
    id_ = guid("userId", user_id)
    user = await actions.find_user(call.db, partition(call, None), id_)
    if user is None:
        raise NotFound(NO_USER)
    await leaving.delete_users(call, user.organization_id, [id_])
    call.describe("Delete", component=COMPONENT, entity_id=str(id_), name=user.user_name)


@operation("DELETE", "/api/User")
async def delete_users(call: Call, body: wire.BulkSoftDeleteCommand) -> None:
    """The listed users and nobody else; ids that are nobody's are passed over."""
    await _delete_listed(call, body)


@operation("DELETE", "/portal_/api/identity/User")
async def delete_users_in_portal(call: Call, body: wire.BulkSoftDeleteCommand) -> None:
    """The same at the portal's address."""
    await _delete_listed(call, body)


def attempt_of(call: Call, user_name: str, client_name: str) -> Attempt:
    """Where a call comes from."""
    browser = call.headers.get("user-agent", "")[:256] or None
    return Attempt(user_name, call.client_address or None, client_name, browser)


async def _delete_listed(call: Call, body: wire.BulkSoftDeleteCommand) -> None:
    organization_id = partition(call, body.partition_global_id)
    ids = given(body.user_ids, None)
    if ids is None:
        raise ValidationProblem({"UserIds": ["The UserIds field is required."]})
    gone = await leaving.delete_users(call, organization_id, ids, current_too=given(body.delete_current_user, False))
    call.describe("Delete", component=COMPONENT, entity_id=str(gone[0]) if len(gone) == 1 else None)
    call.audit["detail"] = {"users": gone}


async def _read(call: Call, organization_id: UUID, ids: list[UUID]) -> list[object]:
    """The users in the order of the ids."""
    page = await fetch_page(call.db, USERS, Options(top=MAX_AT_ONCE), THESE, [organization_id, ids])
    found = {one["id"]: one for one in page.decoded()}
    return [found[str(id_)] for id_ in ids]


async def _reset(call: Call, user: User, password: str | None) -> tuple[str | None, bool]:
    """The hash of an administrator's new password, and whether the user must change it; None: there is none."""
    if password is None:
        return None, False
    passwords = call.port(Issuer).passwords
    async with call.services.db.acquire() as db:
        policy = (await sign_in_policy(db, user.organization_id)).password
    faults = await actions.password_faults(call.services.db, passwords, user, password, policy)
    if faults:
        raise Refused(*faults)
    return await passwords.hash(password), policy.change_at_first_login


async def _change(call: Call, user: User, body: wire.UpdateUserCommand) -> None:
    """Everything but the password, in the call's transaction, which holds the user."""
    changed = changes(body)
    organization_id = user.organization_id
    has_new_email = changed.email is not None and fold(changed.email) != fold(user.email or "")
    if changed.email is not None and has_new_email:
        broken = broken_email_rules(changed.email)
        found = await store.taken_names(call.db, organization_id, None, fold(changed.email), user.id)
        broken += taken(None, changed.email, found)
        if broken:
            raise Refused(*(Fault(*one) for one in broken))
    doubts = has_new_email and await has_smtp(call.db, organization_id)
    await _regroup(call, user, given(body.group_ids_to_add, []), given(body.group_ids_to_remove, []))
    if user.is_active and changed.is_active is False:
        await leaving.check_somebody_stays(call, organization_id, [user.id])
    email_key = fold(changed.email) if changed.email else None
    await store.update(call.db, organization_id, user.id, changed, email_key, call.now, doubts_email=doubts)
    if has_new_email:
        await links.end(call.db, organization_id, user.id, ("confirmation", "reset"), call.now)
    if doubts and changed.email:
        await send_confirmation(call, organization_id, user._replace(email=changed.email))
    if await store.count_attributes(call.db, organization_id, user.id) > MAX_ATTRIBUTES:
        message = f"A user has at most {MAX_ATTRIBUTES} attributes."
        raise ValidationProblem({"ExtensionUserAttributesToAddOrUpdate": [message]})
    if changed.is_active is False:
        await leaving.end_access(call, organization_id, user.id)
    if changed.is_active is not None and changed.is_active != user.is_active:
        await groups.announce(call, organization_id)


async def _regroup(call: Call, user: User, add: Collection[UUID], remove: Collection[UUID]) -> None:
    """Add before remove."""
    organization_id = user.organization_id
    await groups.check_right(call, organization_id, [*add, *remove])
    unknown = await groups.unknown(call.db, organization_id, [*add, *remove])
    if unknown:
        raise Refused(*unknown_groups(unknown))
    has_changed = await groups.join(call.db, organization_id, user.id, add, call.now)
    if await groups.administrators_group(call.db, organization_id) in remove:
        await leaving.check_somebody_stays(call, organization_id, [user.id])
    has_changed |= await groups.leave(call.db, organization_id, user.id, remove)
    if has_changed:
        await groups.announce(call, organization_id)

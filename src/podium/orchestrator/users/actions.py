"""From who is asked for to a user of the tenant: principals of the directory found or made, robots provided."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, given
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden, NotFound
from podium.kernel.ids import uuid7
from podium.kernel.keyring import Keyring
from podium.orchestrator.access import actions as access
from podium.orchestrator.access.granting import check_may_admit
from podium.orchestrator.access.resolver import application_principal
from podium.orchestrator.folders import actions as folders
from podium.orchestrator.ports import ALL_KINDS, Accounts, Directory, NewAccount, PrincipalRef
from podium.orchestrator.robots import actions as robots
from podium.orchestrator.users import changes, rules, store
from podium.orchestrator.users.rules import Profile

DIRECTORY_DOMAIN = "autogen"
NOT_IN_DIRECTORY = "The directory does not have such a principal."


def check_domain(call: Call, domain: str) -> None:
    """Raises NotFound for a domain that is not the organization's; a blank one is."""
    known = {"", DIRECTORY_DOMAIN, call.organization_name.casefold(), str(call.organization_id)}
    if domain.strip().casefold() not in known:
        raise NotFound(f"The domain {domain[:60]} does not exist.")


async def principal_of(
    call: Call, identifier: str, name: str, domain: str, kinds: Collection[str] = ALL_KINDS
) -> PrincipalRef | None:
    """The organization's living principal of that identifier, else of that name.

    Identifiers may carry their source; other text than a GUID is a client id or a name.
    """
    check_domain(call, domain)
    directory = call.port(Directory)  # ports are keyed by their interfaces
    assert call.organization_id is not None
    id_ = _guid(identifier, is_application="application" in kinds)
    if id_ is not None:
        found = (await directory.names(call.organization_id, [id_])).get(id_)
        if found is not None and found.kind in kinds:
            return found
    searched = name if _is_guid(identifier) else identifier or name
    return await directory.find(call.organization_id, searched.rpartition("\\")[2], kinds) if searched else None


async def create(call: Call, body: wire.UserDto) -> tuple[int, str]:
    """Id and name of the tenant's new user, with its roles, folders and robots."""
    type_ = given(body.type, "DirectoryUser" if given(body.directory_identifier, "") else "User")
    principal = await _new_local(call, body) if type_ == "User" else await _of_directory(call, body, type_)
    name = rules.clean_user_name(principal.name or principal.email)
    base = Profile(
        name=principal.first_name or None, surname=principal.last_name or None, email=principal.email or None
    )
    profile = changes.profile(body, base)
    user_id = await store.add(
        call.db,
        call.tenant_id,
        uuid7(),
        principal.id,
        type_,
        name,
        profile,
        call.now,
        call.actor.user_id,
    )
    if user_id is None:
        raise Conflict(f"The name {name} is already used.")
    await set_units(call, user_id, given(body.organization_units, None))
    user = await store.to_change(call.db, call.tenant_id, user_id)
    assert user is not None  # made above
    await set_robots(call, user, body, profile, may_edit_users=True)
    await folders.tell_access_changed(call)
    return user_id, name


async def set_units(call: Call, user_id: int, wanted: list[wire.OrganizationUnitDto] | None) -> None:
    """Make the user a member of exactly these folders, without a role in new ones; None changes nothing."""
    if wanted is None:
        return
    present = set(await store.units(call.db, call.tenant_id, user_id))
    ids = {given(unit.id, 0) for unit in wanted}
    for folder_id in sorted(ids - present):
        await set_unit(call, user_id, folder_id, is_member=True)
    for folder_id in sorted(present - ids):
        await set_unit(call, user_id, folder_id, is_member=False)


async def set_unit(call: Call, user_id: int, folder_id: int, *, is_member: bool) -> None:
    """Make the user a member of the folder, or no longer. Raises NotFound, Forbidden, BadRequest for a workspace."""
    place = await folders.place_for(call, folder_id, "Edit")
    if place.folder_type == "Personal":
        raise BadRequest("A personal workspace is its owner's.", Code.INCOMPATIBLE_FOLDER_PROPERTIES)
    if is_member:
        await check_may_admit(call, folder_id, [user_id])
        await access.join_folder(call.db, call.tenant_id, folder_id, user_id, [], call.now)
        await folders.tell_access_changed(call)
    else:
        await folders.leave_folder(call, folder_id, user_id)


async def set_robots(
    call: Call, user: Record, body: wire.UserDto, profile: Profile, *, may_edit_users: bool, is_patch: bool = False
) -> None:
    """Provide, change or withdraw the user's robots as the body and the profile say.

    Raises Forbidden without the right that it takes, BadRequest, Conflict for a robot in use.
    """
    wanted, desk = given(body.unattended_robot, None), given(body.robot_provision, None)
    if (wanted or desk) and user["type"] in rules.WITHOUT_ROBOT:
        raise BadRequest(f"A {user['type']} has no robot.", Code.PARAMETER_INVALID)
    asked = not is_patch or given(body.may_have_unattended_session, None) is not None
    if wanted is not None and profile.may_have_unattended_session:
        await _set_unattended(call, user, wanted, may_edit_users=may_edit_users)
    elif asked and not profile.may_have_unattended_session:
        is_gone = await robots.withdraw(call.db, call.tenant_id, user["id"], is_unattended=True)
        if is_gone and not may_edit_users:
            call.require("Robots.Delete")
    elif asked and user["type"] == "DirectoryRobot":
        await _set_unattended(call, user, wire.UnattendedRobotDto(), may_edit_users=may_edit_users)
    if desk is not None:
        present = await robots.account(call.db, call.tenant_id, user["id"], is_unattended=False)
        await _provide(call, user, changes.attended(desk, present), present, may_edit_users=may_edit_users)


async def _set_unattended(call: Call, user: Record, wanted: wire.UnattendedRobotDto, *, may_edit_users: bool) -> None:
    present = await robots.account(call.db, call.tenant_id, user["id"], is_unattended=True)
    account = changes.unattended(wanted, present)
    if present is None:
        rules.check_first_account(
            user["type"],
            user_name=account.user_name,
            password=account.password,
            credential_type=account.credential_type,
            external_name=account.external_name,
        )
    await _provide(call, user, account, present, may_edit_users=may_edit_users)


async def _provide(
    call: Call, user: Record, account: robots.Account, present: Record | None, *, may_edit_users: bool
) -> None:
    """Who may not edit users may edit robots where they have the right; their own they may edit, not make."""
    if not may_edit_users:
        right = "Robots.Create" if present is None else "Robots.Edit"
        if right not in call.permissions and (present is None or user["id"] != call.actor.user_id):
            raise Forbidden(rules.NOT_AUTHORIZED)
    keyring, by = call.port(Keyring), call.actor.user_id
    await robots.provide(call.db, keyring, call.tenant_id, user["id"], user["user_name"], account, call.now, by)


async def _new_local(call: Call, body: wire.UserDto) -> PrincipalRef:
    """A person of the organization by name: found, or made when there is none.

    One who is there keeps his password: who may make users may not set other people's passwords.
    """
    name = rules.clean_user_name(given(body.user_name, "") or given(body.email_address, ""))
    password = changes.password(body.password) or ""
    check_domain(call, given(body.domain, ""))
    assert call.organization_id is not None
    directory = call.port(Directory)  # as above
    found = await directory.find(call.organization_id, name, ("user",))
    if found is not None:
        if password:
            raise Conflict(f"The name {name} is already used.")
        return found
    account = NewAccount(
        user_name=name,
        email=given(body.email_address, ""),
        first_name=given(body.name, ""),
        last_name=given(body.surname, ""),
        password=password,
    )
    accounts = call.port(Accounts)  # as above
    return await accounts.create(call, call.organization_id, account)


async def _of_directory(call: Call, body: wire.UserDto, type_: str) -> PrincipalRef:
    """The principal that the body names. Raises BadRequest when it names none, NotFound."""
    kind = rules.KIND_OF_TYPE.get(type_)
    if kind is None:
        raise BadRequest(f"Type: users of the type {type_} cannot be created.", Code.PARAMETER_INVALID)
    if changes.password(body.password):
        raise BadRequest("Password: belongs to the directory, not to the tenant.", Code.PARAMETER_INVALID)
    identifier, name = given(body.directory_identifier, "").strip(), given(body.user_name, "").strip()
    if not identifier and (type_ in rules.WITH_IDENTIFIER or not name):
        raise BadRequest("DirectoryIdentifier is required.", Code.PARAMETER_MISSING)
    searched = "" if identifier else name
    principal = await principal_of(call, identifier, searched, given(body.domain, ""), (kind,))
    if principal is None:
        raise NotFound(NOT_IN_DIRECTORY)
    return principal


def _guid(identifier: str, *, is_application: bool) -> UUID | None:
    """The GUID of an identifier such as `aad|<guid>`; of an application's client id, which may be any text."""
    text = identifier.rpartition("|")[2].strip()
    if _is_guid(identifier):
        return UUID(text)
    return application_principal(text) if is_application and text else None


def _is_guid(identifier: str) -> bool:
    try:
        UUID(identifier.rpartition("|")[2].strip())
    except ValueError:
        return False
    return True

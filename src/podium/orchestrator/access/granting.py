"""What a caller may give: nobody gives a role or a permission that he does not hold himself, but the Administrator.

And somebody must stay who can put right what went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable

from podium.kernel.call import Call
from podium.kernel.errors import Code, Conflict, Forbidden
from podium.orchestrator.access import rules, store
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.ports import Directory

PEOPLE = ("User", "DirectoryUser")


async def is_administrator(call: Call) -> bool:
    """Whether the caller holds the role Administrator, itself or by a group."""
    if call.actor.user_id is None:
        return False
    holders = await holders_of(call, call.actor.user_id)
    return rules.is_administrator(await store.tenant_roles(call.db, call.tenant_id, holders))


async def holders_of(call: Call, user_id: int) -> list[int]:
    """The users whose roles a user has: itself and its directory groups."""
    row = await store.user(call.db, call.tenant_id, user_id)
    if row is None or row.directory_id is None:
        return [user_id]
    directory = call.port(Directory)  # ports are keyed by their interfaces
    groups = await directory.groups_of(row.directory_id)
    return [user_id, *await store.group_users(call.db, call.tenant_id, groups)]


async def check_may_give(call: Call, roles: Iterable[store.RoleRow]) -> None:
    """Raises Forbidden unless the caller may give all of these roles tenant-wide."""
    given = list(roles)
    if not given or await is_administrator(call):
        return
    for role in given:
        # Folder permissions of a role for the whole tenant reach into folders that do not exist yet.
        _refuse(
            role, rules.beyond(role.permissions, call.reach.permissions - rules.FOLDER_PERMISSIONS, _disabled(call))
        )


async def check_may_give_in(call: Call, folder_id: int, roles: Iterable[store.RoleRow]) -> None:
    """Raises Forbidden unless the caller may give all of these roles in the folder."""
    given = list(roles)
    if not given or await is_administrator(call):
        return
    held = held_in(call, folder_id)
    for role in given:
        _refuse(role, rules.beyond(role.permissions, held, _disabled(call)))


async def check_may_add(
    call: Call, role: store.RoleRow, added: frozenset[str], folders: Iterable[int], *, is_held_tenant_wide: bool
) -> None:
    """Raises Forbidden unless the caller may put these permissions into a role that is in use.

    `folders`: where somebody has it.
    """
    if not added or await is_administrator(call):
        return
    held = call.reach.permissions - rules.FOLDER_PERMISSIONS
    of_tenant = added if is_held_tenant_wide else added & rules.TENANT_PERMISSIONS
    _refuse(role, rules.beyond(of_tenant, held, _disabled(call)))
    for folder_id in folders:
        _refuse(role, rules.beyond(added, held | held_in(call, folder_id), _disabled(call)))


async def check_may_admit(call: Call, folder_id: int, user_ids: Iterable[int]) -> None:
    """Raises Forbidden unless the caller may make these users members of the folder.

    A member without a role there has what its mixed roles grant, which the caller must hold there.
    """
    mixed = await store.mixed_roles(call.db, call.tenant_id, rules.ADMINISTRATOR)
    if not mixed or await is_administrator(call):
        return
    for user_id in user_ids:
        holders = set(await holders_of(call, user_id))
        await check_may_give_in(call, folder_id, [role for holder, role in mixed if holder in holders])


async def check_may_move(call: Call, folder_id: int, chain: Iterable[int]) -> None:
    """Raises Forbidden unless the caller may give in the folder every role that is held in the chain it comes under.

    What is assigned above flows down: a move gives.
    """
    await check_may_give_in(call, folder_id, await store.roles_in_folders(call.db, call.tenant_id, list(chain)))


def held_in(call: Call, folder_id: int) -> frozenset[str]:
    """What the caller holds in a folder: nothing of the folder's where it does not reach it."""
    folder = call.reach.folders.get(folder_id)
    return call.reach.permissions | (frozenset() if folder is None else folder.permissions)


async def check_somebody_manages(call: Call) -> None:
    """Raises Conflict when no active person is left who may edit users and roles. Called after the change."""
    resolver = call.port(AccessResolver)
    wanted = rules.MANAGING - resolver.disabled
    if not wanted:
        return
    await store.lock_managers(call.db, call.tenant_id)
    left = await resolver.users_with(call.db, call.tenant_id, None, wanted)
    if not any(user.type in PEOPLE for user in left):
        named = " and ".join(sorted(wanted))
        raise Conflict(f"Nobody would be left who holds {named}.", Code.FORBIDDEN_OPERATION)


def _disabled(call: Call) -> frozenset[str]:
    return call.port(AccessResolver).disabled


def _refuse(role: store.RoleRow, beyond: frozenset[str]) -> None:
    if beyond:
        raise Forbidden(f"The role {role.name} grants {min(beyond)}, which you do not hold yourself.")

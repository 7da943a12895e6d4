"""Giving and taking roles tenant-wide: asked for by roles and by users."""

from __future__ import annotations

from collections.abc import Collection

from podium.kernel.call import Call
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.orchestrator.access import store as access
from podium.orchestrator.access.granting import check_may_give, check_somebody_manages
from podium.orchestrator.folders.actions import tell_access_changed
from podium.orchestrator.roles import rules, store


async def named_roles(call: Call, names: Collection[str], member: str) -> list[access.RoleRow]:
    """The roles of these names. Raises NotFound for a name that no role has."""
    found = await access.roles_named(call.db, call.tenant_id, [name.casefold() for name in names])
    for name in names:
        if name.casefold() not in found:
            raise NotFound(f"{member}: the role {name[:60]} does not exist.")
    return list(found.values())


async def roles_of_ids(call: Call, ids: Collection[int], member: str) -> list[access.RoleRow]:
    """The roles of these ids. Raises NotFound."""
    found = await access.roles(call.db, call.tenant_id, list(ids))
    for id_ in ids:
        if id_ not in found:
            raise NotFound(f"{member}: the role {id_} does not exist.")
    return list(found.values())


async def replace_roles(call: Call, user_id: int, wanted: Collection[access.RoleRow]) -> None:
    """Give the user exactly these roles tenant-wide.

    Raises BadRequest for a role that is for folders, Forbidden for one that grants more than the caller holds, Conflict
    when nobody would be left to manage access.
    """
    held = await held_by(call, user_id)
    await give_and_take(
        call,
        [user_id],
        given=[role for role in wanted if role.id not in held],
        taken=held - {role.id for role in wanted},
    )


async def held_by(call: Call, user_id: int) -> set[int]:
    """The roles that the user has tenant-wide, without those of its groups."""
    return (await store.roles_of(call.db, call.tenant_id, [user_id]))[user_id]


async def give_and_take(
    call: Call, user_ids: Collection[int], *, given: Collection[access.RoleRow], taken: Collection[int]
) -> None:
    """Give these users the one roles and take the others from them. Raises as `replace_roles`."""
    for role in given:
        if role.type == "Folder":
            raise BadRequest(f"The role {role.name} is for folders, not for the tenant.", Code.PARAMETER_INVALID)
    await check_may_give(call, given)
    if given:
        await store.give(call.db, call.tenant_id, user_ids, [role.id for role in given])
    if taken:
        await store.take(call.db, call.tenant_id, user_ids, taken)
        await check_somebody_manages(call)
    if given or taken:
        await tell_access_changed(call)


async def role_for_change(call: Call, role_id: int) -> access.RoleRow:
    """The role, held until the call ends. Raises NotFound."""
    if not await store.lock(call.db, call.tenant_id, role_id):
        raise NotFound(rules.NO_ROLE)
    return (await access.roles(call.db, call.tenant_id, [role_id]))[role_id]

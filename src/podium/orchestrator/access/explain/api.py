"""The operation that explains access."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from podium.kernel.call import Call, Reach
from podium.kernel.contract import Contract, ContractError, Folder
from podium.kernel.errors import BadRequest, Code, Forbidden, NotFound
from podium.kernel.operation import operation
from podium.kernel.permission import compile_gate, scope_allows
from podium.orchestrator.access import rules as access_rules
from podium.orchestrator.access import store as access
from podium.orchestrator.access.explain import rules, store
from podium.orchestrator.access.granting import holders_of
from podium.orchestrator.access.resolver import AccessResolver

NO_USER = "User does not exist."
NO_FOLDER = "Folder does not exist."
NOT_AUTHORIZED = "You are not authorized!"
TO_ASK = frozenset({"Users.View", "Roles.View"})
EVERY_SCOPE = frozenset({"OrchestratorApiUserAccess", "OR.Default"})
MOST_NAMED = 20
_KNOWN = {permission.casefold(): permission for permission in access_rules.ALL_PERMISSIONS}


class Asked(NamedTuple):
    """What is asked about, from a permission or from an operation of the contract."""

    need: Sequence[frozenset[str]]
    scopes: frozenset[str]
    needs_folder: bool


@operation("GET", "/api/podium/Access/Explain")
async def explain_access(
    call: Call,
    principal: str | None = None,
    permission: str | None = None,
    operation_id: str | None = None,
    folder: str | None = None,
) -> dict[str, Any]:
    """Whether the principal may do this there, and why. About others it takes Users.View and Roles.View."""
    asked = _asked(call, permission, operation_id)
    user = await _principal(call, (principal or "").strip())
    is_own = user is None or user.id == call.actor.user_id
    if not is_own and not call.reach.permissions >= TO_ASK:
        raise Forbidden(NOT_AUTHORIZED)
    place = await _place(call, (folder or "").strip(), is_own=is_own)
    facts = await _facts(call, asked, user, place, wants_place=bool(folder), is_own=is_own)
    found = rules.explain(facts)
    return {
        "principal": {
            "id": user.id if user else None,
            "userName": facts.name,
            "type": user.type if user else None,
            "directoryIdentifier": str(user.directory_id) if user and user.directory_id else None,
        },
        "permission": permission,
        "operationId": operation_id,
        "alternatives": [sorted(alternative) for alternative in asked.need],
        "folder": {"id": place.id, "key": str(place.key), "path": place.path} if place else None,
        "allowed": found.allowed,
        "reason": found.reason,
        "missing": found.missing,
        "steps": [{"step": each.step, "passed": each.passed, "detail": each.detail} for each in found.steps],
        "grants": [
            {
                "permission": each.permission,
                "source": each.source,
                "role": each.role,
                "heldBy": each.held_by,
                "byGroup": each.by_group,
                "folderPath": each.folder,
            }
            for each in found.grants
        ],
        "whoMay": [] if found.allowed else await _who_may(call, asked, place),
    }


def _asked(call: Call, permission: str | None, operation_id: str | None) -> Asked:
    if (permission is None) is (operation_id is None):
        raise BadRequest("Name either a permission or an operationId.", Code.PARAMETER_MISSING)
    if permission is not None:
        known = _KNOWN.get(permission.strip().casefold())
        if known is None:
            raise BadRequest(f"permission: {permission[:60]!r} is no permission.", Code.PARAMETER_INVALID)
        return Asked((frozenset({known}),), frozenset(), False)
    assert operation_id is not None
    try:
        row = call.port(Contract).named(operation_id)
    except ContractError:
        raise NotFound(f"There is no operation {operation_id[:100]}.") from None
    gate = compile_gate(row.permissions)
    if row.context != "orchestrator" or gate.robot or gate.host_only:
        raise BadRequest(f"operationId: permissions of the tenant do not decide on {row.id}.", Code.PARAMETER_INVALID)
    return Asked(gate.need, row.scopes, row.folder is Folder.REQUIRED)


async def _principal(call: Call, name: str) -> access.UserRow | None:
    """The user that is asked about; None for a caller that is none of the tenant's.

    Who may not see users hears the same whether there is such a user or not.
    """
    if not name:
        own = call.actor.user_id
        return None if own is None else await access.user(call.db, call.tenant_id, own)
    is_number = name.isascii() and name.isdigit() and len(name) < 19
    user_id = int(name) if is_number else await store.user_named(call.db, call.tenant_id, name)
    if not call.reach.permissions >= TO_ASK and user_id != call.actor.user_id:
        raise Forbidden(NOT_AUTHORIZED)
    found = None if user_id is None else await access.user(call.db, call.tenant_id, user_id)
    if found is None:
        raise NotFound(NO_USER)
    return found


async def _place(call: Call, name: str, *, is_own: bool) -> store.FolderRow | None:
    """The folder, if the caller may know that there is one."""
    if not name:
        return None
    found = await store.folder_named(call.db, call.tenant_id, name)
    if found is not None:
        sees_all = "Units.View" in call.reach.permissions and not found.is_personal
        if found.id in call.reach.folders or sees_all:
            return found
    if is_own:
        return None
    raise NotFound(NO_FOLDER)


async def _facts(
    call: Call,
    asked: Asked,
    user: access.UserRow | None,
    place: store.FolderRow | None,
    *,
    wants_place: bool,
    is_own: bool,
) -> rules.Facts:
    resolver = call.port(AccessResolver)
    holders = [] if user is None else await holders_of(call, user.id)
    reach = call.reach if is_own or user is None else await resolver.reach(call.tenant_id, user.id)
    here = None if place is None else reach.folders.get(place.id)
    held = await store.tenant_roles(call.db, call.tenant_id, holders)
    chain = [] if place is None else list(place.ancestor_ids)
    members = await store.members(call.db, call.tenant_id, holders, chain)
    user_id = None if user is None else user.id
    return rules.Facts(
        name=user.user_name if user else call.actor.name or call.actor.client_id or call.actor.kind,
        is_active=user is None or user.is_active,
        need=asked.need,
        scopes=asked.scopes,
        has_scope=_has_scope(call, asked) if is_own else None,
        disabled=resolver.disabled,
        tenant_roles=[
            rules.Held(
                row["holder"], row["holder_id"] != user_id, row["name"], row["type"], frozenset(row["permissions"])
            )
            for row in held
        ],
        members=[
            rules.Held(
                row["holder"],
                row["holder_id"] != user_id,
                row["name"],
                row["type"],
                frozenset(row["permissions"] or ()),
                row["path"],
                place is not None and row["folder_id"] == place.id,
            )
            for row in members
        ],
        wants_place=wants_place,
        place=None
        if place is None
        else rules.Place(place.path, place.is_personal, place.owner_id == user_id, place.is_of_tenant),
        needs_place=asked.needs_folder,
        in_tenant=reach.permissions,
        in_folder=None if here is None else here.permissions,
        anywhere=_anywhere(reach),
        administrator=access_rules.ADMINISTRATOR,
        tenant_permissions=access_rules.TENANT_PERMISSIONS,
    )


def _anywhere(reach: Reach) -> frozenset[str]:
    return frozenset[str]().union(reach.anywhere, *(folder.permissions for folder in reach.folders.values()))


def _has_scope(call: Call, asked: Asked) -> bool:
    scopes = call.actor.scopes
    return scopes is None or bool(scopes & EVERY_SCOPE) or scope_allows(asked.scopes, scopes)


async def _who_may(call: Call, asked: Asked, place: store.FolderRow | None) -> list[str]:
    """Names of active principals that may, for who may see users and roles; the folder must be one that he sees."""
    if not call.reach.permissions >= TO_ASK:
        return []
    resolver = call.port(AccessResolver)
    names: dict[str, None] = {}
    for alternative in asked.need:
        if place is None and alternative - access_rules.TENANT_PERMISSIONS:
            continue  # there is no telling who may do it somewhere
        for user in await resolver.users_with(call.db, call.tenant_id, place.id if place else None, alternative):
            names.setdefault(user.user_name)
    return list(names)[:MOST_NAMED]

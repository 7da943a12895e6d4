"""Operations on the directory."""

from __future__ import annotations

from typing import Any

from podium.kernel.call import Call
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.operation import operation
from podium.orchestrator.directory_service import store
from podium.orchestrator.ports import ALL_KINDS, Directory, PrincipalRef
from podium.orchestrator.users.actions import DIRECTORY_DOMAIN, check_domain, principal_of
from podium.orchestrator.users.rules import KIND_OF_TYPE, NO_USER

MOST_FOUND = 100
KINDS_OF = {
    "All": ALL_KINDS,
    "Users": ("user",),
    "Groups": ("group",),
    "Robots": ("robot",),
    "ExternalApplications": ("application",),
}
TYPES = {"user": "User", "group": "Group", "robot": "Robot", "application": "ExternalApplication"}


@operation("GET", "/api/DirectoryService/GetDomains")
async def list_domains(call: Call) -> list[dict[str, Any]]:
    """The organization's own directory is the only one."""
    assert call.organization_id is not None
    return [{"name": DIRECTORY_DOMAIN, "isDefault": True}]


@operation("GET", "/api/DirectoryService/SearchForUsersAndGroups")
async def search(
    call: Call, search_context: str | None = None, domain: str | None = None, prefix: str | None = None
) -> list[dict[str, Any]]:
    """Principals whose name begins so, the first hundred by name; the caller looks for the exact one."""
    check_domain(call, domain or "")
    directory = call.port(Directory)  # ports are keyed by their interfaces
    assert call.organization_id is not None
    kinds = KINDS_OF[search_context or "All"]
    found = await directory.search(call.organization_id, (prefix or "").strip(), MOST_FOUND, kinds)
    return [_shown(principal) for principal in found]


@operation("GET", "/api/DirectoryService/GetDirectoryPermissions")
async def list_directory_permissions(
    call: Call, username: str | None = None, domain: str | None = None
) -> list[dict[str, Any]]:
    """What the groups of a principal open in the tenant: a row per group that the tenant knows."""
    if not (username or "").strip():
        raise BadRequest("username is required.", Code.PARAMETER_MISSING)
    principal = await principal_of(call, "", (username or "").strip(), domain or "")
    if principal is None:
        raise NotFound(NO_USER)
    directory = call.port(Directory)  # as above
    group_ids = await directory.groups_of(principal.id)
    groups = await call.db.fetch(store.GROUPS, call.tenant_id, group_ids)
    ids = [group["id"] for group in groups]
    sees_all = "Units.View" in call.reach.permissions
    roles = await call.db.fetch(store.ROLES, call.tenant_id, ids)
    units = await call.db.fetch(store.UNITS, call.tenant_id, ids, list(call.reach.folders), sees_all)
    return [
        {
            "directoryGroup": group["user_name"],
            "organizationUnits": [
                {
                    "userId": group["id"],
                    "userName": group["user_name"],
                    "organizationUnitId": unit["id"],
                    "organizationUnitName": unit["display_name"],
                    "id": unit["id"],
                }
                for unit in units
                if unit["user_id"] == group["id"]
            ],
            "roles": [
                {
                    "id": role["id"],
                    "name": role["name"],
                    "displayName": role["display_name"],
                    "isStatic": role["is_static"],
                    "isEditable": role["is_editable"],
                    "groups": None,
                }
                for role in roles
                if role["user_id"] == group["id"]
            ],
        }
        for group in groups
    ]


@operation("GET", "/api/DirectoryService/GetDomainUserId")
async def read_user_id(
    call: Call,
    domain: str | None = None,
    directory_identifier: str | None = None,
    user_name: str | None = None,
    user_type: str | None = None,
) -> int:
    """Id of the tenant's user for a principal; 404 when the tenant does not know it."""
    identifier, name = (directory_identifier or "").strip(), (user_name or "").strip()
    if not identifier and not name:
        raise BadRequest("directoryIdentifier or userName is required.", Code.PARAMETER_MISSING)
    kind = KIND_OF_TYPE.get(user_type or "")
    kinds = ALL_KINDS if kind is None else (kind,)
    principal = await principal_of(call, identifier, "" if identifier else name, domain or "", kinds)
    if principal is None:
        raise NotFound(NO_USER)
    found = await call.db.fetchval(store.USER, call.tenant_id, principal.id)
    if found is None:
        raise NotFound(NO_USER)
    return int(found)


def _shown(principal: PrincipalRef) -> dict[str, Any]:
    return {
        "source": "local",
        "domain": DIRECTORY_DOMAIN,
        "identifier": str(principal.id),
        "identityName": principal.name or principal.email,
        "displayName": principal.display_name or principal.name,
        "type": TYPES[principal.kind],
    }

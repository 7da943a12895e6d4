"""Lets a call in or refuses it: scope, tenant, folder, permission, in this order (decision 37)."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

from podium.kernel.call import Actor, Folder, Reach
from podium.kernel.contract import Contract, Row
from podium.kernel.contract import Folder as FolderRule
from podium.kernel.errors import BadRequest, Code, Forbidden, Unauthenticated
from podium.kernel.permission import Gate, allows, compile_gate, scope_allows
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.access.rules import JOB_IN_TENANT
from podium.orchestrator.access.store import TenantRow
from podium.orchestrator.ports import Administrators
from podium.server.addresses import Address
from podium.server.authenticate import NOT_AUTHENTICATED

NOT_AUTHORIZED = "You are not authorized!"
FOLDER_UNKNOWN = "Folder does not exist or the user does not have access to the folder."
FOLDER_MISSING = "A folder is required for this action. Name one in X-UIPATH-OrganizationUnitId, X-UIPATH-FolderKey or X-UIPATH-FolderPath."
USER_SCOPES = frozenset({"OrchestratorApiUserAccess"})
NO_LIMIT = "OR.Default"
MOST_KEPT = 4096


@dataclass(frozen=True, slots=True)
class Admission:
    """What admission found out for the call."""

    tenant: TenantRow
    reach: Reach
    folder: Folder | None
    user_id: int | None


class Admitter:
    """One per process. Knows, for each scope, the permissions of the rows that list it."""

    def __init__(
        self,
        contract: Contract,
        access: AccessResolver,
        organizations: Mapping[str, UUID],
        default_tenant: str,
        administrators: Administrators,
    ) -> None:
        self._access = access
        self._administrators = administrators
        self._organizations = organizations
        self._default_tenant = default_tenant.lower()
        self._gates: dict[str, Gate] = {row.id: compile_gate(row.permissions) for row in contract}
        self._widened_kept: dict[tuple[int, frozenset[str]], tuple[Reach, Reach]] = {}
        self._by_scope: dict[str, frozenset[str]] = {}
        for row in contract:
            named = frozenset[str]().union(*self._gates[row.id].need) if self._gates[row.id].need else frozenset()
            for scope in row.scopes:
                self._by_scope[scope] = self._by_scope.get(scope, frozenset()) | named

    def gate(self, row: Row) -> Gate:
        """The compiled permission sentence of a row."""
        return self._gates[row.id]

    async def tenant(self, address: Address, headers: Mapping[str, str], actor: Actor, bound: int | None) -> TenantRow:
        """The tenant that the call is for. One that is not the credential's is 403, whether it exists or not."""
        rows = await self._access.tenants()
        organization = self._organization(address.organization)
        if address.organization is not None and organization is None:
            raise Forbidden(NOT_AUTHORIZED)
        if bound is not None:
            found = next((row for row in rows if row.id == bound), None)
            if found is None or (address.tenant is not None and not _is_called(found, address.tenant)):
                raise Forbidden(NOT_AUTHORIZED)
        else:
            signed_in = str(actor.tenant_key) if actor.tenant_key is not None else None
            name = address.tenant or headers.get("x-uipath-tenantname") or signed_in or self._default_tenant
            home = organization or actor.organization_id
            found = next((row for row in rows if _is_called(row, name) and home in (None, row.organization_id)), None)
        if found is None or not found.is_active or actor.organization_id not in (None, found.organization_id):
            raise Forbidden(NOT_AUTHORIZED)
        return found

    def _organization(self, name: str | None) -> UUID | None:
        if name is None:
            return None
        found = self._organizations.get(name.lower())
        if found is not None:
            return found
        try:
            wanted = UUID(name)
        except ValueError:
            return None
        return wanted if wanted in self._organizations.values() else None

    async def admit(self, row: Row, tenant: TenantRow, headers: Mapping[str, str], actor: Actor) -> Admission:
        """Check the call against its row. Raises Unauthenticated, Forbidden or BadRequest (#1100, #1101)."""
        gate = self._gates[row.id]
        if gate.anonymous:
            return Admission(tenant, Reach(frozenset(), {}), None, actor.user_id)
        if actor.kind == "anonymous":
            raise Unauthenticated(NOT_AUTHENTICATED)
        self._check_scope(row, actor)
        if gate.host_only and not await self._acts_for_host(row, actor):
            raise Forbidden(NOT_AUTHORIZED)
        user_id, reach = await self._reach(tenant, actor)
        folder = find_folder(headers, reach)
        if row.folder is FolderRule.REQUIRED and folder is None:
            if folder_is_named(headers):
                raise BadRequest(FOLDER_UNKNOWN, Code.INVALID_FOLDER)
            raise BadRequest(FOLDER_MISSING, Code.FOLDER_REQUIRED)
        if row.folder is FolderRule.OPTIONAL and folder is None and folder_is_named(headers):
            raise BadRequest(FOLDER_UNKNOWN, Code.INVALID_FOLDER)
        if gate.need and not _passes(gate, reach, folder):
            raise Forbidden(NOT_AUTHORIZED)
        return Admission(tenant, reach, folder, user_id)

    def _check_scope(self, row: Row, actor: Actor) -> None:
        scopes = actor.scopes
        if scopes is None or not row.scopes or scopes & USER_SCOPES or NO_LIMIT in scopes:
            return
        if not scope_allows(row.scopes, scopes):
            raise Forbidden(NOT_AUTHORIZED)

    async def _acts_for_host(self, row: Row, actor: Actor) -> bool:
        """An administrator of the installation's own organization, or an application of it with the scope itself."""
        if actor.organization_id not in self._organizations.values() or actor.subject is None:
            return False
        if actor.kind == "application":
            return actor.scopes is None or scope_allows(row.scopes, actor.scopes)
        return actor.kind == "user" and await self._administrators.is_administrator(actor.subject)

    async def _reach(self, tenant: TenantRow, actor: Actor) -> tuple[int | None, Reach]:
        if actor.kind == "machine" and actor.machine_id is not None:
            return None, await self._access.machine_reach(tenant.id, actor.machine_id)
        if actor.kind == "robot":
            reach = await self._reach_of_robot(tenant, actor)
            return actor.user_id, reach if actor.folder_id is None else _of_job(reach, actor.folder_id)
        assert actor.subject is not None
        user = await self._access.user_or_new(tenant, actor)
        if user is not None and not user[1]:
            raise Unauthenticated(NOT_AUTHENTICATED)
        reach = await self._access.reach(tenant.id, user[0]) if user else Reach(frozenset(), {})
        if actor.kind == "application" and actor.scopes:
            reach = self._widened(reach, actor.scopes)
        return (user[0] if user else None), reach

    async def _reach_of_robot(self, tenant: TenantRow, actor: Actor) -> Reach:
        if actor.user_id is not None:
            return await self._access.reach(tenant.id, actor.user_id)
        assert actor.machine_id is not None
        return await self._access.machine_reach(tenant.id, actor.machine_id)

    def _widened(self, reach: Reach, scopes: frozenset[str]) -> Reach:
        """An application's scopes grant the permissions of the rows that list them (decision 33).

        Kept for as long as the reach itself is, which is found again by its identity.
        """
        key = (id(reach), scopes)
        kept = self._widened_kept.get(key)
        if kept is not None and kept[0] is reach:
            return kept[1]
        if len(self._widened_kept) >= MOST_KEPT:
            self._widened_kept.clear()
        widened = self._with_scopes(reach, scopes)
        self._widened_kept[key] = (reach, widened)
        return widened

    def _with_scopes(self, reach: Reach, scopes: frozenset[str]) -> Reach:
        granted = frozenset[str]().union(*(self._by_scope[scope] for scope in scopes if scope in self._by_scope))
        granted -= self._access.disabled
        if not granted:
            return reach
        folders = {
            id_: folder._replace(permissions=folder.permissions | granted) for id_, folder in reach.folders.items()
        }
        return Reach(reach.permissions | granted, folders, reach.anywhere | granted)


def _of_job(reach: Reach, folder_id: int) -> Reach:
    """What is left for a job: its own folder, and of the tenant what jobs need."""
    folder = reach.folders.get(folder_id)
    permissions = reach.permissions & JOB_IN_TENANT
    return Reach(permissions, {}) if folder is None else Reach(permissions, {folder_id: folder}, folder.permissions)


def _is_called(tenant: TenantRow, name: str) -> bool:
    return tenant.name.lower() == name.lower() or str(tenant.key) == name.lower()


def _passes(gate: Gate, reach: Reach, folder: Folder | None) -> bool:
    return allows(gate.need, reach.permissions, reach.anywhere if folder is None else folder.permissions)


def folder_is_named(headers: Mapping[str, str]) -> bool:
    """Whether a header names a folder in a form that can be read; a malformed value counts as none (decision 4)."""
    return _wanted(headers) is not None


def find_folder(headers: Mapping[str, str], reach: Reach) -> Folder | None:
    """The reachable folder that the headers name: id before key before encoded path before plain path."""
    wanted = _wanted(headers)
    if wanted is None:
        return None
    if isinstance(wanted, int):
        return reach.folders.get(wanted)
    if isinstance(wanted, UUID):
        return next((folder for folder in reach.folders.values() if folder.key == wanted), None)
    return _by_path(wanted, headers, reach)


def _wanted(headers: Mapping[str, str]) -> int | UUID | str | None:
    number = headers.get("x-uipath-organizationunitid", "").strip()
    if number.isascii() and number.isdigit() and len(number) < 19:
        return int(number)
    key = headers.get("x-uipath-folderkey", "").strip()
    if key:
        try:
            return UUID(key)
        except ValueError:
            pass
    encoded = headers.get("x-uipath-folderpath-encoded", "").strip()
    if encoded:
        try:
            return base64.b64decode(encoded, validate=True).decode("utf-16-le")
        except (binascii.Error, UnicodeDecodeError):
            pass
    return headers.get("x-uipath-folderpath", "").strip() or None


def _by_path(path: str, headers: Mapping[str, str], reach: Reach) -> Folder | None:
    folded = path.strip().casefold()
    if folded.startswith((".", "/")):
        ambient = find_folder(
            {k: v for k, v in headers.items() if k in ("x-uipath-organizationunitid", "x-uipath-folderkey")}, reach
        )
        if ambient is None:
            return None
        folded = absolute_path(folded, ambient.path.casefold())
    return next((folder for folder in reach.folders.values() if folder.path.casefold() == folded), None)


def absolute_path(relative: str, ambient: str) -> str:
    """`/x`: below the root of the ambient folder's tree; `./x`: below the ambient folder; `../x`: beside it."""
    here = ambient.split("/")
    if relative.startswith("/"):
        return "/".join([here[0], *[part for part in relative.split("/") if part]])
    for part in relative.split("/"):
        if part == "..":
            here = here[:-1]
        elif part not in (".", ""):
            here.append(part)
    return "/".join(here)

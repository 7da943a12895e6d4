"""Permissions, default roles and the rule by which roles become reach. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

ACTIONS = ("View", "Edit", "Create", "Delete")

TENANT_ENTITIES = (
    "ActionDesign",
    "Alerts",
    "Audit",
    "BackgroundTasks",
    "Libraries",
    "License",
    "MLLogs",
    "Machines",
    "Packages",
    "Robots",
    "Roles",
    "Settings",
    "Units",
    "Users",
    "Webhooks",
)
FOLDER_ENTITIES = (
    "Assets",
    "BlobFiles",
    "Buckets",
    "BusinessRules",
    "Environments",
    "ExecutionMedia",
    "FolderPackages",
    "Jobs",
    "Logs",
    "Monitoring",
    "Processes",
    "Queues",
    "RemoteControl",
    "Schedules",
    "SubFolders",
    "TaskAssignment",
    "TaskCatalogs",
    "Tasks",
    "TestCaseExecutionArtifacts",
    "TestDataQueueItems",
    "TestDataQueues",
    "TestSetExecutions",
    "TestSetSchedules",
    "TestSets",
    "Transactions",
)


def every(entities: Iterable[str]) -> frozenset[str]:
    """All four actions on each entity."""
    return frozenset(f"{entity}.{action}" for entity in entities for action in ACTIONS)


TENANT_PERMISSIONS = every(TENANT_ENTITIES)
FOLDER_PERMISSIONS = every(FOLDER_ENTITIES)
ALL_PERMISSIONS = TENANT_PERMISSIONS | FOLDER_PERMISSIONS

MANAGING = frozenset({"Roles.Edit", "Users.Edit"})
"""Whoever holds these can give and take everything else; somebody must."""

ADMINISTRATOR = "Administrator"
FOLDER_ADMINISTRATOR = "Folder Administrator"
WORKSPACE_ADMINISTRATOR = "Personal Workspace Administrator"
AUTOMATION_USER = "Automation User"


@dataclass(frozen=True, slots=True)
class DefaultRole:
    """A role that every new tenant has. The sets follow the vendor's default-role script where it is published."""

    name: str
    type: str
    permissions: frozenset[str]
    is_static: bool = True
    is_editable: bool = True


def _of(text: str) -> frozenset[str]:
    """`Jobs.View+Create Logs.Create` -> the single permissions."""
    found: set[str] = set()
    for part in text.split():
        entity, _, actions = part.partition(".")
        found |= {f"{entity}.{action}" for action in actions.split("+")}
    return frozenset(found)


_USER_IN_TENANT = _of(
    "License.View Settings.View Machines.View Packages.View+Create Libraries.View+Create Webhooks.View Robots.View"
)
_USER_IN_FOLDER = _of(
    "Processes.View Assets.View Queues.View Jobs.View+Create Tasks.View+Create Transactions.View+Create+Edit"
    " Logs.Create ExecutionMedia.Create Buckets.View BlobFiles.View+Create+Edit"
)
_DEVELOPER_IN_FOLDER = _USER_IN_FOLDER | _of(
    "Queues.Edit+Create Assets.Edit+Create Buckets.Edit+Create Processes.Edit+Create Schedules.View+Edit+Create"
    " Jobs.Edit Logs.View FolderPackages.View+Create"
)
_PUBLISHER_IN_FOLDER = _USER_IN_FOLDER | _of("FolderPackages.View+Create Processes.Create+Edit")

DEFAULT_ROLES = (
    DefaultRole(ADMINISTRATOR, "Mixed", ALL_PERMISSIONS, is_editable=False),
    DefaultRole("Robot", "Mixed", _USER_IN_FOLDER | _of("Packages.View License.View Machines.View Settings.View")),
    DefaultRole("Tenant Administrator", "Tenant", TENANT_PERMISSIONS),
    DefaultRole(
        "Allow to be Folder Administrator",
        "Tenant",
        _of("Machines.View Packages.View Roles.View Users.View Robots.View License.View"),
    ),
    DefaultRole(FOLDER_ADMINISTRATOR, "Folder", FOLDER_PERMISSIONS),
    DefaultRole("Allow to be Automation User", "Tenant", _USER_IN_TENANT),
    DefaultRole(AUTOMATION_USER, "Folder", _USER_IN_FOLDER),
    DefaultRole("Allow to be Automation Developer", "Tenant", _USER_IN_TENANT),
    DefaultRole("Automation Developer", "Folder", _DEVELOPER_IN_FOLDER),
    DefaultRole("Allow to be Automation Publisher", "Tenant", _USER_IN_TENANT),
    DefaultRole("Automation Publisher", "Folder", _PUBLISHER_IN_FOLDER),
    DefaultRole(WORKSPACE_ADMINISTRATOR, "Folder", FOLDER_PERMISSIONS, is_editable=False),
)

# What a machine without an account may do in the folders that it is assigned to.
MACHINE_IN_FOLDER = _USER_IN_FOLDER | _of("FolderPackages.View Jobs.Edit")
MACHINE_IN_TENANT = _of("Packages.View Libraries.View License.View Machines.View")

# What a job is left with of that, whatever its robot's account may do: jobs have no business with machines.
JOB_IN_TENANT = MACHINE_IN_TENANT - {"Machines.View"}


@dataclass(frozen=True, slots=True)
class TenantRole:
    """A role that a principal holds tenant-wide."""

    name: str
    type: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class FolderRow:
    """A folder as the reach rule needs it. `owner_id` is set on personal workspaces.

    `is_of_tenant`: its permission model is InheritFromTenant.
    """

    id: int
    key: UUID
    path: str
    ancestor_ids: Sequence[int]
    is_personal: bool
    owner_id: int | None
    is_of_tenant: bool = False


def disabled_permissions(names: Iterable[str]) -> frozenset[str]:
    """The permissions that these names mean, without regard to case; an entity alone means all four of its actions.

    Raises ValueError for a name that is none.
    """
    known = {permission.casefold(): frozenset({permission}) for permission in ALL_PERMISSIONS}
    known |= {entity.casefold(): every([entity]) for entity in TENANT_ENTITIES + FOLDER_ENTITIES}
    found = frozenset[str]()
    for name in names:
        if name.casefold() not in known:
            raise ValueError(f"{name} is not a permission")
        found |= known[name.casefold()]
    return found


def tenant_permissions(roles: Iterable[TenantRole], disabled: frozenset[str] = frozenset()) -> frozenset[str]:
    """What the roles grant outside folders."""
    granted = frozenset[str]().union(*(role.permissions for role in roles if role.type in ("Tenant", "Mixed")))
    return (granted & TENANT_PERMISSIONS) - disabled


def folder_permissions(
    folder: FolderRow,
    roles: Sequence[TenantRole],
    grants: Mapping[int, frozenset[str] | None],
    workspaces_of: frozenset[int],
    disabled: frozenset[str] = frozenset(),
) -> frozenset[str] | None:
    """The permissions in one folder; None when the principal does not reach it.

    `grants`: folder id -> permissions of the principal's roles there, None for a member without a role.
    Assignments flow down the tree and never take away. The role Administrator reaches every folder but the
    workspaces of others (decision 31). A member without roles has what Mixed roles grant tenant-wide; so has every
    member of a folder whose model is InheritFromTenant, whatever its roles there. `disabled` is granted to nobody.
    """
    if is_administrator(roles) and (not folder.is_personal or folder.owner_id in workspaces_of):
        return FOLDER_PERMISSIONS - disabled
    assigned = [grants[ancestor] for ancestor in folder.ancestor_ids if ancestor in grants]
    if not assigned:
        return None
    explicit = [permissions for permissions in assigned if permissions is not None]
    if not explicit or folder.is_of_tenant:
        explicit = [role.permissions for role in roles if role.type == "Mixed"]
    return (frozenset[str]().union(*explicit) & FOLDER_PERMISSIONS) - disabled


def is_administrator(roles: Iterable[TenantRole]) -> bool:
    """Whether the role that reaches everything is among them."""
    return any(role.name == ADMINISTRATOR for role in roles)


def beyond(wanted: frozenset[str], held: frozenset[str], disabled: frozenset[str] = frozenset()) -> frozenset[str]:
    """What somebody who holds `held` cannot give of `wanted`; what is disabled opens nothing and counts for nothing."""
    return wanted - held - disabled

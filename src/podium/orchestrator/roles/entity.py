"""The entity set Roles with its permissions, and users in the order of their membership."""

from __future__ import annotations

from dataclasses import replace

from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.access.rules import TENANT_ENTITIES
from podium.orchestrator.roles.rules import TYPES
from podium.orchestrator.users.entity import USERS

_TENANT_NAMES = ", ".join(f"'{name}'" for name in TENANT_ENTITIES)
SCOPES = ("Global", "Folder", "GlobalOrFolder")

PERMISSIONS_OF_ROLE = Entity(
    name="Permissions",
    table="orchestrator.role_permissions",
    properties={
        "Name": Property("{t}.name"),
        "IsGranted": Property("true", Kind.BOOL),
        "RoleId": Property("{t}.role_id", Kind.INT),
        "Scope": Property(
            f"CASE WHEN split_part({{t}}.name, '.', 1) IN ({_TENANT_NAMES}) THEN 'Global' ELSE 'Folder' END",
            Kind.ENUM,
            enum=SCOPES,
        ),
        "Id": Property("{t}.id", Kind.INT),
    },
)
ROLES = Entity(
    name="Roles",
    table="orchestrator.roles",
    properties={
        "Name": Property("{t}.name"),
        "DisplayName": Property("{t}.display_name"),
        "Type": Property("{t}.type", Kind.ENUM, enum=TYPES),
        "Groups": Property("NULL::text", filterable=False, sortable=False),
        "IsStatic": Property("{t}.is_static", Kind.BOOL),
        "IsEditable": Property("{t}.is_editable", Kind.BOOL),
        "Id": Property("{t}.id", Kind.INT),
    },
    navigations={
        "Permissions": Navigation(
            PERMISSIONS_OF_ROLE,
            "{n}.tenant_id = {t}.tenant_id AND {n}.role_id = {t}.id",
            many=True,
            order="{n}.name",
        )
    },
)
# $2 is the role.
HOLDS = """EXISTS (SELECT FROM orchestrator.user_roles held
 WHERE held.tenant_id = {t}.tenant_id AND held.user_id = {t}.id AND held.role_id = $2::bigint)"""
USERS_BY_ROLE = replace(
    USERS,
    properties={**USERS.properties, "HoldsRole": Property(HOLDS, Kind.BOOL, default=False)},
    default_order=(("HoldsRole", "desc"), ("UserName", "asc")),
)

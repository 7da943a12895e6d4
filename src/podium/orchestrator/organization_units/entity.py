"""The entity set OrganizationUnits, and users in the order of their membership."""

from __future__ import annotations

from dataclasses import replace

from podium.kernel.odata import Kind, Property
from podium.orchestrator import scope
from podium.orchestrator.users.entity import ORGANIZATION_UNITS, USERS

UNITS = ORGANIZATION_UNITS
# $2 is the folder in a list; `t` is the membership inside.
IS_MEMBER = f"{{t}}.id IN (SELECT t.user_id FROM orchestrator.folder_members t WHERE {scope.IN_FOLDERS})"
USERS_BY_UNIT = replace(
    USERS,
    properties={**USERS.properties, "IsMember": Property(IS_MEMBER, Kind.BOOL, default=False)},
    default_order=(("IsMember", "desc"), ("UserName", "asc")),
)

"""A robot account on the wire."""

from __future__ import annotations

from podium.kernel.odata.entity import Entity, Kind, Property

GROUP_IDS = """coalesce((SELECT json_agg({t}_m.group_id ORDER BY {t}_m.added_at, {t}_m.group_id)
  FROM identity.group_members {t}_m
 WHERE {t}_m.organization_id = {t}.organization_id AND {t}_m.member_id = {t}.id), '[]'::json)"""

ROBOT_ACCOUNTS = Entity(
    name="RobotAccount",
    table="identity.robot_accounts",
    properties={
        "id": Property("{t}.id", Kind.GUID),
        "name": Property("{t}.name"),
        "displayName": Property("{t}.display_name"),
        "creationTime": Property("{t}.created_at", Kind.DATETIME),
        "lastLoginTime": Property("{t}.last_login_at", Kind.DATETIME),
        "lastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
        "groupIds": Property(GROUP_IDS, Kind.JSON),
    },
    key="id",
    default_order=(("creationTime", "asc"),),
)

SORTABLE = ("id", "name", "displayName", "creationTime", "lastLoginTime", "lastModificationTime")

"""A group and its members on the wire."""

from __future__ import annotations

from collections.abc import Sequence

from podium.identity.groups.rules import Group
from podium.kernel.odata.entity import Entity, Kind, Property

BUILT_IN, CUSTOM = 0, 1

JOINS = """
  LEFT JOIN identity.users {t}_u
    ON ({t}_u.organization_id, {t}_u.id) = ({t}.organization_id, {t}.member_id) AND {t}_u.deleted_at IS NULL
  LEFT JOIN identity.robot_accounts {t}_r
    ON ({t}_r.organization_id, {t}_r.id) = ({t}.organization_id, {t}.member_id) AND {t}_r.deleted_at IS NULL
  LEFT JOIN identity.clients {t}_c ON ({t}_c.organization_id, {t}_c.id) = ({t}.organization_id, {t}.member_id)"""
USER_TYPE = """CASE WHEN {t}_c.id IS NOT NULL THEN 5 WHEN {t}_r.id IS NOT NULL THEN 4
  ELSE CASE {t}_u.type WHEN 'robot' THEN 1 WHEN 'directoryUser' THEN 2 ELSE 0 END END"""

MEMBERS = Entity(
    name="Members",
    table="identity.group_members",
    joins=JOINS,
    properties={
        "id": Property("{t}.member_id", Kind.GUID),
        "type": Property(USER_TYPE, Kind.INT),
        "name": Property("coalesce({t}_u.user_name_key, {t}_r.name_key, {t}_c.name_key)", default=False),
    },
    key="id",
    default_order=(("name", "asc"),),
)
"""Members by id and number of their UserType."""

OF_GROUP = "t.organization_id = $1 AND t.group_id = $2 AND coalesce(t_u.id, t_r.id, t_c.id) IS NOT NULL"
"""The members of a group; those whose principal is gone are none."""


def dto(group: Group, members: Sequence[dict[str, object]] = ()) -> dict[str, object]:
    """The GroupDto; lists leave the members out."""
    return {
        "id": group.id,
        "name": group.name,
        "displayName": group.name,
        "type": BUILT_IN if group.is_built_in else CUSTOM,
        "creationTime": group.created_at,
        "lastModificationTime": group.updated_at,
        "members": members,
    }

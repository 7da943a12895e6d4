"""Users and groups as SCIM resources."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.directory_search.entity import Found
from podium.identity.groups.rules import Group
from podium.identity.scim.rules import GROUP_SCHEMA, USER_SCHEMA

MEMBER_TYPES = {"user": "User", "robot": "RobotAccount", "application": "Application", "group": "Group"}


class UserRow(NamedTuple):
    """A user as stored."""

    id: UUID
    user_name: str
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    is_active: bool
    external_id: str | None
    created_at: datetime
    updated_at: datetime | None


def user_resource(row: UserRow) -> dict[str, object]:
    """The User; the one address that is kept is the primary one."""
    full = " ".join(part for part in (row.first_name, row.last_name) if part)
    emails = [] if row.email is None else [{"value": row.email, "type": "work", "primary": True}]
    return {
        "schemas": [USER_SCHEMA],
        "id": row.id,
        "externalId": row.external_id,
        "meta": _meta("User", row.created_at, row.updated_at),
        "userName": row.user_name,
        "name": {"formatted": full or None, "familyName": row.last_name, "givenName": row.first_name},
        "displayName": row.display_name or full or row.user_name,
        "active": row.is_active,
        "emails": emails,
    }


def group_resource(group: Group, members: list[Found] | None) -> dict[str, object]:
    """The Group; `members` None: they were not asked for."""
    resource: dict[str, object] = {
        "schemas": [GROUP_SCHEMA],
        "id": group.id,
        "externalId": group.external_id,
        "meta": _meta("Group", group.created_at, group.updated_at),
        "displayName": group.name,
    }
    if members is not None:
        resource["members"] = [
            {"value": each.id, "display": each.display_name, "type": MEMBER_TYPES[each.kind]} for each in members
        ]
    return resource


def _meta(resource_type: str, created_at: datetime, updated_at: datetime | None) -> dict[str, object]:
    return {"resourceType": resource_type, "created": created_at, "lastModified": updated_at or created_at}

"""Users as the management API shows them."""

from __future__ import annotations

from podium.kernel.odata.entity import Entity, Kind, Property

# Everyone has no member rows, so it is not among them.
_GROUPS = """(SELECT coalesce(json_agg(m.group_id ORDER BY m.added_at, m.group_id), '[]'::json)
  FROM identity.group_members m WHERE m.organization_id = {t}.organization_id AND m.member_id = {t}.id)"""

_TYPE = "CASE {t}.type WHEN 'robot' THEN 1 WHEN 'directoryUser' THEN 2 ELSE 0 END"

SORTABLE = (
    "id",
    "userName",
    "email",
    "emailConfirmed",
    "name",
    "surname",
    "displayName",
    "creationTime",
    "lastModificationTime",
    "lastLoginTime",
    "legacyId",
    "isActive",
    "bypassBasicAuthRestriction",
    "type",
    "invitationAccepted",
    "category",
)

_USER = {
    "id": Property("{t}.id", Kind.GUID),
    "userName": Property("{t}.user_name"),
    "email": Property("{t}.email"),
    "emailConfirmed": Property("{t}.is_email_confirmed", Kind.BOOL),
    "name": Property("{t}.first_name"),
    "surname": Property("{t}.last_name"),
    "displayName": Property("{t}.display_name"),
    "creationTime": Property("{t}.created_at", Kind.DATETIME),
    "lastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
    "lastLoginTime": Property("{t}.last_login_at", Kind.DATETIME),
    "groupIDs": Property(_GROUPS, Kind.JSON),
    "legacyId": Property("{t}.legacy_id", Kind.INT),
    "isActive": Property("{t}.is_active", Kind.BOOL),
    "bypassBasicAuthRestriction": Property("{t}.bypasses_basic_restriction", Kind.BOOL),
    "type": Property(_TYPE, Kind.INT),
    "invitationAccepted": Property("{t}.is_invitation_accepted", Kind.BOOL),
    "category": Property("0::int", Kind.INT),
    "extensionUserAttributes": Property("{t}.attributes", Kind.JSON),
}

USERS = Entity("User", "identity.users", _USER, key="id", default_order=(("creationTime", "asc"),))

# Licences are not limited here; who asks for them is told that nobody needs a bundle.
LICENSED_USERS = Entity(
    "LicensedUser",
    "identity.users",
    {
        **_USER,
        "userId": Property("{t}.id", Kind.GUID),
        "userBundleCodes": Property("'[]'::json", Kind.JSON),
        "useExternalLicense": Property("false", Kind.BOOL),
        "inheritedFromGroup": Property("false", Kind.BOOL),
    },
    key="id",
    default_order=(("creationTime", "asc"),),
)

ONE = "t.organization_id = $1 AND t.id = $2 AND t.deleted_at IS NULL"
"""Parameters: organization, id."""

THESE = "t.organization_id = $1 AND t.id = ANY($2::uuid[]) AND t.deleted_at IS NULL"
"""Parameters: organization, ids."""

FOUND = """t.organization_id = $1 AND t.deleted_at IS NULL
 AND strpos(lower(concat_ws(chr(31), t.user_name, t.email, t.first_name, t.last_name, t.display_name)), lower($2::text)) > 0"""
"""Parameters: organization, text that one of the names contains (blank: all)."""

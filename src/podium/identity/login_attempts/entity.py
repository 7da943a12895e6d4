"""Tries to sign in, as the management API shows them."""

from __future__ import annotations

from podium.kernel.odata.entity import Entity, Kind, Property

SORTABLE = ("id", "userNameOrEmailAddress", "clientIpAddress", "clientName", "browserInfo", "result", "creationTime")

LOGIN_ATTEMPTS = Entity(
    "UserLoginAttempt",
    "identity.login_attempts",
    {
        "id": Property("{t}.id", Kind.INT),
        "partitionName": Property("{t}_o.name"),
        "userId": Property("{t}.user_id", Kind.GUID),
        "userNameOrEmailAddress": Property("{t}.user_name"),
        "clientIpAddress": Property("{t}.client_address"),
        "clientName": Property("{t}.client_name"),
        "browserInfo": Property("{t}.browser"),
        "result": Property("{t}.result", Kind.INT),
        "creationTime": Property("{t}.created_at", Kind.DATETIME),
        "partitionGlobalId": Property("{t}.organization_id", Kind.GUID),
    },
    key="id",
    default_order=(("id", "desc"),),
    joins="LEFT JOIN identity.organizations {t}_o ON {t}_o.id = {t}.organization_id",
)

OF_USER = "t.organization_id = $1 AND t.user_id = $2"
"""Parameters: organization, user."""

OF_USER_SINCE = "t.organization_id = $1 AND t.user_id = $2 AND t.created_at >= $3::timestamptz"
"""Parameters: organization, user, instant."""

"""Personal access tokens as the wire lists them."""

from __future__ import annotations

from podium.kernel.odata.entity import Entity, Kind, Property

REFERENCE_TOKEN = Entity(
    name="ReferenceTokenDto",
    table="identity.personal_tokens",
    properties={
        "referenceToken": Property("NULL::text", filterable=False, sortable=False),
        "id": Property("{t}.id", Kind.GUID),
        "userId": Property("{t}.user_id", Kind.GUID),
        "description": Property("{t}.description"),
        "expiration": Property("{t}.expires_at", Kind.DATETIME),
        "scopes": Property("{t}.scopes", Kind.STRINGS),
        "lastUsed": Property("{t}.last_used_at", Kind.DATETIME),
        "creationTime": Property("{t}.created_at", Kind.DATETIME, default=False),
    },
    key="id",
    default_order=(("creationTime", "asc"),),
)

OF_USER = "t.organization_id = $1 AND t.user_id = $2 AND t.revoked_at IS NULL"
OF_ORGANIZATION = "t.organization_id = $1 AND t.revoked_at IS NULL"
ONE_OF_USER = "t.organization_id = $1 AND t.user_id = $2 AND t.revoked_at IS NULL AND t.id = $3"

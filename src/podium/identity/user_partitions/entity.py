"""The organization of a user, as the management API shows it."""

from __future__ import annotations

from podium.kernel.odata.entity import Entity, Kind, Property

PARTITIONS_OF_USER = Entity(
    "UserPartition",
    "identity.users",
    {
        "globalId": Property("{t}.organization_id", Kind.GUID),
        "type": Property("CASE {t}_o.type WHEN 'host' THEN 0 ELSE 1 END", Kind.INT),
        "status": Property(
            "CASE WHEN {t}_o.deleted_at IS NOT NULL THEN 1 WHEN {t}_o.is_active THEN 0 ELSE 2 END", Kind.INT
        ),
        "allowedIdp": Property("NULL::text"),
        "name": Property("{t}_o.name"),
        "language": Property("{t}_o.language"),
    },
    key="globalId",
    joins="LEFT JOIN identity.organizations {t}_o ON {t}_o.id = {t}.organization_id",
)

"""Events of an organization as the lists have them."""

from __future__ import annotations

from podium.kernel.odata.entity import Entity, Kind, Property

SORTABLE = ("createdOn", "category", "action", "userName", "email")

EVENTS = Entity(
    "AuditQueryRecord",
    "identity.audit_events",
    {
        "createdOn": Property("{t}.created_at", Kind.DATETIME),
        "category": Property("{t}.category"),
        "action": Property("{t}.action"),
        "detail": Property("{t}.detail", Kind.JSON),
        "userName": Property("coalesce({t}_u.user_name, {t}.actor_name)"),
        "email": Property("{t}_u.email"),
        "entityId": Property("{t}.entity_id"),
        "entityName": Property("{t}.entity_name"),
        "clientId": Property("{t}.client_id"),
        "id": Property("{t}.id", Kind.INT),
    },
    key="id",
    default_order=(("createdOn", "desc"), ("id", "desc")),
    joins="LEFT JOIN identity.users {t}_u ON {t}_u.organization_id = {t}.organization_id AND {t}_u.id = {t}.actor_id",
)

OF_ORGANIZATION = "t.organization_id = $1"
"""Parameter: the organization."""

"""Mails as administrators see them in a list: without bodies."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property

MAILS = Entity(
    name="Mails",
    table="identity.mails",
    key="id",
    default_order=(("id", "desc"),),
    properties={
        "id": Property("{t}.id", Kind.INT),
        "template": Property("{t}.template"),
        "recipient": Property("{t}.recipient"),
        "subject": Property("{t}.subject"),
        "body": Property("NULL::text"),
        "createdAt": Property("{t}.created_at", Kind.DATETIME),
        "dueAt": Property("{t}.due_at", Kind.DATETIME),
        "attempts": Property("{t}.attempts", Kind.INT),
        "sentAt": Property("{t}.sent_at", Kind.DATETIME),
        "lastError": Property("{t}.last_error"),
    },
)

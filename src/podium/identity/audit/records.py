"""Rows of the database as the published records."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC
from typing import Any
from uuid import UUID

import msgspec
from asyncpg import Record

from podium.identity.audit import rules
from podium.kernel import csv_text

COLUMNS = (
    "createdOn",
    "category",
    "action",
    "auditLogDetails",
    "userName",
    "email",
    "message",
    "detailsVersion",
    "source",
)


def record(row: Mapping[str, Any]) -> dict[str, Any]:
    """The AuditQueryRecordDto of a row of the list."""
    return {
        "createdOn": row["createdOn"],
        "category": row["category"],
        "action": row["action"],
        "auditLogDetails": _details(row["detail"], row["entityId"], row["entityName"], row["clientId"]),
        "userName": row["userName"],
        "email": row["email"],
        "message": rules.message(row["category"], row["action"], row["userName"], row["entityName"] or row["entityId"]),
        "detailsVersion": rules.DETAILS_VERSION,
        "source": rules.SOURCE,
    }


def _details(detail: Any, entity_id: str | None, entity_name: str | None, client_id: str | None) -> str:
    said = {"entityId": entity_id, "entityName": entity_name, "clientId": client_id}
    return msgspec.json.encode({**said, **(detail if isinstance(detail, dict) else {})}).decode()


def table(records: list[dict[str, Any]]) -> str:
    """The records as a CSV file."""
    rows = [COLUMNS, *([one[name] for name in COLUMNS] for one in records)]
    return csv_text.BYTE_ORDER_MARK + csv_text.lines(rows)


def event(row: Record, organization_id: UUID) -> dict[str, Any]:
    """An event as the cloud's audit service has them."""
    detail = msgspec.json.decode(row["detail"]) if row["detail"] else {}
    return {
        "id": str(UUID(int=row["id"])),
        "createdOn": row["created_at"].astimezone(UTC),
        "organizationId": organization_id,
        "organizationName": row["organization_name"],
        "tenantId": None,
        "tenantName": None,
        "actorId": row["actor_id"],
        "actorName": row["actor_name"],
        "actorEmail": row["email"],
        "eventType": row["action"],
        "eventSource": rules.SOURCE,
        "eventTarget": row["category"],
        "eventDetails": _details(detail, row["entity_id"], row["entity_name"], None),
        "eventSummary": rules.message(
            row["category"], row["action"], row["actor_name"], row["entity_name"] or row["entity_id"]
        ),
        "status": 0 if row["is_success"] else 1,
        "clientInfo": {"ipAddress": detail.get("clientAddress"), "ipCountry": None},
    }

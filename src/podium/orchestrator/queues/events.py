"""Payloads of queue.created, queue.updated and queue.deleted."""

from __future__ import annotations

from asyncpg import Record


def queues(row: Record) -> dict[str, object]:
    """The payload for one queue; the wire has a list."""
    queue = {
        "Id": row["id"],
        "Key": row["key"],
        "Name": row["name"],
        "Description": row["description"],
        "MaxNumberOfRetries": row["max_retries"],
        "AcceptAutomaticallyRetry": row["is_retried_automatically"],
        "EnforceUniqueReference": row["has_unique_references"],
        "SlaInMinutes": row["sla_minutes"],
        "RiskSlaInMinutes": row["risk_sla_minutes"],
    }
    return {"Queues": [{name: value for name, value in queue.items() if value is not None}]}

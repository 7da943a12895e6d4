"""OData entity set of exports."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property

EXPORTS = Entity(
    name="Exports",
    table="orchestrator.exports",
    properties={
        "Name": Property("{t}.name"),
        "Type": Property(
            "{t}.type", Kind.ENUM, enum=("OrchestratorAudit", "TestAutomationAudit", "Queues", "Logs", "Jobs")
        ),
        "Status": Property("{t}.status", Kind.ENUM, enum=("New", "InProgress", "Completed", "Failed")),
        "RequestedAt": Property("{t}.requested_at", Kind.DATETIME),
        "ExecutedAt": Property("{t}.executed_at", Kind.DATETIME),
        "Size": Property("{t}.size_bytes", Kind.INT),
        "Id": Property("{t}.id", Kind.INT),
    },
)

"""OData entity set of attachments."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property

ATTACHMENTS = Entity(
    name="Attachments",
    table="orchestrator.attachments",
    properties={
        "Id": Property("{t}.id", Kind.GUID),
        "Name": Property("{t}.name"),
        "JobKey": Property("{t}.job_key", Kind.GUID),
        "AttachmentCategory": Property("{t}.category"),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME),
        "LastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
        "CreatorUserId": Property("{t}.created_by", Kind.INT),
    },
)

"""The caller's organization as its administrators see it."""

from __future__ import annotations

from typing import Any

from podium.identity.partitions import store
from podium.identity.partitions.rules import LANGUAGES
from podium.identity.requests import partition
from podium.identity.results import SUCCEEDED, Fault, Refused
from podium.kernel.call import Call, given
from podium.kernel.errors import NotFound, ValidationProblem
from podium.kernel.operation import operation
from podium.wire import identity as wire

ACTIVE, DELETED, INACTIVE = 0, 1, 2
TYPES = {"host": 0, "organization": 1}
UNKNOWN = "Partition does not exist."


@operation("GET", "/api/Partition/{partitionGlobalId}")
async def get_partition(call: Call, partition_global_id: str) -> dict[str, Any]:
    """Name, language and state."""
    row = await store.one(call.db, partition(call, partition_global_id))
    if row is None:
        raise NotFound(UNKNOWN)
    status = DELETED if row["deleted_at"] is not None else ACTIVE if row["is_active"] else INACTIVE
    return {
        "globalId": row["id"],
        "type": TYPES[row["type"]],
        "name": row["name"],
        "language": row["language"],
        "allowedIdp": None,
        "status": status,
    }


@operation("PUT", "/api/Partition/{partitionGlobalId}")
async def update_partition(
    call: Call, partition_global_id: str, body: wire.UpdatePartitionCommand
) -> dict[str, object]:
    """Set the language. Everything else is the operator's: the name stands in the settings of every node and in
    addresses, and whoever closed the organization could not open it again.
    """
    organization_id = partition(call, partition_global_id)
    row = await store.one(call.db, organization_id)
    if row is None:
        raise NotFound(UNKNOWN)
    if given(body.name, row["name"]) != row["name"]:
        raise Refused(Fault("DefaultError", "The name of an organization is changed by the operator only."))
    if not given(body.is_active, True):
        raise Refused(Fault("DefaultError", "An organization is closed by the operator only."))
    if given(body.allowed_idp, ""):
        raise Refused(Fault("DefaultError", "There are no other identity providers to allow."))
    language = given(body.language, row["language"]).strip().lower()
    if language not in LANGUAGES:
        raise ValidationProblem({"Language": [f"The Language must be one of {', '.join(LANGUAGES)}."]})
    await store.set_language(call.db, organization_id, language)
    call.describe("Update", component="Setting", entity_id=str(organization_id), name=row["name"])
    call.audit["detail"] = {"language": language}
    return SUCCEEDED

"""The documents of the node at the addresses where the field looks for them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec

from podium.kernel.call import Call, Page, Reply
from podium.kernel.contract import Contract
from podium.kernel.operation import Operation, operation
from podium.server.openapi.csdl import entity_sets, metadata
from podium.server.openapi.identity import identity_document


class Registry(NamedTuple):
    """Port: what the node answers."""

    contract: Contract
    operations: Sequence[Operation]


@operation("GET", "/swagger/external/swagger.json", connected=False)
async def external(call: Call) -> Reply:
    """The management API as an OpenAPI 3.0.1 document."""
    registry = call.port(Registry)
    return Reply(200, identity_document(registry.contract, registry.operations))


@operation("GET", "/odata/$metadata", connected=False)
async def get_metadata(call: Call) -> Reply:
    """The entity data model as CSDL."""
    registry = call.port(Registry)
    return Reply(200, metadata(registry.contract, registry.operations), "application/xml; charset=utf-8")


@operation("GET", "/odata", connected=False)
async def get_service(call: Call) -> Page:
    """The service document: every entity set with its address, which is relative to this one."""
    registry = call.port(Registry)
    sets = [
        {"name": name, "kind": "EntitySet", "url": name} for name in entity_sets(registry.contract, registry.operations)
    ]
    return Page(msgspec.json.encode(sets).decode(), "")

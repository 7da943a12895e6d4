"""The document of the identity server at the address where the field looks for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from podium.kernel.call import Call, Reply
from podium.kernel.contract import Contract
from podium.kernel.operation import Operation, operation
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

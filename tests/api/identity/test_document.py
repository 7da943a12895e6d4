"""The description of the management API at the vendor's address."""

from __future__ import annotations

import pytest

from tests.conftest import Caller, Node


@pytest.mark.parametrize("base", ["/identity_", "/identity", "/{name}/identity_", "/{name}/default/identity_"])
async def test_200_for_anybody_under_every_address(base: str, api: Caller, node: Node) -> None:
    path = f"{base.format(name=node.config.organization)}/swagger/external/swagger.json"
    answer = await api.with_headers({}).request("GET", path)
    assert (answer.status, answer.json["openapi"]) == (200, "3.0.1")
    assert "/api/User/{userId}" in answer.json["paths"]

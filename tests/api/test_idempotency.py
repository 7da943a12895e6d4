"""POST with an Idempotency-Key: carried out once, however often it is sent."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from tests.builders import Given
from tests.conftest import Caller, MovableClock, Node

ASSETS = "/odata/Assets"


def text_asset(name: str, value: str = "v") -> dict[str, object]:
    return {"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": value}


def key(text: str) -> dict[str, str]:
    return {"Idempotency-Key": text}


async def names(api: Caller, folder: Any) -> list[str]:
    return [asset["Name"] for asset in (await api.get(ASSETS, folder=folder))["value"]]


class TestRepeatedCall:
    async def test_201_again_with_the_first_answer_and_one_asset(self, api: Caller, given: Given) -> None:
        folder = await given.folder("once")
        first = await api.request("POST", ASSETS, text_asset("a"), folder=folder, headers=key("k1"))
        second = await api.request("POST", ASSETS, text_asset("a"), folder=folder, headers=key("k1"))
        assert (first.status, second.status) == (201, 201)
        assert second.content == first.content
        assert second.headers["content-type"] == first.headers["content-type"]
        assert "idempotency-replayed" not in first.headers
        assert second.headers["idempotency-replayed"] == "true"
        assert await names(api, folder) == ["a"]

    async def test_422_with_another_body_address_or_folder(self, api: Caller, given: Given) -> None:
        folder, other = await given.folder("one"), await given.folder("two")
        await api.post(ASSETS, text_asset("a"), folder=folder, headers=key("k2"))
        body = await api.post(ASSETS, text_asset("b"), folder=folder, headers=key("k2"), expect=422)
        assert "Idempotency-Key" in body["message"]
        await api.post(ASSETS, text_asset("a"), folder=other, headers=key("k2"), expect=422)
        await api.post(f"{ASSETS}?x=1", text_asset("a"), folder=folder, headers=key("k2"), expect=422)
        assert await names(api, folder) == ["a"]
        assert await names(api, other) == []

    async def test_a_refused_call_leaves_the_key_free(self, api: Caller, given: Given) -> None:
        folder = await given.folder("refused")
        taken = await api.post(ASSETS, text_asset("a"), folder=folder)
        await api.post(ASSETS, text_asset("a", "w"), folder=folder, headers=key("k3"), expect=409)
        await api.delete(f"{ASSETS}({taken['Id']})", folder=folder)
        made = await api.post(ASSETS, text_asset("a", "w"), folder=folder, headers=key("k3"), expect=201)
        assert made["StringValue"] == "w"

    async def test_calls_at_the_same_time_are_one(self, api: Caller, given: Given) -> None:
        folder = await given.folder("race")
        answers = await asyncio.gather(
            *(api.request("POST", ASSETS, text_asset("a"), folder=folder, headers=key("k4")) for _ in range(20))
        )
        assert {answer.status for answer in answers} == {201}
        assert len({answer.content for answer in answers}) == 1
        assert sum("idempotency-replayed" not in answer.headers for answer in answers) == 1
        assert await names(api, folder) == ["a"]

    async def test_another_principal_has_keys_of_its_own(self, api: Caller, given: Given) -> None:
        folder = await given.folder("principals")
        other = api.as_role("Folder Administrator", folder=folder)
        await api.post(ASSETS, text_asset("a"), folder=folder, headers=key("k5"))
        await other.post(ASSETS, text_asset("b"), folder=folder, headers=key("k5"), expect=201)
        assert sorted(await names(api, folder)) == ["a", "b"]

    async def test_after_a_day_the_key_is_forgotten(
        self, api: Caller, given: Given, node: Node, clock: MovableClock
    ) -> None:
        folder = await given.folder("day")
        await api.post(ASSETS, text_asset("a"), folder=folder, headers=key("k6"))
        clock.forward(hours=25)
        assert await node.run_loop("kernel.forget_idempotency_keys") >= 1
        await api.post(ASSETS, text_asset("b"), folder=folder, headers=key("k6"), expect=201)

    async def test_an_identity_call_is_repeated_too(self, api: Caller, node: Node) -> None:
        body = {"partitionGlobalId": str(node.organization_id), "name": "Once only"}
        administrator = api.with_scopes("PM.Group")
        first = await administrator.request("POST", "/identity_/api/Group", body, headers=key("k7"))
        second = await administrator.request("POST", "/identity_/api/Group", body, headers=key("k7"))
        assert first.status < 300
        assert (second.status, second.content) == (first.status, first.content)

    async def test_what_is_told_once_is_sealed(self, api: Caller, node: Node) -> None:
        made = await api.request("POST", "/odata/Machines", {"Name": "m-once", "Type": "Standard"}, headers=key("k8"))
        again = await api.request("POST", "/odata/Machines", {"Name": "m-once", "Type": "Standard"}, headers=key("k8"))
        assert again.content == made.content
        secret = made.json["ClientSecret"] or made.json["LicenseKey"]
        (row,) = await node.rows("SELECT sealed FROM kernel.idempotency_keys WHERE key = 'k8'")
        assert secret.encode() not in row["sealed"]


class TestKey:
    @pytest.mark.parametrize("value", ["", "x" * 256, "tab\there"])
    async def test_400_for_a_key_that_is_none(self, api: Caller, given: Given, value: str) -> None:
        folder = await given.folder("bad key")
        body = await api.post(ASSETS, text_asset("a"), folder=folder, headers=key(value), expect=400)
        assert body["message"].startswith("Idempotency-Key")
        assert await names(api, folder) == []

"""AddQueueItem."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import pytest

from podium.orchestrator.queue_items import actions
from tests.api.queue_items.calls import Desk, good, refusal
from tests.builders import Given
from tests.conftest import Caller, MovableClock

SCHEMA = '{"type": "object", "properties": {"amount": {"type": "number"}}, "required": ["amount"]}'


def shown(item: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in item.items() if not name.startswith("@")}


async def edit(api: Caller, queue: Mapping[str, Any], **members: object) -> None:
    path = f"/odata/QueueDefinitions({queue['Id']})"
    now = await api.get(path, folder=queue["FolderId"])
    await api.put(path, shown(now) | members, folder=queue["FolderId"])


@pytest.fixture
async def desk(api: Caller, given: Given) -> Desk:
    return Desk(api, await given.queue("Orders"))


class TestAdding:
    async def test_201_is_the_item_as_it_is_read(self, desk: Desk) -> None:
        added = await desk.add(
            SpecificContent={"longer": 1, "b": "ä", "c": 1.50, "d": None, "e": True, "f": "2026-01-01T00:00:00Z"},
            Reference="R-1",
            Priority="High",
            DeferDate="2026-03-09T08:00:00.123456Z",
            DueDate="2026-03-10T08:00:00+02:00",
            RiskSlaDate="2026-03-09T20:00:00Z",
            Source="tests",
            ParentOperationId="op-0",
            Progress="not begun",
        )
        read = await desk.read(added)
        assert added == read
        assert list(added) == list(read)
        assert (added["Status"], added["Priority"], added["RowVersion"]) == ("New", "High", "AAAAAAAAAAE=")
        assert added["DeferDate"] == "2026-03-09T08:00:00.123456Z"

    async def test_201_of_an_item_with_nothing_is_the_item_as_it_is_read(self, desk: Desk) -> None:
        added = await desk.add()
        assert added == await desk.read(added)
        assert added["SpecificContent"] is None
        assert added["Priority"] == "Normal"

    async def test_201_finds_the_queue_whatever_the_case_of_its_name(self, desk: Desk) -> None:
        added = await desk.add(Name="oRDERS ")
        assert added["QueueDefinitionId"] == desk.queue["Id"]

    async def test_201_leaves_type_hints_out(self, desk: Desk) -> None:
        added = await desk.add(SpecificContent={"n": 1, "n@odata.type": "#Int64"})
        assert added["SpecificContent"] == {"n": 1}

    async def test_201_with_select_has_just_that(self, desk: Desk) -> None:
        path = "/odata/Queues/UiPathODataSvc.AddQueueItem?$select=Id,Status&$expand=QueueDefinition"
        added = good(await desk.post(path, {"itemData": {"Name": "Orders"}}), 201)
        assert set(shown(added)) == {"Id", "Status", "QueueDefinition"}

    async def test_201_is_noted_in_history_and_events_and_not_in_the_audit_trail(self, desk: Desk) -> None:
        before = await audit_rows(desk.caller)
        added = await desk.add(SpecificContent={"n": 1}, Reference="R")
        path = f"/odata/QueueItemEvents?$filter=QueueItemId eq {added['Id']}"
        (event,) = (await desk.caller.get(path, folder=desk.queue["FolderId"]))["value"]
        assert (event["Action"], event["Status"], event["UserId"]) == ("Create", "New", desk.caller.user_id)
        (payload,) = await desk.events("queueItem.added")
        assert payload["Queue"]["Name"] == "Orders"
        (item,) = payload["QueueItems"]
        assert (item["Id"], item["Key"], item["SpecificContent"]) == (added["Id"], added["Key"], {"n": 1})
        assert "DueDate" not in item
        assert await audit_rows(desk.caller) == before

    async def test_400_without_data_or_name(self, desk: Desk) -> None:
        assert refusal(await desk.post("/odata/Queues/UiPathODataSvc.AddQueueItem", {"itemData": None})) == (400, 1014)
        assert refusal(await desk.try_add(Name=None)) == (400, 1856)
        assert refusal(await desk.try_add(Name="x" * 51)) == (400, 1856)

    async def test_404_for_a_queue_of_another_folder(self, desk: Desk, given: Given) -> None:
        elsewhere = await given.folder()
        answer = await Desk(desk.caller, {**desk.queue, "FolderId": elsewhere["Id"]}).try_add()
        assert refusal(answer) == (404, 1002)
        assert answer.json["message"] == "Orders does not exist."

    async def test_403_for_who_may_only_look(self, desk: Desk, api: Caller, given: Given) -> None:
        reader = await api.as_role(folder=desk.queue["FolderId"])
        assert (await desk.as_caller(reader).try_add()).status == 403

    @pytest.mark.parametrize(
        ("members", "code"),
        [
            ({"SpecificContent": {"a": {"b": 1}}}, 1855),
            ({"SpecificContent": {"a": [1]}}, 1855),
            ({"SpecificContent": {"": 1}}, 1855),
            ({"SpecificContent": {'a"b': 1}}, 1855),
            ({"SpecificContent": {"a": "x" * 520_000}}, 1854),
            ({"Progress": "x" * 104_858}, 1854),
            ({"Reference": 'a"b'}, 1009),
            ({"Reference": "x" * 129}, 1015),
            ({"Source": "x" * 21}, 1015),
            ({"Priority": "Urgent"}, 1015),
            ({"DeferDate": "2026-03-10T00:00:00Z", "DueDate": "2026-03-10T00:00:00Z"}, 1009),
        ],
    )
    async def test_400_for_what_an_item_cannot_hold(self, desk: Desk, members: dict[str, Any], code: int) -> None:
        assert refusal(await desk.try_add(**members)) == (400, code)
        assert await desk.all() == []

    async def test_201_once_with_an_idempotency_key(self, desk: Desk) -> None:
        again = desk.with_headers(idempotency_key=str(uuid4()))
        first, second = await again.add(Reference="once"), await again.add(Reference="once")
        assert first == second
        assert len(await desk.all()) == 1


class TestQueuesPromise:
    async def test_its_deadline_rules(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(SlaInMinutes=60, RiskSlaInMinutes=30))
        now = api.node.clock().isoformat(timespec="seconds")[:19]
        assert now == "2026-03-02T12:00:00"
        added = await desk.add(DueDate="2027-01-01T00:00:00Z")
        assert added["DueDate"] == "2026-03-02T13:00:00.000000Z"
        assert added["RiskSlaDate"] == "2026-03-02T12:30:00.000000Z"
        later = await desk.add(DeferDate="2026-03-02T15:00:00Z")
        assert later["DueDate"] == "2026-03-02T16:00:00.000000Z"


class TestSchema:
    async def test_400_for_content_of_another_form(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(SpecificDataJsonSchema=SCHEMA))
        await desk.add(SpecificContent={"amount": 3})
        for content in ({"amount": "three"}, {}, None):
            assert refusal(await desk.try_add(SpecificContent=content)) == (400, 1851)

    async def test_a_change_of_the_queue_holds_for_the_next_item(self, desk: Desk) -> None:
        await desk.add(SpecificContent={"amount": "three"})
        await edit(desk.caller, desk.queue, SpecificDataJsonSchema=SCHEMA)
        assert refusal(await desk.try_add(SpecificContent={"amount": "three"})) == (400, 1851)
        await edit(desk.caller, desk.queue, SpecificDataJsonSchema=None)
        await desk.add(SpecificContent={"amount": "three"})

    async def test_404_once_the_queue_has_another_name_or_is_gone(self, desk: Desk) -> None:
        await desk.add()
        await edit(desk.caller, desk.queue, Name="Renamed")
        assert refusal(await desk.try_add()) == (404, 1002)
        await desk.add(Name="Renamed")
        await desk.caller.delete(f"/odata/QueueDefinitions({desk.queue['Id']})", folder=desk.queue["FolderId"])
        assert refusal(await desk.try_add(Name="Renamed")) == (404, 1002)


class TestUniqueReferences:
    @pytest.fixture
    async def unique(self, api: Caller, given: Given) -> Desk:
        return Desk(api, await given.queue("Unique", EnforceUniqueReference=True))

    async def test_400_without_one(self, unique: Desk) -> None:
        assert refusal(await unique.try_add()) == (400, 1850)
        assert refusal(await unique.try_add(Reference="")) == (400, 1850)

    @pytest.mark.parametrize("ended", ["New", "InProgress", "Successful", "Failed"])
    async def test_409_for_one_that_an_item_has(self, unique: Desk, ended: str) -> None:
        await unique.add(Reference="Straße-1")
        if ended != "New":
            item = await unique.take()
            if ended == "Successful":
                await unique.end(item)
            elif ended == "Failed":
                await unique.fail(item)
        answer = await unique.try_add(Reference="STRASSE-1")
        assert refusal(answer) == (409, 1016)
        assert answer.json["message"] == "Error creating Transaction. Duplicate Reference."
        assert len(await unique.all()) == 1

    async def test_201_for_one_of_an_item_that_is_deleted(self, unique: Desk) -> None:
        item = await unique.add(Reference="R")
        await unique.caller.delete(f"/odata/QueueItems({item['Id']})", folder=unique.queue["FolderId"])
        await unique.add(Reference="R")

    async def test_409_for_one_whose_item_was_removed_for_good(self, unique: Desk) -> None:
        item = await unique.add(Reference="Once Only")
        async with unique.caller.node.db.transaction() as db:
            tenant, queue = unique.caller.tenant_id, unique.queue["Id"]
            assert await actions.remove(db, tenant, queue, [item["Id"]]) == 1
        assert await unique.all() == []
        assert refusal(await unique.try_add(Reference="once only")) == (409, 1016)
        await unique.add(Reference="another")

    async def test_one_of_many_at_once_is_added(self, unique: Desk) -> None:
        answers = await asyncio.gather(*(unique.try_add(Reference="R") for _ in range(20)))
        assert sorted(answer.status for answer in answers) == [201] + [409] * 19
        assert len(await unique.all()) == 1

    async def test_a_plain_queue_takes_it_twice(self, desk: Desk) -> None:
        await desk.add(Reference="R")
        await desk.add(Reference="R")


class TestEncryptedQueues:
    async def test_what_an_item_holds_is_nowhere_in_clear(self, api: Caller, given: Given) -> None:
        desk = Desk(api, await given.queue(Encrypted=True))
        added = await desk.add(SpecificContent={"card": "4929 planted"})
        assert added["SpecificContent"] == {"card": "4929 planted"}
        assert added == await desk.read(added)
        for table in ("queue_item_contents", "queue_item_events", "queue_items"):
            rows = await api.node.rows(
                f"SELECT t::text AS x FROM orchestrator.{table} t WHERE tenant_id = $1", api.tenant_id
            )
            assert not any("planted" in row["x"] for row in rows)
        assert "planted" not in str(await desk.events("queueItem.added"))
        taken = await desk.take()
        assert taken["SpecificContent"] == {"card": "4929 planted"}
        assert "planted" not in str(await desk.events("queueItem.transactionStarted"))


async def audit_rows(api: Caller) -> int:
    return int((await api.node.rows("SELECT count(*) FROM kernel.audit WHERE tenant_id = $1", api.tenant_id))[0][0])


async def test_an_item_comes_after_those_that_were_added_before(desk: Desk, clock: MovableClock) -> None:
    first = [await desk.add() for _ in range(3)]
    taken = [await desk.take() for _ in range(3)]
    assert [item["Id"] for item in taken] == [item["Id"] for item in first]

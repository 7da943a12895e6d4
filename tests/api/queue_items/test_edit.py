"""Items edited."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from .stored import ITEMS, UNKNOWN, Stored

Json = dict[str, Any]
SCHEMA = '{"type":"object","properties":{"Amount":{"type":"number"}},"required":["Amount"]}'


def wire_time(instant: Any) -> str:
    return str(instant.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))


async def taken_first(api: Any, queue: Json) -> list[int]:
    """The items that may be handed out, in that order."""
    rows = await api.node.rows(
        "SELECT id FROM orchestrator.queue_items WHERE tenant_id = $1 AND queue_id = $2 AND state = 0 AND NOT is_deferred"
        " ORDER BY rank, due_at, id",
        api.tenant_id,
        queue["Id"],
    )
    return [row["id"] for row in rows]


class TestReplaceItem:
    async def test_200_with_everything_that_may_be_edited(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        first = await stored.item(queue)
        id_ = await stored.item(queue, {"Customer": "Acme"}, reference="A-1")
        due, deferred = clock.now + timedelta(days=2), clock.now + timedelta(days=1)
        body = {
            "Name": "Orders",
            "Progress": "edited",
            "Priority": "high",
            "DueDate": wire_time(due),
            "DeferDate": wire_time(deferred),
            "SpecificContent": {"Customer": "Bolt", "Amount@odata.type": "#Int64", "Amount": 3},
            "Reference": "ignored",
            "Source": "ignored",
        }
        before = await stored.shown(id_, folder)
        item = await api.put(f"{ITEMS}({id_})", body, folder=folder, expect=200)
        assert (item["Progress"], item["Priority"], item["Status"]) == ("edited", "High", "New")
        assert (item["DueDate"], item["DeferDate"]) == (wire_time(due), wire_time(deferred))
        assert item["SpecificContent"] == {"Customer": "Bolt", "Amount": 3}
        assert item["Reference"] == "A-1"
        assert item["RowVersion"] != before["RowVersion"]
        assert await taken_first(api, queue) == [first]
        await api.put(f"{ITEMS}({id_})", {"Priority": "Low", "DueDate": wire_time(due)}, folder=folder)
        assert await taken_first(api, queue) == [id_, first]

    async def test_200_without_members_that_the_body_leaves_out(
        self, api: Any, stored: Stored, queue: Json, folder: Any, clock: Any
    ) -> None:
        id_ = await stored.item(queue, {"a": 1}, due_at=clock.now, defer_at=clock.now, priority=0, progress="half")
        item = await api.put(f"{ITEMS}({id_})", {"SpecificContent": None}, folder=folder)
        assert (item["SpecificContent"], item["SpecificData"]) == (None, None)
        assert (item["DueDate"], item["DeferDate"], item["Progress"]) == (None, None, None)
        assert item["Priority"] == "Normal"

    async def test_200_takes_the_last_instant_of_the_calendar_for_no_deadline(
        self, api: Any, stored: Stored, queue: Json, folder: Any
    ) -> None:
        id_ = await stored.item(queue)
        item = await api.put(f"{ITEMS}({id_})", {"DueDate": "9999-12-31T23:59:59.999999Z"}, folder=folder)
        assert item["DueDate"] is None

    async def test_200_in_an_encrypted_queue_stores_nothing_in_clear(
        self, api: Any, stored: Stored, folder: Any
    ) -> None:
        queue = await stored.queue(folder, "Hidden", Encrypted=True)
        id_ = await stored.item(queue, {"Pin": "1"})
        item = await api.put(f"{ITEMS}({id_})", {"SpecificContent": {"Pin": "2"}}, folder=folder)
        assert item["SpecificContent"] == {"Pin": "2"}
        assert await api.node.rows("SELECT 1 FROM orchestrator.queue_item_contents WHERE item_id = $1", id_) == []
        item = await api.put(f"{ITEMS}({id_})", {}, folder=folder)
        assert item["SpecificContent"] is None
        assert await api.node.rows("SELECT 1 FROM orchestrator.queue_item_secrets WHERE item_id = $1", id_) == []

    async def test_200_keeps_the_deadline_that_the_queue_promises(
        self, api: Any, stored: Stored, folder: Any, clock: Any
    ) -> None:
        queue = await stored.queue(folder, SlaInMinutes=60, RiskSlaInMinutes=30)
        id_ = await stored.item(queue)
        made_at = clock.now
        clock.forward(minutes=10)
        item = await api.put(f"{ITEMS}({id_})", {"DueDate": wire_time(made_at + timedelta(days=9))}, folder=folder)
        assert item["DueDate"] == wire_time(made_at + timedelta(minutes=60))
        assert item["RiskSlaDate"] == wire_time(made_at + timedelta(minutes=30))

    @pytest.mark.parametrize("content", [None, {}])
    @pytest.mark.parametrize("state", ["Failed", "Successful", "Abandoned", "Retried", "Deleted"])
    async def test_200_takes_the_content_of_what_has_ended(
        self, api: Any, stored: Stored, queue: Json, folder: Any, state: str, content: Json | None
    ) -> None:
        id_ = await stored.item(queue, {"Customer": "Acme"}, state=state, progress="half", priority=0)
        body = {"Name": "Orders", "Progress": "half", "Priority": "High", "SpecificContent": content}
        item = await api.put(f"{ITEMS}({id_})", body, folder=folder)
        assert (item["SpecificContent"], item["Status"], item["Progress"]) == (None, state, "half")

    @pytest.mark.parametrize(
        ("state", "body"),
        [
            ("InProgress", {"SpecificContent": None}),
            ("Failed", {"SpecificContent": {"a": 1}}),
            ("Failed", {"Progress": "other"}),
            ("Successful", {"Priority": "Low"}),
        ],
    )
    async def test_409_for_another_change_of_what_is_not_new(
        self, api: Any, stored: Stored, queue: Json, folder: Any, state: str, body: Json
    ) -> None:
        id_ = await stored.item(queue, {"Customer": "Acme"}, state=state)
        refusal = await api.put(f"{ITEMS}({id_})", body, folder=folder, expect=409)
        assert refusal["errorCode"] == 1852
        assert (await stored.shown(id_, folder))["SpecificContent"] == {"Customer": "Acme"}

    @pytest.mark.parametrize(
        ("body", "code", "named"),
        [
            ({"SpecificContent": {"Deep": {"x": 1}}}, 1855, "Deep"),
            ({"SpecificContent": {"Amount": "many"}}, 1851, "Amount"),
            ({"SpecificContent": {"Amount": 1, "Long": "x" * 520_000}}, 1854, "SpecificContent"),
            ({"Progress": "x" * 104_858}, 1854, "Progress"),
            ({"Priority": "Urgent"}, 1015, "Priority"),
            ({"DueDate": "soon"}, 1015, "DueDate"),
            ({"DueDate": "2026-04-01T00:00:00Z", "DeferDate": "2026-04-02T00:00:00Z"}, 1009, "DeferDate"),
        ],
    )
    async def test_400_names_the_member(
        self, api: Any, stored: Stored, folder: Any, body: Json, code: int, named: str
    ) -> None:
        queue = await stored.queue(folder, SpecificDataJsonSchema=SCHEMA)
        id_ = await stored.item(queue, {"Amount": 1})
        refusal = await api.put(
            f"{ITEMS}({id_})", {"SpecificContent": {"Amount": 1}, **body}, folder=folder, expect=400
        )
        assert refusal["errorCode"] == code, refusal
        assert named in refusal["message"]
        assert (await stored.shown(id_, folder))["RowVersion"] == "AAAAAAAAAAE="

    async def test_404_for_an_item_of_another_folder(self, api: Any, stored: Stored, queue: Json, given: Any) -> None:
        other = await given.folder("Elsewhere")
        for id_ in (await stored.item(queue), UNKNOWN):
            await api.put(f"{ITEMS}({id_})", {}, folder=other, expect=404)

    async def test_writes_one_row_of_history(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        id_ = await stored.item(queue)
        await api.put(f"{ITEMS}({id_})", {"Progress": "x"}, folder=folder)
        rows = await api.node.rows(
            "SELECT action, state, user_id FROM orchestrator.queue_item_events WHERE item_id = $1", id_
        )
        assert [tuple(row) for row in rows] == [(1, 0, api.user_id)]

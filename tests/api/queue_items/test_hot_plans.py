"""How the database carries the hot statements out when a hundred thousand items wait: by their indexes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import msgspec
import pytest

from podium.kernel.db import Connection
from podium.kernel.ids import uuid7
from podium.orchestrator.queue_items import store, store_adding, store_results, store_retries, store_taking
from podium.orchestrator.queue_items.store_taking import Taker
from tests.api.queue_items.calls import Desk
from tests.builders import Given
from tests.conftest import Caller

BACKLOG = 100_000
FILL = """
INSERT INTO orchestrator.queue_items (tenant_id, key, unique_key, queue_id, state, priority, rank, due_at, defer_at,
                                      is_deferred, reference, reference_key, created_at)
SELECT $1, gen_random_uuid(), gen_random_uuid(), $2, 0, n % 3, n % 3 + CASE WHEN n % 5 = 0 THEN 0 ELSE 3 END,
       CASE WHEN n % 5 = 0 THEN now() + n * interval '1 minute' ELSE 'infinity' END,
       CASE WHEN n % 4 = 0 THEN now() + interval '1 year' END, n % 4 = 0, 'INV-' || n, 'inv-' || n, now()
  FROM generate_series(1, $3::int) n
"""
LARGE = {"queue_items", "queue_item_contents", "queue_item_events", "job_triggers", "queue_item_secrets"}

Plan = dict[str, Any]


@pytest.fixture(scope="module")
async def desk(node: Any) -> Desk:
    """A queue with the backlog, of which a quarter is deferred."""
    api = await Caller(node, "backlog")
    found = Desk(api, await Given(api).queue("Large"))
    await node.rows(FILL, api.tenant_id, found.queue["Id"], BACKLOG)
    await node.rows("VACUUM ANALYZE orchestrator.queue_items")
    return found


def nodes(plan: Plan) -> Iterator[Plan]:
    yield plan
    for inner in plan.get("Plans", ()):
        yield from nodes(inner)


async def kept_plan(db: Connection, sql: str, parameters: int) -> list[Plan]:
    """The parts of the plan that is kept for whatever values come."""
    await db.execute("SET LOCAL plan_cache_mode = force_generic_plan")
    await db.execute(f"PREPARE kept AS {sql}")
    try:
        text = await db.fetchval(f"EXPLAIN (FORMAT JSON) EXECUTE kept({', '.join(['NULL'] * parameters)})")
    finally:
        await db.execute("DEALLOCATE kept")
    return list(nodes(json.loads(text)[0]["Plan"]))


@pytest.mark.parametrize(
    ("sql", "parameters"),
    [
        pytest.param(store_adding.ADD, 2, id="add"),
        pytest.param(store_adding.ADD_PLAIN, 2, id="add plain"),
        pytest.param(store_taking.TAKE, 1, id="take"),
        pytest.param(store_results.RESULT, 1, id="result"),
        pytest.param(store_results.LAST_RESULT, 1, id="last result"),
        pytest.param(store.SET_PROGRESS, 9, id="progress"),
        pytest.param(store.MAKE_DUE, 4, id="make due"),
        pytest.param(store.DUE, 2, id="due"),
        pytest.param(store.CLEAR_FLAGS, 2, id="clear flags"),
        pytest.param(store_retries.END, 9, id="end"),
        pytest.param(store.REMOVE, 3, id="remove"),
        pytest.param(store_retries.ABANDONED, 4, id="abandoned"),
    ],
)
async def test_no_large_table_is_read_whole(desk: Desk, sql: str, parameters: int) -> None:
    async with desk.caller.node.db.transaction() as db:
        plan = await kept_plan(db, sql, parameters)
    whole = [
        part["Relation Name"] for part in plan if part["Node Type"] == "Seq Scan" and part["Relation Name"] in LARGE
    ]
    assert whole == []


async def test_the_best_item_is_the_first_of_its_index_and_nothing_is_sorted(desk: Desk) -> None:
    caller = desk.caller
    rows = await caller.node.rows("SELECT revision FROM orchestrator.queues WHERE id = $1", desk.queue["Id"])
    taker = Taker(
        caller.tenant_id, desk.queue["FolderId"], desk.queue["Id"], rows[0]["revision"], msgspec.Raw(b"{}"), False, None, None,
        "tests", caller.node.clock(), None, None,
    )  # fmt: skip
    async with caller.node.db.transaction() as db:
        takers = msgspec.json.encode([taker] * 7).decode()
        text = await db.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {store_taking.TAKE}", takers)
    plan = list(nodes(json.loads(text)[0]["Plan"]))
    (line,) = (part for part in plan if _is_line(part))
    kinds = [part["Node Type"] for part in nodes(line)]
    assert kinds == ["Limit", "LockRows", "Index Scan"], kinds
    scan = list(nodes(line))[-1]
    assert scan["Index Name"] == "queue_items_to_hand_out"
    assert scan["Actual Rows"] == 7


def _is_line(part: Plan) -> bool:
    return part["Node Type"] == "Limit" and any(
        inner.get("Index Name") == "queue_items_to_hand_out" for inner in nodes(part)
    )


async def test_a_rare_reference_is_found_by_its_index(desk: Desk) -> None:
    async with desk.caller.node.db.transaction() as db:
        await db.execute(store_taking.PLAN_EACH_TIME)
        arguments = (desk.caller.tenant_id, desk.queue["Id"], "inv-7777")
        text = await db.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {store_taking.CHOOSE_EQUAL}", *arguments)
        scans = [part for part in nodes(json.loads(text)[0]["Plan"]) if "Index Name" in part]
        assert [scan["Index Name"] for scan in scans] == ["queue_items_by_reference"]
        found = await store_taking.choose(db, desk.caller.tenant_id, desk.queue["Id"], "inv-777", is_whole=False)
        assert found is not None


async def test_the_queue_serves_its_best_item_and_a_result_for_it(desk: Desk) -> None:
    taken = await desk.take()
    assert (taken["Priority"], taken["DueDate"] is not None) == ("High", True)
    await desk.end(taken, OperationId=str(uuid7()))
    added = await desk.add(Reference="INV-1")
    assert added["Status"] == "New"

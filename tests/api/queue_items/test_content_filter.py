"""Items found by what they hold."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

from podium.kernel.odata import page_statement, parse_options
from podium.orchestrator import scope
from podium.orchestrator.queue_items.entity import QUEUE_ITEMS

from .stored import ITEMS, Stored

Json = dict[str, Any]
MANY = 100_000
ADD_MANY = """
INSERT INTO orchestrator.queue_items (tenant_id, key, unique_key, queue_id, rank, state, reference, reference_key,
  created_at)
SELECT $1::int, gen_random_uuid(), gen_random_uuid(), $2::bigint, 4, CASE i % 1000 WHEN 0 THEN 2 ELSE 3 END,
  'Ref-' || i, 'ref-' || i, now() FROM generate_series(1, $3::int) i
"""
FILL_MANY = """
INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content)
SELECT t.tenant_id, t.id, jsonb_build_object('Customer', 'Customer ' || t.id, 'Region', 'Region ' || t.id % 7)
  FROM orchestrator.queue_items t WHERE t.tenant_id = $1::int AND t.queue_id = $2::bigint
"""


class TestListItems:
    async def test_200_with_those_whose_content_fits(self, api: Any, stored: Stored, queue: Json, folder: Any) -> None:
        acme = await stored.item(queue, {"Customer": "Acme", "Amount": 12.5, "Paid": True})
        bolt = await stored.item(queue, {"customer": "BOLT & Co", "Amount": 3, "When": "2026-03-02T10:00:00Z"})
        bare = await stored.item(queue, state="Failed", exception_type="BusinessException", output={"Total": 7})
        for filter_, expected in (
            ("SpecificContent/Customer eq 'ACME'", [acme]),
            ("SpecificContent/Amount gt 5", [acme]),
            ("contains(SpecificContent/Customer,'bolt')", [bolt]),
            ("specificcontent/paid eq true", [acme]),
            ("SpecificContent/When lt 2026-03-02T10:00:01Z", [bolt]),
            ("SpecificContent/Customer eq null", [bare]),
            ("Status eq 'New' and SpecificContent/Customer ne 'acme'", [bolt]),
            ("Output/Total eq 7", [bare]),
            ("QueueDefinition/Name eq 'Orders' and SpecificContent/Amount in (3,12.5)", [acme, bolt]),
        ):
            page = await api.get(ITEMS, folder=folder, params={"$filter": filter_, "$count": "true"})
            assert [item["Id"] for item in page["value"]] == expected, filter_
            assert page["@odata.count"] == len(expected)

    async def test_200_without_those_of_other_tenants_and_folders(
        self, api: Any, stored: Stored, queue: Json, given: Any
    ) -> None:
        await stored.item(queue, {"Customer": "Acme"})
        wanted = {"$filter": "SpecificContent/Customer eq 'Acme'"}
        assert (await api.get(ITEMS, folder=await given.folder("Elsewhere"), params=wanted))["value"] == []
        assert (await api.tenant("other").get(ITEMS, params=wanted))["value"] == []
        assert len((await api.get(ITEMS, params=wanted))["value"]) == 1

    async def test_200_without_sealed_content(self, api: Any, stored: Stored, folder: Any) -> None:
        hidden = await stored.queue(folder, "Hidden", Encrypted=True)
        await stored.item(hidden, {"Pin": "4711"})
        for filter_ in ("SpecificContent/Pin eq '4711'", "contains(SpecificData,'4711')"):
            assert (await api.get(ITEMS, folder=folder, params={"$filter": filter_}))["value"] == []

    @pytest.mark.parametrize(
        "query", ["$filter=SpecificContent/A/B eq 1", "$orderby=SpecificContent/A", "$filter=SpecificContent eq 'x'"]
    )
    async def test_400_for_what_cannot_be_asked(self, api: Any, folder: Any, query: str) -> None:
        assert (await api.get(f"{ITEMS}?{query}", folder=folder, expect=400))["errorCode"] == 1000


@pytest.fixture
async def many(api: Any, queue: Json, folder: Any) -> Any:
    """The folder, whose queue has 100,000 items."""
    async with api.node.db.acquire() as db:
        await db.execute(ADD_MANY, api.tenant_id, queue["Id"], MANY)
        await db.execute(FILL_MANY, api.tenant_id, queue["Id"])
        await db.execute("ANALYZE orchestrator.queue_items, orchestrator.queue_item_contents")
    return folder


class TestPlans:
    async def test_of_100_000_items_the_right_ones_are_found_by_an_index(
        self, api: Any, many: Any, queue: Json
    ) -> None:
        for raw, index in (
            ({"$filter": "SpecificContent/Customer eq 'customer 77'"}, "queue_item_contents_by_value"),
            ({"$filter": "Reference eq 'ref-77'"}, "queue_items_by_reference"),
            ({"$filter": f"Key eq {uuid4()}"}, "queue_items_by_key"),
            ({"$orderby": "Id desc"}, "Index Scan Backward using queue_items_pkey"),
            ({"$filter": f"QueueDefinitionId eq {queue['Id']} and Status eq 'Failed'"}, "queue_items_of_queue"),
        ):
            for mode in ("force_custom_plan", "force_generic_plan"):
                plan = await explained(api, many, mode, raw)
                assert index in plan, f"{raw} {mode}: {plan}"


async def explained(api: Any, folder: Any, mode: str, raw: Json) -> str:
    options = parse_options({"$top": "100", **raw})
    page = page_statement(QUEUE_ITEMS, options, scope.IN_ONE_FOLDER, [api.tenant_id, [folder["Id"]]], counted=False)
    async with api.node.db.transaction() as db:
        await db.execute(f"SET LOCAL plan_cache_mode = {mode}")
        return "\n".join(row[0] for row in await db.fetch(f"EXPLAIN {page.sql}", *page.args))

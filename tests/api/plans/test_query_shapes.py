"""Every documented query over a large tenant: by an index, without sorting a table, within its number of rows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from podium.kernel.odata.page import COUNTED
from tests.api.plans.conftest import Sent
from tests.api.plans.seeding import World

DOCUMENT = Path(__file__).resolve().parents[3] / "docs" / "reference" / "query-shapes.md"
ROW = re.compile(r"^\| (\d+) \| `([^`]+)` \|([^|]*)\| (\d+) \| ([^|]+) \|$", re.MULTILINE)
LARGE = (
    "jobs", "robot_logs", "audit", "queue_items", "queue_item_contents", "queue_item_events", "job_triggers", "processes",
    "assets", "asset_values", "asset_folders", "users", "machines", "robots", "sessions",
)  # fmt: skip
SMALL = 100  # a partition of a day with nothing in it is read by no index
TABLE = re.compile(r"(?:_other|_\d{8}|_\d{6})$")  # partitions count as their table


class Shape(NamedTuple):
    number: int
    request: str
    folder: str
    rows: int

    def __str__(self) -> str:
        return f"{self.number}: {self.request}"


def shapes() -> list[Shape]:
    found = ROW.findall(DOCUMENT.read_text(encoding="utf-8"))
    return [Shape(int(number), request, folder.strip(), int(rows)) for number, request, folder, rows, _ in found]


SHAPES = shapes()


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from nodes(child)


def read(node: dict[str, Any]) -> int:
    """The rows that a scan has looked at; of a condition that the index answers only those that it found."""
    removed = node.get("Rows Removed by Filter", 0) + node.get("Rows Removed by Index Recheck", 0)
    return int((node["Actual Rows"] + removed) * node["Actual Loops"])


def faults(plan: dict[str, Any], shape: Shape) -> list[str]:
    most = shape.rows
    # A count that ends at 10,001 may take the first rows that it meets: there is no condition for an index to serve.
    in_passing = COUNTED + 1 if "$count=true" in shape.request else SMALL
    found: list[str] = []
    total = 0
    for node in nodes(plan):
        table = TABLE.sub("", node.get("Relation Name", ""))
        if table in LARGE:
            total += read(node)
            if node["Node Type"] == "Seq Scan" and read(node) > in_passing:
                found.append(f"reads {table} from end to end")
        if node["Node Type"] == "Sort" and node["Plans"][0]["Actual Rows"] > most:
            found.append(f"sorts {node['Plans'][0]['Actual Rows']} rows by {node['Sort Key']}")
    if total > most:
        found.append(f"reads {total} rows of large tables, at most {most}")
    return found


class TestShapes:
    def test_the_page_documents_at_least_forty(self) -> None:
        assert len(SHAPES) >= 40
        assert [shape.number for shape in SHAPES] == list(range(1, len(SHAPES) + 1))

    @pytest.mark.parametrize("shape", SHAPES, ids=str)
    async def test_an_index_serves_it(self, world: World, sent: Sent, shape: Shape) -> None:
        folder = shape.folder and int(shape.folder.format(**world.values))
        answer = await world.api.get(shape.request.format(**world.values), folder=folder or None)
        assert answer["value"], "a shape that finds nothing shows nothing"
        assert sent, "no statement was seen"
        wrong: list[str] = []
        async with world.api.node.db.acquire() as connection:
            for sql, args in list(sent):
                text = await connection.fetchval(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", *args)
                plan = json.loads(text)[0]["Plan"]
                wrong += [f"{fault}\n{json.dumps(plan)[:6000]}" for fault in faults(plan, shape)]
        assert not wrong, "\n".join(wrong)

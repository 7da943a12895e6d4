"""Pages that the server cuts: following the tokens gives every row once, in order, whatever the order is."""

from __future__ import annotations

import base64
import json
import random
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.kernel.odata import (
    CountRule,
    Entity,
    KeptCounts,
    Kind,
    PageResult,
    Property,
    fetch_page,
    keyset,
    parse_options,
)
from podium.kernel.odata.page import page_statement
from podium.kernel.odata.rows import rows_page
from podium.kernel.odata.tree import Position
from podium.kernel.odata.walk import walk_statement

from .world import JOBS, NUMBERS

Connection = asyncpg.Connection
TENANT = "t.tenant_id = $1"
PAGE_SIZE = "odata.maxpagesize"

TABLE = """
CREATE TABLE walks (
  tenant_id int, id bigint, name text, kind text, state smallint, amount float8, at timestamptz, made_at timestamptz NOT NULL,
  on_day date, is_on bool, key uuid, PRIMARY KEY (tenant_id, id))
"""
ADD = "INSERT INTO walks VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)"
WALKS = Entity(
    "Walks",
    "walks",
    {
        "Id": Property("{t}.id", Kind.INT),
        "Name": Property("{t}.name"),
        "Kind": Property("{t}.kind", Kind.ENUM, enum=("Low", "High")),
        "State": Property("{t}.state", Kind.ENUM, enum=("New", "Done", "Gone"), by_number=True),
        "Amount": Property("{t}.amount", Kind.DOUBLE),
        "At": Property("{t}.at", Kind.DATETIME, nulls_low=True),
        "MadeAt": Property("{t}.made_at", Kind.DATETIME, nullable=False),
        "OnDay": Property("{t}.on_day", Kind.DATE),
        "IsOn": Property("{t}.is_on", Kind.BOOL, nulls_low=True),
        "Key": Property("{t}.key", Kind.GUID),
    },
)
SORTED = [*WALKS.properties, "tolower(Name)", "year(At)", "length(Name)"]
START = datetime(2024, 1, 1, tzinfo=UTC)


def row(number: int, random_: random.Random) -> tuple[Any, ...]:
    """A row whose values are often equal to those of others, and often null."""

    def maybe(value: Any) -> Any:
        return None if random_.random() < 0.25 else value

    return (
        number,
        maybe(random_.choice(["a", "A", "b", "Ä", "a'b", "zz", ""])),
        maybe(random_.choice(["Low", "High"])),
        maybe(random_.randrange(3)),
        maybe(random_.choice([0.1, -0.1, 1e300, float("inf"), float("nan"), 1 / 3])),
        maybe(START + timedelta(microseconds=random_.randrange(4))),
        START + timedelta(hours=random_.randrange(3)),
        maybe(date(2024, 2, 27 + random_.randrange(3))),
        maybe(random_.random() < 0.5),
        maybe(UUID(int=random_.randrange(3) << 100)),
    )


@pytest.fixture(scope="module")
async def walks(db: Connection) -> AsyncIterator[Connection]:
    await db.execute("DROP TABLE IF EXISTS walks")
    await db.execute(TABLE)
    yield db
    await db.execute("DROP TABLE walks")


async def fill(db: Connection, seed: int, count: int) -> None:
    random_ = random.Random(seed)  # noqa: S311 - values of test rows
    await db.execute("TRUNCATE walks")
    await db.executemany(ADD, [row(number * 10, random_) for number in range(1, count + 1)])


async def page(db: Connection, raw: dict[str, str], entity: Entity = WALKS, **options: Any) -> PageResult:
    return await fetch_page(db, entity, parse_options(raw), TENANT, [1], counts=KeptCounts(), **options)


def ids(found: PageResult) -> list[int]:
    return [row["Id"] for row in json.loads(found.json)]


async def following(db: Connection, raw: dict[str, str], entity: Entity = WALKS) -> list[list[int]]:
    """The ids of every page; the options but $skip are sent again with each token, as the link does."""
    found = await page(db, raw, entity)
    pages = [ids(found)]
    kept = {name: text for name, text in raw.items() if name not in ("$skip", PAGE_SIZE)}
    while found.json.following is not None:
        assert len(pages) < 1000, "the pages have no end"
        found = await page(db, {**kept, "$skiptoken": found.json.following}, entity)
        pages.append(ids(found))
    return pages


def joined(pages: list[list[int]]) -> list[int]:
    return [id_ for found in pages for id_ in found]


orders = st.lists(
    st.tuples(st.sampled_from(SORTED), st.sampled_from(["", " asc", " desc"])),
    max_size=4,
    unique_by=lambda term: term[0],
).map(lambda terms: ",".join(name + direction for name, direction in terms))
few = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])


class TestEveryRowOnce:
    @few
    @given(orders, st.integers(0, 10**6), st.integers(0, 40), st.integers(1, 7), st.integers(0, 5))
    async def test_the_pages_together_are_the_list(
        self, walks: Connection, orderby: str, seed: int, count: int, rows: int, skip: int
    ) -> None:
        await fill(walks, seed, count)
        raw = {"$orderby": orderby, "$select": "Id"}
        whole = ids(await page(walks, {**raw, "$top": "1000"}))
        pages = await following(walks, {**raw, PAGE_SIZE: str(rows), "$skip": str(skip)})
        assert joined(pages) == whole[skip:]
        assert [len(found) for found in pages[:-1]] == [rows] * (len(pages) - 1)

    @few
    @given(orders, st.integers(0, 10**6), st.integers(1, 40), st.integers(1, 9))
    async def test_top_counts_over_all_pages(
        self, walks: Connection, orderby: str, seed: int, top: int, rows: int
    ) -> None:
        await fill(walks, seed, 25)
        raw = {"$orderby": orderby, "$top": str(top), "$filter": "Id gt 30"}
        whole = ids(await page(walks, raw))
        assert joined(await following(walks, {**raw, PAGE_SIZE: str(rows)})) == whole

    @few
    @given(orders.filter(lambda order: "(" not in order), st.integers(0, 10**6), st.integers(1, 6))
    async def test_rows_that_come_and_go_move_no_other_row(
        self, walks: Connection, orderby: str, seed: int, rows: int
    ) -> None:
        await fill(walks, seed, 30)
        random_ = random.Random(seed)  # noqa: S311 - values of test rows
        raw = {"$orderby": orderby, "$select": "Id"}
        before = ids(await page(walks, raw))
        gone: set[int] = set()
        seen: list[int] = []
        found = await page(walks, {**raw, PAGE_SIZE: str(rows)})
        while True:
            seen += ids(found)
            if found.json.following is None:
                break
            new = random_.randrange(1000, 100_000) * 10 + random_.randrange(1, 10)
            await walks.execute("DELETE FROM walks WHERE id = $1", new)
            await walks.execute(ADD, *row(new, random_))
            lost = random_.choice(before)
            await walks.execute("DELETE FROM walks WHERE id = $1", lost)
            gone.add(lost)
            found = await page(walks, {**raw, "$skiptoken": found.json.following})
        assert len(seen) == len(set(seen)), "a row came twice"
        stayed = [id_ for id_ in before if id_ not in gone]
        assert [id_ for id_ in seen if id_ in set(stayed)] == stayed

    async def test_through_a_navigation_and_the_sets_joins(self, db: Connection) -> None:
        raw = {"$orderby": "Robot/Name desc,FolderName", PAGE_SIZE: "2", "$expand": "Robot"}
        whole = ids(await page(db, {"$orderby": "Robot/Name desc,FolderName"}, JOBS))
        assert joined(await following(db, raw, JOBS)) == whole
        assert len(whole) == 5


class TestWhenThereIsALink:
    async def test_none_when_the_caller_chose_the_size(self, db: Connection) -> None:
        assert (await page(db, {"$top": "1000"}, NUMBERS)).json.following is None

    async def test_at_the_servers_own_limit(self, db: Connection) -> None:
        found = await page(db, {"$filter": "Id le 1001"}, NUMBERS)
        assert (found.rows, found.total) == (1000, 1001)
        assert found.json.following is not None
        rest = await page(db, {"$filter": "Id le 1001", "$skiptoken": found.json.following}, NUMBERS)
        assert (ids(rest), rest.json.following) == ([1001], None)

    async def test_none_when_the_page_ends_with_the_list(self, db: Connection) -> None:
        assert (await page(db, {"$filter": "Id le 1000"}, NUMBERS)).json.following is None

    async def test_none_for_a_preference_over_the_limit(self, db: Connection) -> None:
        found = await page(db, {"$filter": "Id le 1001", PAGE_SIZE: "999999999999"}, NUMBERS)
        assert found.rows == 1000

    @pytest.mark.parametrize("wish", ["0", "-1", "many", ""])
    async def test_a_preference_that_cannot_be_is_not_heard(self, db: Connection, wish: str) -> None:
        assert (await page(db, {"$top": "3", PAGE_SIZE: wish}, NUMBERS)).rows == 3

    async def test_the_next_page_may_be_of_another_size(self, db: Connection) -> None:
        first = await page(db, {PAGE_SIZE: "2"}, NUMBERS)
        assert first.json.following is not None
        assert ids(await page(db, {"$skiptoken": first.json.following}, NUMBERS)) == [3, 4]
        assert ids(await page(db, {"$skiptoken": first.json.following, PAGE_SIZE: "3"}, NUMBERS)) == [3, 4, 5]


class TestCount:
    @pytest.mark.parametrize("rule", CountRule)
    async def test_the_total_is_that_of_the_list_on_every_page(self, db: Connection, rule: CountRule) -> None:
        raw = {"$filter": "Id le 25", "$count": "true"}
        first = await page(db, {**raw, PAGE_SIZE: "10"}, NUMBERS, count=rule)
        second = await page(db, {**raw, "$skiptoken": first.json.following or ""}, NUMBERS, count=rule)
        last = await page(db, {**raw, "$skiptoken": second.json.following or ""}, NUMBERS, count=rule)
        assert [(found.rows, found.total) for found in (first, second, last)] == [(10, 25), (10, 25), (5, 25)]

    async def test_a_large_total(self, db: Connection) -> None:
        first = await page(db, {"$count": "true"}, NUMBERS)
        second = await page(db, {"$count": "true", "$skiptoken": first.json.following or ""}, NUMBERS)
        assert (first.total, second.total) == (12_000, 12_000)

    async def test_nobody_is_told_a_total_that_he_did_not_ask_for(self, db: Connection) -> None:
        first = await page(db, {PAGE_SIZE: "10"}, NUMBERS, count=CountRule.ON_REQUEST)
        second = await page(db, {"$skiptoken": first.json.following or ""}, NUMBERS, count=CountRule.ON_REQUEST)
        assert (first.total, second.total) == (None, None)


def forged(parts: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode().rstrip("=")


class TestTokens:
    async def test_400_with_the_options_of_another_list(self, db: Connection) -> None:
        token = (await page(db, {"$filter": "Id lt 9000"}, NUMBERS)).json.following or ""
        for raw in ({}, {"$filter": "Id lt 9001"}, {"$filter": "Id lt 9000", "$orderby": "Name"}):
            with pytest.raises(BadRequest, match="skiptoken"):
                await page(db, {**raw, "$skiptoken": token}, NUMBERS)

    @pytest.mark.parametrize(
        "place",
        [[], [1, 2], ["1"], [None], [True], [1.5], [2**63], [-(2**63) - 1], [[1]], [{}], -1, 0, True, None, "5", 2**41],
    )
    async def test_400_for_a_place_that_cannot_be(self, db: Connection, place: Any) -> None:
        belongs = keyset.digest(NUMBERS, parse_options({}))
        assert ids(await page(db, {"$skiptoken": forged([1, belongs, 2, None, [7]])}, NUMBERS)) == [8, 9]
        with pytest.raises(BadRequest, match="skiptoken"):
            await page(db, {"$skiptoken": forged([1, belongs, 2, None, place])}, NUMBERS)

    @pytest.mark.parametrize(
        ("orderby", "value"),
        [
            ("Name", "nul \x00"),
            ("Name", "\ud800"),
            ("Name", 5),
            ("State", "1"),
            ("State", 2**63),
            ("Amount", "inf"),
            ("Amount", 10**400),
            ("Amount", True),
            ("At", "tomorrow"),
            ("At", 5),
            ("OnDay", "2024-02-30"),
            ("IsOn", 1),
            ("Key", "not a guid"),
            ("MadeAt", None),
        ],
    )
    async def test_400_for_a_value_of_another_kind(self, walks: Connection, orderby: str, value: Any) -> None:
        belongs = keyset.digest(WALKS, parse_options({"$orderby": orderby}))
        with pytest.raises(BadRequest, match="skiptoken"):
            await page(walks, {"$orderby": orderby, "$skiptoken": forged([1, belongs, 2, None, [value, 1]])})

    async def test_400_for_values_in_an_order_that_goes_on_by_number(self, walks: Connection) -> None:
        belongs = keyset.digest(WALKS, parse_options({"$orderby": "length(Name)"}))
        with pytest.raises(BadRequest, match="skiptoken"):
            await page(walks, {"$orderby": "length(Name)", "$skiptoken": forged([1, belongs, 2, None, [1, 1]])})

    @pytest.mark.parametrize(
        "token",
        [
            "x",
            "ä",
            "====",
            "[" * 9000,
            forged({}),
            forged([]),
            forged([2, "a", 1, 1, 1]),
            forged([1, "a", 0, 1, 1]),
            forged([1, "a", 1, 1001, 1]),
            forged([1, 5, 1, 1, 1]),
            forged(1),
            base64.urlsafe_b64encode(b"[" * 9000).decode(),
        ],
    )
    def test_400_for_what_is_no_token(self, token: str) -> None:
        with pytest.raises(BadRequest, match="skiptoken"):
            parse_options({"$skiptoken": token})

    def test_400_together_with_skip(self) -> None:
        token = keyset.written(Position("a", None, None, None, 5))
        with pytest.raises(BadRequest, match=r"\$skip and \$skiptoken"):
            parse_options({"$skiptoken": token, "$skip": "1"})

    def test_400_where_pages_do_not_go_on(self) -> None:
        options = replace(parse_options({}), after=Position("a", None, None, None, 5))
        with pytest.raises(BadRequest, match="not supported here"):
            page_statement(WALKS, options, TENANT, [1])
        with pytest.raises(BadRequest, match="not supported here"):
            rows_page([], ["Id"], options)

    @given(st.text(max_size=60))
    def test_any_text_is_a_token_or_a_400(self, token: str) -> None:
        with suppress(BadRequest):
            parse_options({"$skiptoken": token})

    async def test_a_place_too_long_for_an_address_is_told_by_its_number(self, walks: Connection) -> None:
        await fill(walks, 1, 5)
        await walks.execute("UPDATE walks SET name = repeat('x', 20000)")
        pages = await following(walks, {"$orderby": "Name", PAGE_SIZE: "2"})
        assert pages == [[10, 20], [30, 40], [50]]
        found = await page(walks, {"$orderby": "Name", PAGE_SIZE: "2"})
        assert len(found.json.following or "") < 200

    async def test_infinite_moments(self, walks: Connection) -> None:
        await fill(walks, 1, 6)
        await walks.execute("UPDATE walks SET at = CASE WHEN id < 30 THEN '-infinity' ELSE 'infinity' END::timestamptz")
        assert await following(walks, {"$orderby": "At desc", PAGE_SIZE: "1"}) == [[60], [50], [40], [30], [20], [10]]


class TestPlans:
    async def test_a_page_far_away_is_one_jump_into_the_index(self, db: Connection) -> None:
        made = replace(NUMBERS.properties["CreationTime"], nullable=False)
        entity = Entity("Numbers", "numbers", {**NUMBERS.properties, "CreationTime": made})
        for orderby in ("CreationTime,Id", "CreationTime desc", "Id", ""):
            raw = {"$orderby": orderby, PAGE_SIZE: "50"}
            first = await page(db, {**raw, "$skip": "11000"}, entity)
            options = parse_options({**raw, "$skiptoken": first.json.following or ""})
            walk = walk_statement(entity, options, TENANT, [1], counted=False, max_rows=1000)
            plan = await db.fetchval("EXPLAIN (ANALYZE, FORMAT JSON) " + walk.statement.sql, *walk.statement.args)
            assert _rows_read(json.loads(plan)[0]["Plan"]) < 200, f"{orderby}: {plan}"


def _rows_read(plan: dict[str, Any]) -> int:
    """The rows that the scans of tables looked at."""
    inner = sum(_rows_read(child) for child in plan.get("Plans", ()))
    if "Relation Name" not in plan:
        return inner
    return int((plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)) * plan["Actual Loops"]) + inner

"""The written SQL on a real PostgreSQL: what comes back, in which order, and where the values of a request go."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.kernel.odata import (
    CountRule,
    Entity,
    KeptCounts,
    PageResult,
    PageText,
    entity_envelope,
    fetch_one,
    fetch_page,
    page_statement,
    parse_options,
    rows_page,
)
from podium.kernel.odata.fetch import Database
from podium.kernel.odata.page import _page

from .world import JOBS, NUMBERS, ROBOTS

Connection = asyncpg.Connection
TENANT = "t.tenant_id = $1"
FOLDERS = "t.tenant_id = $1 AND t.folder_id = ANY($2::bigint[])"


class Counter:
    """A connection that remembers the statements it was given."""

    def __init__(self, db: Connection) -> None:
        self.db = db
        self.statements: list[str] = []

    async def fetchrow(self, query: str, /, *args: Any) -> Any:
        self.statements.append(query)
        return await self.db.fetchrow(query, *args)


async def page(db: Database, entity: Entity = JOBS, /, **options: str) -> PageResult:
    raw = {f"${name}": text for name, text in options.items()}
    return await fetch_page(db, entity, parse_options(raw), TENANT, [1], counts=KeptCounts())


async def rows(db: Database, entity: Entity = JOBS, /, **options: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads((await page(db, entity, **options)).json)
    return found


async def ids(db: Database, filter_: str) -> list[int]:
    """The ids that the filter lets through; paging and counting are seen to agree with it."""
    result = await page(db, filter=filter_, select="Id", top="2")
    found = [row["Id"] for row in await rows(db, filter=filter_, select="Id")]
    assert result.total == len(found)
    assert [row["Id"] for row in json.loads(result.json)] == found[:2]
    return found


class TestFilter:
    @pytest.mark.parametrize(
        ("filter_", "expected"),
        [
            ("Id eq 1", [1]),
            ("id eq 1L", [1]),
            ("1 eq Id", [1]),
            ("4 lt Id", [5]),
            ("Id gt 1.5 and Id lt 3.5", [2, 3]),
            ("Id in (1,2,3)", [1, 2, 3]),
            ("Id in ()", []),
            ("not (Id in (1,2,3))", [4, 5]),
            ("Name eq 'ALPHA'", [1]),
            ("Name ne 'alpha'", [2, 3, 4, 5]),
            ("not (Name eq 'alpha')", [2, 3, 4, 5]),
            ("Name eq null", [5]),
            ("Name ne null", [1, 2, 3, 4]),
            ("Name gt null", []),
            ("Name in ('alpha', 'BETA_1', null)", [1, 2, 5]),
            ("Name gt 'b' and Name lt 'c'", [2, 3]),
            ("contains(tolower(Name), tolower('ETA'))", [2, 3]),
            ("contains(Name, '_')", [2]),
            ("contains(Name, '%')", [4]),
            ("contains(Name, '\\')", [4]),
            ("contains(Name, '')", [1, 2, 3, 4]),
            ("startswith(Name, 'BETA_')", [2]),
            ("endswith(Name, '1')", [2, 3]),
            ("endswith(Name, 'X1') eq true", [3]),
            ("startswith(Name, 'b') eq false", [1, 4, 5]),
            ("not startswith(Name, 'b')", [1, 4, 5]),
            ("substringof('lph', Name)", [1]),
            ("contains(Name, Robot/Name)", []),
            ("Name eq 'O''Brien 100% \\ ok'", [4]),
            ("length(Name) eq 5", [1]),
            ("indexof(Name, 'PHA') eq 2", [1]),
            ("trim(Name) eq 'alpha'", [1]),
            ("State eq 'Pending'", [1, 4]),
            ("State eq 'pending'", [1, 4]),
            ("State eq '0'", [1, 4]),
            ("State eq 0", [1, 4]),
            ("State eq UiPath.Server.Configuration.OData.JobState'Pending'", [1, 4]),
            ("State ne 'Pending'", [2, 3, 5]),
            ("State gt 'Pending' and State le 5", [2, 3, 5]),
            ("State in ('Faulted', '5', 0)", [1, 2, 3, 4, 5]),
            ("contains(State, 'end')", [1, 4]),
            ("Type eq 'unattended'", [2, 3]),
            ("Type eq '7'", [2, 3]),
            ("Type in ('Attended', 7)", [1, 2, 3, 4]),
            ("Type eq null", [5]),
            ("Key eq 11111111-1111-4111-8111-111111111111", [1]),
            ("Key eq '11111111-1111-4111-8111-111111111111'", [1]),
            ("Key eq guid'aaaaaaaa-2222-4222-8222-222222222222'", [2]),
            ("key in ('11111111-1111-4111-8111-111111111111','AAAAAAAA-2222-4222-8222-222222222222')", [1, 2]),
            ("startswith(Key, 'AAAA')", [2]),
            ("CreationTime ge 2024-03-01T00:00:00Z", [3, 4, 5]),
            ("CreationTime lt 2024-01-02", [1]),
            ("CreationTime eq 2024-01-01T10:00:00.1234567Z", [1]),
            ("CreationTime gt datetime'2024-03-02T00:00:00'", [5]),
            ("CreationTime gt '2024-03-02T00:00:00Z'", [5]),
            ("year(CreationTime) eq 2024 and month(CreationTime) eq 1", [1, 2]),
            ("day(CreationTime) eq 2 and hour(CreationTime) eq 23", [2]),
            ("minute(CreationTime) eq 59 and second(CreationTime) eq 59", [2]),
            ("date(CreationTime) eq 2024-01-02", [2]),
            ("CreationTime lt now()", [1, 2, 3, 4, 5]),
            ("EndTime gt CreationTime", [2, 3]),
            ("DueOn eq 2024-02-29 and year(DueOn) eq 2024", [1]),
            ("Score eq 1.5", [1]),
            ("Score lt 0", [3]),
            ("Score eq 2", [2]),
            ("Id eq Score", [2]),
            ("IsUrgent", [1, 4]),
            ("IsUrgent eq true", [1, 4]),
            ("IsUrgent eq false", [2, 5]),
            ("not IsUrgent", [2, 3, 5]),
            ("IsUrgent and true", [1, 4]),
            ("false or Id eq 3", [3]),
            ("1 eq 1", [1, 2, 3, 4, 5]),
            ("'a' eq 'A' and Id eq 1", [1]),
            ("Tags/any(t: t eq 'RED')", [1, 4]),
            ("Tags/any(t: startswith(t, 'b'))", [1]),
            ("Tags/any()", [1, 4]),
            ("FolderName eq 'finance'", [4, 5]),
            ("Robot/Id eq 123L", [1, 4]),
            ("Robot/Name eq 'ada' or Robot/Name eq 'bob'", [1, 2, 4]),
            ("Robot/Machine/Name eq 'atlas'", [1, 4]),
            ("Robot/Id eq null", [3, 5]),
            ("Events/any(e: e/Level ge 3)", [1]),
            ("Events/any(e: e/Level ge 3 and e/Text eq 'started')", []),
            ("Events/any()", [1, 2]),
            ("not Events/any()", [3, 4, 5]),
            ("Events/any(e: e/Job/Name eq Name)", [1, 2]),
            ("Robot/Jobs/any(j: j/Id ne Id and j/Robot/Name eq 'Ada')", [1, 4]),
            ("Robot/Jobs/any(j: j/Events/any(e: e/Text eq 'failed' and j/Id eq e/Job/Id))", [1, 4]),
        ],
    )
    async def test_lets_through(self, db: Connection, filter_: str, expected: list[int]) -> None:
        assert await ids(db, filter_) == expected

    @pytest.mark.parametrize(
        ("filter_", "named"),
        [
            ("Nothing eq 1", "Nothing"),
            ("Robot/Nothing eq 1", "Robot/Nothing"),
            ("Nothing/Id eq 1", "Nothing"),
            ("Robot eq 1", "Robot"),
            ("Events/Id eq 1", "any()"),
            ("Robot/any()", "Robot"),
            ("Tags eq 'a'", "Tags"),
            ("Content eq 'a'", "Content"),
            ("Content eq null", "Content"),
            ("Secret eq 'hidden'", "Secret"),
            ("contains(Secret, 'h')", "Secret"),
            ("Secret in ('hidden')", "Secret"),
            ("Name eq 5", "Name"),
            ("Id eq 'x'", "Id"),
            ("Id eq true", "Id"),
            ("Id in (1, 'x')", "Id"),
            ("Id in (1, 1.5)", "Id"),
            ("Id", "Id"),
            ("Name and IsUrgent", "Name"),
            ("5", "condition"),
            ("null", "null"),
            ("Key eq 'x'", "x"),
            ("Key eq 5", "Key"),
            ("State eq 'Nonsense'", "Nonsense"),
            ("State eq '99'", "99"),
            ("State eq 99", "99"),
            ("State eq true", "State"),
            ("Type gt 'Attended'", "Type"),
            ("IsUrgent gt false", "IsUrgent"),
            ("CreationTime gt 5", "CreationTime"),
            ("CreationTime gt 'yesterday'", "yesterday"),
            ("year(Name) eq 2024", "Name"),
            ("contains(Id, '1')", "Id"),
            ("contains(Name, 1)", "Name"),
            ("contains(Name, null)", "contains"),
            ("Id eq Name", "Id"),
            ("t eq 'x'", "t"),
            ("Tags/any(t: t/Name eq 'x')", "t/Name"),
            ("Events/any(e: e eq 'x')", "e"),
            ("xmin eq 1", "xmin"),
            ("tenant_id eq 2", "tenant_id"),
        ],
    )
    async def test_400_names_the_member(self, db: Connection, filter_: str, named: str) -> None:
        with pytest.raises(BadRequest, match="Invalid OData query options") as caught:
            await page(db, filter=filter_)
        assert named in caught.value.message
        assert caught.value.code == 1000

    async def test_now_is_the_time_that_is_handed_in(self, db: Connection) -> None:
        options = parse_options({"$filter": "CreationTime lt now()", "$select": "Id"})
        found = await fetch_page(db, JOBS, options, TENANT, [1], now=datetime(2024, 1, 2, tzinfo=UTC))
        assert found.json == '[{"Id":1}]'


class TestPage:
    async def test_members_are_written_as_the_wire_wants_them(self, db: Connection) -> None:
        (row,) = await rows(db, filter="Id eq 1")
        assert list(row.items()) == [
            ("Id", 1),
            ("Key", "11111111-1111-4111-8111-111111111111"),
            ("Name", "Alpha"),
            ("State", "Pending"),
            ("Type", "Attended"),
            ("CreationTime", "2024-01-01T10:00:00.123456Z"),
            ("EndTime", None),
            ("Score", 1.5),
            ("IsUrgent", True),
            ("Tags", ["red", "Blue"]),
            ("Content", {"a": [1, None]}),
            ("DueOn", "2024-02-29"),
            ("FolderName", "Shared"),
            ("OrganizationUnitId", 10),
            ("Secret", "hidden"),
            ("Robot", None),
        ]

    async def test_an_empty_page_is_an_empty_array(self, db: Connection) -> None:
        assert await page(db, filter="Id eq 0") == PageResult(PageText("[]"), 0, 0)

    async def test_only_rows_of_the_callers_condition(self, db: Connection) -> None:
        options = parse_options({"$select": "Id", "$filter": "Id lt 3 or Id gt 3"})
        found = await fetch_page(db, JOBS, options, FOLDERS, [1, [11]])
        assert (found.json, found.total) == ('[{"Id":4},{"Id":5}]', 2)

    async def test_a_condition_with_or_does_not_open_the_scope(self, db: Connection) -> None:
        scope = "t.tenant_id = $1 OR t.tenant_id = $1 + 100"
        for filter_, expected in (
            ("Id eq 1 or true", '[{"Id":1}]'),
            ("Id eq 99", "[]"),
            ("Id eq 99 or Id eq 98", "[]"),
        ):
            options = parse_options({"$select": "Id", "$filter": filter_})
            assert (await fetch_page(db, JOBS, options, scope, [2])).json == expected

    @pytest.mark.parametrize(
        ("orderby", "expected"),
        [
            ("Id desc", [5, 4, 3, 2, 1]),
            ("Name", [1, 2, 3, 4, 5]),
            ("Name desc", [5, 4, 3, 2, 1]),
            ("EndTime", [1, 4, 5, 2, 3]),
            ("EndTime desc", [3, 2, 5, 4, 1]),
            ("State, CreationTime desc", [4, 1, 2, 5, 3]),
            ("Robot/Name desc, Id", [3, 5, 2, 1, 4]),
            ("Robot/Machine/Name", [1, 4, 2, 3, 5]),
            ("tolower(Name) desc", [5, 4, 3, 2, 1]),
            ("IsUrgent", [2, 5, 1, 4, 3]),
            ("length(Name)", [1, 2, 3, 4, 5]),
        ],
    )
    async def test_order_ends_in_the_key(self, db: Connection, orderby: str, expected: list[int]) -> None:
        assert [row["Id"] for row in await rows(db, orderby=orderby, select="Id")] == expected
        assert [row["Id"] for row in await rows(db, orderby=orderby, skip="1", top="2")] == expected[1:3]

    @pytest.mark.parametrize("orderby", ["Nothing", "Robot", "Content", "Tags", "Secret", "Events/Id", "Robot/Nothing"])
    async def test_400_for_order(self, db: Connection, orderby: str) -> None:
        with pytest.raises(BadRequest, match="Invalid OData query options"):
            await page(db, orderby=orderby)

    async def test_select_binds_in_any_case_and_answers_with_declared_names(self, db: Connection) -> None:
        assert await rows(db, filter="Id eq 1", select="key,ID") == [
            {"Id": 1, "Key": "11111111-1111-4111-8111-111111111111"}
        ]

    async def test_members_that_are_not_default_come_when_selected(self, db: Connection) -> None:
        assert (await rows(db, top="1", select="Details")) == [{"Details": "large Alpha"}]
        assert "Details" in (await rows(db, top="1", select="*,Details"))[0]

    async def test_selecting_a_navigation_alone_leaves_nothing_else(self, db: Connection) -> None:
        assert await rows(db, top="1", select="Events") == [{}]
        assert await rows(db, top="1", select="Robot") == [{"Robot": None}]

    @pytest.mark.parametrize("select", ["Nothing", "Robot/Name", "tenant_id", "Id,xmin"])
    async def test_400_for_select(self, db: Connection, select: str) -> None:
        with pytest.raises(BadRequest, match=r"\$select"):
            await page(db, select=select)

    async def test_400_above_the_lists_own_limit(self, db: Connection) -> None:
        with pytest.raises(BadRequest, match="'100'"):
            await fetch_page(db, JOBS, parse_options({"$top": "101"}), TENANT, [1], max_rows=100)

    async def test_without_top_the_lists_own_limit_holds(self, db: Connection) -> None:
        found = await fetch_page(db, JOBS, parse_options({}), TENANT, [1], max_rows=2)
        assert (found.rows, found.total) == (2, 5)


class TestExpand:
    async def test_to_one(self, db: Connection) -> None:
        found = await rows(db, filter="Id le 3", expand="robot", select="Id")
        assert found == [
            {"Id": 1, "Robot": {"Id": 123, "Name": "Ada"}},
            {"Id": 2, "Robot": {"Id": 124, "Name": "Bob"}},
            {"Id": 3, "Robot": None},
        ]

    async def test_to_many_in_the_declared_order(self, db: Connection) -> None:
        first, second, third = await rows(db, filter="Id le 3", expand="Events($select=Id)", select="Id")
        assert first["Events"] == [{"Id": 2}, {"Id": 1}]
        assert second["Events"] == [{"Id": 3}]
        assert third["Events"] == []

    async def test_nested_options(self, db: Connection) -> None:
        text = "Events($filter=Level ge 1 and Job/Name eq 'alpha';$orderby=Text;$top=1;$skip=1;$select=Text)"
        (row,) = await rows(db, filter="Name eq 'ALPHA'", expand=text, select="Id")
        assert row == {"Id": 1, "Events": [{"Text": "started"}]}

    async def test_two_levels(self, db: Connection) -> None:
        text = "Robot($expand=Machine,Jobs($select=Id,FolderName);$select=Name)"
        (row,) = await rows(db, filter="Id eq 1", expand=text, select="Id")
        jobs = [{"Id": 1, "FolderName": "Shared"}, {"Id": 4, "FolderName": "Finance"}]
        assert row["Robot"] == {"Name": "Ada", "Machine": {"Id": 1, "Name": "Atlas"}, "Jobs": jobs}

    async def test_one_statement_whatever_is_expanded(self, db: Connection) -> None:
        counter = Counter(db)
        await page(counter, expand="Robot($expand=Machine),Events", orderby="Robot/Name")
        assert len(counter.statements) == 1

    async def test_lenient_names_are_null(self, db: Connection) -> None:
        assert await rows(db, top="1", expand="environment", select="Id") == [{"Id": 1, "Environment": None}]

    @pytest.mark.parametrize("expand", ["Nothing", "Hidden", "Name", "Robot/Nothing", "Robot($select=Nothing)"])
    async def test_400_for_expand(self, db: Connection, expand: str) -> None:
        with pytest.raises(BadRequest, match=r"Nothing|Hidden|Name"):
            await page(db, expand=expand)

    async def test_a_join_stays_in_its_tenant(self, db: Connection) -> None:
        found = await fetch_page(db, JOBS, parse_options({"$expand": "Robot,Events"}), TENANT, [2])
        (row,) = json.loads(found.json)
        assert (row["Robot"]["Name"], [event["Text"] for event in row["Events"]]) == ("Foreign", ["foreign"])


class TestCount:
    @pytest.mark.parametrize("rule", CountRule)
    @pytest.mark.parametrize(("top", "skip"), [(2, 0), (5, 0), (6, 0), (2, 3), (2, 4), (2, 5), (2, 9), (0, 0)])
    async def test_the_total_is_exact_or_left_out(self, db: Connection, rule: CountRule, top: int, skip: int) -> None:
        raw = {"$top": str(top), "$skip": str(skip)}
        found = await fetch_page(db, JOBS, parse_options(raw), TENANT, [1], count=rule)
        shows_itself = found.rows < top and (found.rows > 0 or skip == 0)
        assert found.total == (5 if rule is CountRule.ALWAYS or shows_itself else None)
        asked = await fetch_page(db, JOBS, parse_options({**raw, "$count": "true"}), TENANT, [1], count=rule)
        assert asked.total == 5

    async def test_a_large_total_is_counted_once_a_second(self, db: Connection) -> None:
        now = 100.0
        counts = KeptCounts(clock=lambda: now)
        counter = Counter(db)

        async def total(**options: str) -> int | None:
            raw = {f"${name}": text for name, text in options.items()}
            return (await fetch_page(counter, NUMBERS, parse_options(raw), TENANT, [1], counts=counts)).total

        assert await total(top="1") == 12_000
        assert len(counter.statements) == 2
        assert await total(top="2", skip="5") == 12_000
        assert len(counter.statements) == 3
        assert await total(top="1", filter="Id gt 1") == 11_999
        assert len(counter.statements) == 5
        assert await total(top="1", filter="Id gt 2") == 11_998, "other values, other total"
        assert await total(top="1", filter="Id gt 2000") == 10_000, "counted by the page itself"
        now += 1.0
        counter.statements.clear()
        assert await total(top="1") == 12_000
        assert len(counter.statements) == 2

    async def test_the_last_page_of_a_large_list_needs_no_count(self, db: Connection) -> None:
        counter = Counter(db)
        found = await page(counter, NUMBERS, skip="11995", top="10")
        assert (found.total, found.rows, len(counter.statements)) == (12_000, 5, 1)


class TestOne:
    async def test_found(self, db: Connection) -> None:
        options = parse_options({"$expand": "Robot($select=Name)", "$select": "Id,Name"})
        found = await fetch_one(db, JOBS, options, "t.tenant_id = $1 AND t.id = $2", [1, 1])
        assert found == '{"Id":1,"Name":"Alpha","Robot":{"Name":"Ada"}}'
        assert entity_envelope("c", found) == '{"@odata.context":"c","Id":1,"Name":"Alpha","Robot":{"Name":"Ada"}}'

    async def test_none(self, db: Connection) -> None:
        assert await fetch_one(db, JOBS, parse_options({}), "t.tenant_id = $1 AND t.id = $2", [1, 99]) is None


def test_envelope() -> None:
    assert json.loads(PageResult(PageText("[]"), 0, 0).envelope('a"b')) == {
        "@odata.context": 'a"b',
        "@odata.count": 0,
        "value": [],
    }
    assert "@odata.count" not in PageResult(PageText("[]"), None, 0).envelope("c")
    assert entity_envelope("c", "{}") == '{"@odata.context":"c"}'


INJECTIONS = [
    "'; DROP TABLE jobs; --",
    "x' OR '1'='1",
    "') UNION SELECT * FROM pg_shadow --",
    "$1",
    "{t}",
    "%s %(x)s {0}",
    "\\'; --",
    "/* */",
    "\u02bc OR 1=1",
]


class TestInjection:
    @pytest.mark.parametrize("text", INJECTIONS)
    @pytest.mark.parametrize(
        "form", ["Name eq {}", "contains(Name,{})", "Name in ({},'b')", "Tags/any(t: t eq {})", "indexof(Name,{}) gt 0"]
    )
    async def test_the_text_is_an_argument(self, db: Connection, text: str, form: str) -> None:
        def options(literal: str) -> Any:
            quoted = "'" + literal.replace("'", "''") + "'"
            return parse_options({"$filter": form.replace("{}", quoted)})

        statement = page_statement(JOBS, options(text), TENANT, [1])
        assert statement.sql == page_statement(JOBS, options("plain"), TENANT, [1]).sql
        assert (await fetch_page(db, JOBS, options(text), TENANT, [1])).rows == 0
        assert await db.fetchval("SELECT count(*) FROM jobs") == 6

    @given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), min_size=1))
    def test_no_text_reaches_the_statement(self, text: str) -> None:
        quoted = "'" + text.replace("'", "''") + "'"
        raw = {"$filter": f"Name eq {quoted}", "$expand": f"Events($filter=contains(Text,{quoted}))"}
        plain = page_statement(
            JOBS, parse_options({key: value.replace(quoted, "'plain'") for key, value in raw.items()}), TENANT, [1]
        )
        assert page_statement(JOBS, parse_options(raw), TENANT, [1]).sql == plain.sql

    @pytest.mark.parametrize("text", [*INJECTIONS, "Id; DROP TABLE jobs", "Id--", '"Id"', "(SELECT 1)", "t.id", "1"])
    @pytest.mark.parametrize("option", ["$orderby", "$select", "$expand", "$filter"])
    def test_400_where_a_name_belongs(self, option: str, text: str) -> None:
        with pytest.raises(BadRequest):
            page_statement(JOBS, parse_options({option: text}), TENANT, [1])


class TestPlans:
    def test_equal_shapes_are_compiled_once(self) -> None:
        def compiled(text: str) -> str:
            return page_statement(ROBOTS, parse_options({"$filter": text}), TENANT, [1]).sql

        before = _page.cache_info().misses
        assert compiled("Name eq 'a' and Id in (1)") == compiled("Name eq 'b' and Id in (1,2,3)")
        assert _page.cache_info().misses == before + 1
        assert (_page.cache_info().maxsize or 0) <= 1024

    @pytest.mark.parametrize(
        ("raw", "index"),
        [
            ({"$filter": "Name eq 'NUMBER 77'"}, "numbers_name"),
            ({"$filter": "Name in ('number 1','b')"}, "numbers_name"),
            ({"$filter": "contains(Name, 'BER 777')"}, "numbers_trigrams"),
            ({"$filter": "startswith(Name, 'NUMBER 777')"}, "numbers_name"),
            ({"$orderby": "CreationTime desc", "$top": "10"}, "numbers_created"),
            ({"$orderby": "CreationTime", "$top": "10"}, "numbers_created"),
            ({"$filter": "Id eq 5"}, "numbers_pkey"),
            ({"$filter": "Id in (5, 6)"}, "numbers_pkey"),
            ({"$top": "10"}, "numbers_pkey"),
        ],
    )
    async def test_an_index_serves_it(self, db: Connection, raw: dict[str, str], index: str) -> None:
        statement = page_statement(NUMBERS, parse_options(raw), TENANT, [1], counted=False)
        plan = "\n".join(line[0] for line in await db.fetch("EXPLAIN " + statement.sql, *statement.args))
        assert index in plan, plan
        assert "Seq Scan" not in plan, plan


WORDS = st.sampled_from(["'alpha'", "'BETA_1'", "'b'", "'%'", "'_'", "''", "'\\'", "'O''Brien'", "'ada'", "'started'"])
NUMBERS_ = st.sampled_from(["0", "1", "2L", "3", "-3", "1.5", "123", "9223372036854775807", "1e300"])
MOMENTS = st.sampled_from(["2024-01-01T10:00:00.123456Z", "2024-03-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
OPERATORS = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"])
CONDITIONS = st.one_of(
    st.tuples(st.sampled_from(["Name", "FolderName", "Robot/Name", "trim(Name)", "tolower(Name)"]), OPERATORS, WORDS),
    st.tuples(st.sampled_from(["Id", "Score", "Robot/Id", "length(Name)", "indexof(Name,'a')"]), OPERATORS, NUMBERS_),
    st.tuples(st.sampled_from(["CreationTime", "EndTime"]), OPERATORS, MOMENTS),
    st.tuples(st.sampled_from(["year", "month", "day", "hour", "minute", "second"]), NUMBERS_).map(
        lambda pair: (f"{pair[0]}(EndTime)", "le", pair[1])
    ),
    st.tuples(
        st.sampled_from(["Name", "EndTime", "Robot/Id", "IsUrgent"]), st.sampled_from(["eq", "ne"]), st.just("null")
    ),
    st.tuples(
        st.sampled_from(["Name eq Robot/Name", "Id le Score", "EndTime gt CreationTime", "IsUrgent", "Events/any()"])
    ),
    st.tuples(st.sampled_from(["contains", "startswith", "endswith"]), WORDS).map(lambda p: (f"{p[0]}(Name,{p[1]})",)),
    st.tuples(WORDS, WORDS).map(lambda pair: (f"Name in ({pair[0]},{pair[1]},null)",)),
    st.tuples(OPERATORS, NUMBERS_).map(lambda p: (f"Events/any(e: e/Level {p[0]} {p[1]} and Id ge e/Id)",)),
    WORDS.map(lambda word: (f"Tags/any(x: x eq {word} or contains(x, 'e'))",)),
).map(" ".join)
TREES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: f"({' and '.join(terms)})"),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: f"({' or '.join(terms)})"),
        inner.map(lambda term: f"not ({term})"),
        inner.map(lambda term: f"({term}) eq false"),
    ),
    max_leaves=6,
)


@settings(max_examples=200)
@given(TREES)
async def test_postgresql_and_the_list_in_memory_agree(db: Connection, filter_: str) -> None:
    everything = await rows(db, expand="Robot,Events")
    expected = rows_page(everything, list(everything[0]), parse_options({"$filter": filter_})).rows
    assert await ids(db, filter_) == [row["Id"] for row in expected]

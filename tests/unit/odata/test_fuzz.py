"""Everything that a grammar can say goes through the parser, the allow-list and the compiler: SQL or a 400, no third.

500 examples in the usual run, 50,000 with `PODIUM_TEST_FULL=1`.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.kernel.odata import page_statement, parse_options
from podium.kernel.odata.walk import is_walked, walk_statement

from .world import JOBS

EXAMPLES = 50_000 if os.environ.get("PODIUM_TEST_FULL") == "1" else 500
many = settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
TENANT = "t.tenant_id = $1"
MARK = "zq9"  # stands in every text of the request, and never in a statement

texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=8),
    st.sampled_from(["' OR 1=1 --", "%", "\\", "$1", "{t}", "\u202e", "\u0130", "''", '"']),
).map(lambda text: f"'{MARK}{text.replace(chr(39), chr(39) * 2)}'")
literals = st.one_of(
    texts,
    st.integers(-(2**64), 2**64).map(str),
    st.floats(width=64).map(repr),
    st.sampled_from(
        ["null", "true", "false", "1L", "1e400", "2024-01-01", "2024-13-01", "2024-01-01T10:00:00Z", "now()"]
    ),
    st.sampled_from([f"{MARK}.Kind'Faulted'", "a.b'0'", "guid'x'", "11111111-1111-4111-8111-111111111111"]),
)
PATHS = ("Robot/Name", "Robot/Machine/Name", "Events", "robot/id", "x", "x/Text", "x/Level")
names = st.sampled_from(
    [*JOBS.properties, *JOBS.navigations, *PATHS, MARK, f"Robot/{MARK}", "Environment", "*", "$count"]
)
operators = st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le", "EQ", "has", "="])
functions = st.sampled_from(
    [
        "contains",
        "startswith",
        "endswith",
        "substringof",
        "indexof",
        "tolower",
        "trim",
        "length",
        "year",
        "date",
        "now",
        MARK,
    ]
)


def calls(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.tuples(functions, st.lists(inner, max_size=3)).map(lambda t: f"{t[0]}({','.join(t[1])})")


operands = st.recursive(st.one_of(names, literals), calls, max_leaves=4)
typed = st.one_of(
    st.tuples(st.sampled_from(["Name", "FolderName", "Robot/Name", "Key", "State", "tolower(Name)"]), texts),
    st.tuples(st.sampled_from(["Id", "Score", "Robot/Id", "length(Name)"]), st.integers(-5, 5).map(str)),
    st.tuples(st.sampled_from(["CreationTime", "EndTime"]), st.sampled_from(["2024-01-01", "now()", "null"])),
)
leaves = st.one_of(
    st.tuples(typed, st.sampled_from([" eq ", " ne ", " gt "])).map(lambda t: t[1].join(t[0])),
    st.tuples(st.sampled_from(["contains", "startswith"]), texts).map(lambda t: f"{t[0]}(Name,{t[1]})"),
    st.tuples(st.sampled_from(["Name", "Robot/Name"]), st.lists(texts)).map(lambda t: f"{t[0]} in ({','.join(t[1])})"),
    texts.map(lambda text: f"Tags/any(x: x eq {text}) and Events/any(x: x/Text ne {text})"),
    st.tuples(operands, operators, operands).map(" ".join),
    st.tuples(names, st.lists(literals, max_size=4)).map(lambda t: f"{t[0]} in ({','.join(t[1])})"),
    operands,
)
filters = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from([" and ", " or ", " xor ", " "]), inner).map("".join),
        inner.map(lambda term: f"({term})"),
        inner.map(lambda term: f"not {term}"),
        st.tuples(names, st.sampled_from(["any", "all"]), inner).map(lambda t: f"{t[0]}/{t[1]}(x: {t[2]})"),
    ),
    max_leaves=12,
)
orders = st.lists(st.tuples(operands, st.sampled_from(["", " asc", " desc"])).map("".join), min_size=1, max_size=6).map(
    ",".join
)
selects = st.lists(names, min_size=1, max_size=5).map(",".join)
numbers = st.one_of(st.integers(0, 1000).map(str), st.integers(0, 9).map(str), st.sampled_from(["-1", "1001", "1e9"]))
nested = st.one_of(
    filters.map(lambda text: f"$filter={text}"),
    selects.map(lambda text: f"$select={text}"),
    orders.map(lambda text: f"$orderby={text}"),
    numbers.map(lambda text: f"$top={text}"),
    numbers.map(lambda text: f"$skip={text}"),
)
expands = st.recursive(
    names,
    lambda inner: st.tuples(
        names, st.lists(st.one_of(nested, inner.map(lambda text: f"$expand={text}")), max_size=3)
    ).map(lambda t: f"{t[0]}({';'.join(t[1])})"),
    max_leaves=4,
)
orders_of_columns = st.lists(st.sampled_from([*JOBS.properties, "Id desc", "Robot/Name desc"]), min_size=1, max_size=4)
tokens = st.one_of(st.just(""), st.just(""), st.text("abcXYZ019-_", max_size=40))


@st.composite
def scarred(draw: Callable[[Any], Any], strategy: st.SearchStrategy[str]) -> str:
    """A text of the grammar in which, now and then, something is cut out or put in."""
    text: str = draw(strategy)
    if draw(st.integers(0, 7)) == 7 and text:
        at = draw(st.integers(0, len(text)))
        end = draw(st.integers(at, len(text)))
        text = text[:at] + draw(st.one_of(st.just(""), st.text(max_size=3))) + text[end:]
    return text


requests = st.fixed_dictionaries(
    {},
    optional={
        "$filter": scarred(filters),
        "$orderby": scarred(st.one_of(orders, orders_of_columns.map(",".join))),
        "$select": scarred(selects),
        "$expand": scarred(expands),
        "$top": numbers,
        "$skip": numbers,
        "$skiptoken": tokens,
        "odata.maxpagesize": numbers,
    },
)


@many
@given(requests)
def test_every_request_is_a_statement_or_a_400(raw: dict[str, str]) -> None:
    refusal: BadRequest | None = None
    try:
        options = parse_options(raw)
        if is_walked(options):
            statement = walk_statement(JOBS, options, TENANT, [1], counted=True, max_rows=1000).statement
        else:
            statement = page_statement(JOBS, options, TENANT, [1])
    except BadRequest as error:
        refusal = error
    if refusal is not None:
        event("400")
        assert refusal.code == 1000
        assert refusal.message.startswith("Invalid OData query options. ")
        assert len(refusal.message) < 500
        return
    event("statement")
    assert MARK not in statement.sql
    placeholders = {int(number) for number in re.findall(r"\$(\d+)", statement.sql)}
    assert placeholders == set(range(1, len(statement.args) + 1)), "a value without a place, or a place without a value"
    assert statement.sql.count("(") == statement.sql.count(")")


def work(name: str, text: str) -> int:
    """Calls and returns of the parser's functions, which no other process disturbs; the regular expressions are linear by form."""
    count = 0

    def tick(*_: object) -> None:
        nonlocal count
        count += 1

    sys.setprofile(tick)
    try:
        parse_options({name: text})
    except BadRequest:
        pass
    finally:
        sys.setprofile(None)
    return count


UNITS = (
    "Id eq 1 or ", "(", ")", "not ", "tolower(", "contains(Name,'a') and ", "a/", "x/any(y:", "1,", "''", "'", "-", "$expand=A(",
    "A(", "A($filter=Id eq 1;", ";", ",", "Id in (1,2) or ", "guid'", "2024-01-", "0.", "9", "a:", " ", "\u00e9", "a b ",
)  # fmt: skip


class TestWorkGrowsWithTheLength:
    @pytest.mark.parametrize("name", ["$filter", "$orderby", "$select", "$expand", "$skiptoken"])
    @pytest.mark.parametrize("before", ["", "X in (", "X eq ", "X/any(y:", "A($filter="])
    def test_twice_the_text_is_at_most_twice_the_work(self, name: str, before: str) -> None:
        for unit in UNITS:
            small, large = before + unit * (4_000 // len(unit)), before + unit * (8_000 // len(unit))
            assert work(name, large) <= 2.1 * work(name, small) + 200, unit

    @pytest.mark.parametrize("name", ["$filter", "$orderby", "$select", "$expand", "$skiptoken"])
    def test_8_kilobytes_are_a_bounded_number_of_steps(self, name: str) -> None:
        """16 calls and returns a character at most, which take a few milliseconds together."""
        for unit in UNITS:
            for before in ("", "X in (", "X eq "):
                assert work(name, (before + unit * 8_192)[:8_192]) <= 16 * 8_192, unit

    def test_what_is_too_long_is_not_read(self) -> None:
        assert work("$filter", "Id eq 1 or " * 5_000) < 100
        assert work("$filter", "a" * 200_000) < 100

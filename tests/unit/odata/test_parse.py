"""The parser: every form that clients send, every limit, and nothing but BadRequest for the rest."""

from __future__ import annotations

import sys
from datetime import UTC, date, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.kernel.odata import Options, parse_options
from podium.kernel.odata.tree import (
    AnyOf,
    Call,
    Compare,
    Expand,
    Expression,
    In,
    LiteralType,
    Logic,
    Not,
    OrderTerm,
    Path,
    Slot,
)

from .printer import print_expression

GUID = "1b2c3d4e-1111-4222-8333-0123456789AB"


def parse(text: str) -> Options:
    return parse_options({"$filter": text})


def value(text: str) -> Any:
    """The single literal of `X eq <text>`."""
    options = parse(f"X eq {text}")
    assert options.filter == Compare("eq", Path(("X",)), Slot(0, options.literals[0].type))
    (literal,) = options.literals
    return literal.value


def refused(**options: str) -> str:
    """The message of the refusal; the status and the code are looked at too."""
    with pytest.raises(BadRequest) as caught:
        parse_options({f"${name}": text for name, text in options.items()})
    assert (caught.value.status, caught.value.code) == (400, 1000)
    assert caught.value.message.startswith("Invalid OData query options. ")
    return caught.value.message


class TestLiterals:
    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("5", 5),
            ("123L", 123),
            ("-7", -7),
            ("0007", 7),
            ("9223372036854775807", 2**63 - 1),
            ("-9223372036854775808", -(2**63)),
            ("1.5", 1.5),
            ("2d", 2.0),
            ("2.5f", 2.5),
            ("3m", 3.0),
            ("1e3", 1000.0),
            ("'it''s'", "it's"),
            ("''", ""),
            ("''''", "'"),
            ("'a and b'", "a and b"),
            ("true", True),
            ("False", False),
            ("null", None),
            (GUID, UUID(GUID)),
            (f"guid'{GUID}'", UUID(GUID)),
            (f"'{GUID}'", GUID),
            ("abcdefab-1111-4222-8333-0123456789ab", UUID("abcdefab-1111-4222-8333-0123456789ab")),
            ("2024-04-04T12:00:47.264Z", datetime(2024, 4, 4, 12, 0, 47, 264000, UTC)),
            ("2024-04-04T12:00:47.1234567Z", datetime(2024, 4, 4, 12, 0, 47, 123456, UTC)),
            ("2024-04-04T12:00Z", datetime(2024, 4, 4, 12, 0, tzinfo=UTC)),
            ("2024-04-04T12:00:47", datetime(2024, 4, 4, 12, 0, 47, tzinfo=UTC)),
            ("2024-04-04T12:00:47+02:00", datetime(2024, 4, 4, 10, 0, 47, tzinfo=UTC)),
            ("2024-04-04T12:00:47 02:00", datetime(2024, 4, 4, 10, 0, 47, tzinfo=UTC)),
            ("2024-04-04T12:00:47-02:30", datetime(2024, 4, 4, 14, 30, 47, tzinfo=UTC)),
            ("datetime'2024-04-04T12:00:47'", datetime(2024, 4, 4, 12, 0, 47, tzinfo=UTC)),
            ("datetimeoffset'2024-04-04T12:00:47Z'", datetime(2024, 4, 4, 12, 0, 47, tzinfo=UTC)),
            ("2024-04-04", date(2024, 4, 4)),
            ("UiPath.Server.Configuration.OData.JobState'Pending'", "Pending"),
        ],
    )
    def test_forms_that_clients_send(self, text: str, expected: object) -> None:
        found = value(text)
        assert (type(found), found) == (type(expected), expected)

    @pytest.mark.parametrize(
        "text",
        [
            "9223372036854775808",
            "-9223372036854775809",
            "9" * 10_000,
            "1e999",
            "12abc",
            "1.5L",
            "'open",
            "guid'no'",
            "guid'",
            "2024-13-01T00:00:00Z",
            "2024-02-30",
            "2024-04-04T25:00:00Z",
            "0001-01-01T00:00:00+10:00",
            "2024-04-04T12:00:00+99:00",
            "duration'P1D'",
            "binary'00'",
            f"{GUID}0",
            "2024-04-04T12:00:00Zx",
            "\u0665",
            "5'",
        ],
    )
    def test_400_for_what_is_no_literal(self, text: str) -> None:
        refused(filter=f"X eq {text}")


class TestExpressions:
    def test_nested_tolower(self) -> None:
        options = parse("contains(tolower(Name), tolower('x'))")
        x = Slot(0, LiteralType.STRING)
        assert options.filter == Call("contains", (Call("tolower", (Path(("Name",)),)), Call("tolower", (x,))))

    def test_in_with_strings(self) -> None:
        options = parse("Key in ('a','b')")
        assert options.filter == In(Path(("Key",)), 0, has_null=False)
        assert [literal.value for literal in options.lists[0]] == ["a", "b"]

    def test_in_within_parentheses_and_null(self) -> None:
        options = parse("(Id in (1, 2, null))")
        assert options.filter == In(Path(("Id",)), 0, has_null=True)
        assert [literal.value for literal in options.lists[0]] == [1, 2]

    def test_path_through_a_navigation(self) -> None:
        assert parse("Robot/Id eq 123L").filter == Compare("eq", Path(("Robot", "Id")), Slot(0, LiteralType.INTEGER))

    def test_and_binds_tighter_than_or_and_not_tighter_than_both(self) -> None:
        a, b, c = Path(("a",)), Path(("b",)), Path(("c",))
        assert parse("a or b and c").filter == Logic("or", (a, Logic("and", (b, c))))
        assert parse("(a or b) and c").filter == Logic("and", (Logic("or", (a, b)), c))
        assert parse("not a and b").filter == Logic("and", (Not(a), b))

    def test_not_before_a_comparison_negates_it(self) -> None:
        assert isinstance(parse("not Name eq 'x'").filter, Not)

    def test_lambdas(self) -> None:
        tag = Compare("eq", Path(("x", "Name")), Slot(0, LiteralType.STRING))
        assert parse("Tags/any(x: x/Name eq 'a')").filter == AnyOf(Path(("Tags",)), "x", tag)
        assert parse("Robot/Tags/any()").filter == AnyOf(Path(("Robot", "Tags")), None, None)

    def test_words_may_be_in_any_case_and_space_is_free(self) -> None:
        assert parse("  A\tEQ 1\r\nAND B Ne 2 ").filter == parse("A eq 1 and B ne 2").filter

    def test_no_space_around_parentheses_is_needed(self) -> None:
        assert parse("(A eq 1)and(B eq 2)").filter == parse("A eq 1 and B eq 2").filter

    def test_values_are_no_part_of_the_tree(self) -> None:
        first, second = parse("Name eq 'a' and Id in (1)"), parse("Name eq 'b' and Id in (2,3)")
        assert first.shape == second.shape
        assert hash(first.shape) == hash(second.shape)
        assert first.literals != second.literals
        assert first.shape != parse("Name eq null and Id in (1)").shape

    @pytest.mark.parametrize(
        "text",
        [
            "Name",  # parses, for a boolean property
            "IsUrgent and true",
            "substringof('x', Name)",
            "startswith(Name,'a') eq true",
            "year(CreationTime) eq 2024 and date(CreationTime) lt 2024-01-01 and CreationTime lt now()",
            "length(trim(Name)) gt 3 or indexof(Name, 'a') ge 0",
            "5 lt Id",
            "Id in ()",
        ],
    )
    def test_other_forms_that_parse(self, text: str) -> None:
        assert parse(text).filter is not None

    @pytest.mark.parametrize(
        "text",
        [
            "Name eq",
            "A eq 1and B eq 2",
            "A eq 2024-01-01or B",
            "eq 'x'",
            "Name eq 'x' and",
            "Name 'x'",
            "(Name eq 'x'",
            "Name eq 'x')",
            "Name eq 'x'; drop table jobs",
            "Name eq 'x' -- ",
            'Name eq "x"',
            "sleep(5) eq 1",
            "pg_sleep(5)",
            "contains(Name)",
            "contains(Name,'a','b')",
            "now(1) lt 2",
            "Name in 'a'",
            "Name in (Name)",
            "Name in ('a',)",
            "Name in ('a' 'b')",
            "Tags/all(x: x eq 'a')",
            "Tags/any(x x eq 'a')",
            "Tags/any(:)",
            "Tags/",
            "/Tags eq 1",
            "Name add 5 eq 6",
            "Name/$count gt 1",
            "$it/Name eq 'a'",
            "cast(Name,'x')",
            "()",
            "not",
            "a eq eq b c",
            "n\u00e4me eq 1",
        ],
    )
    def test_400_for_what_is_no_expression(self, text: str) -> None:
        refused(filter=text)


class TestLimits:
    def test_400_over_16384_characters(self) -> None:
        assert parse("X eq '" + "a" * (16_384 - 7) + "'")
        assert "16384" in refused(filter="X eq '" + "a" * (16_384 - 6) + "'")

    def test_400_over_100_expressions(self) -> None:
        assert parse(" or ".join(["Id eq 1"] * 100))
        assert "100" in refused(filter=" or ".join(["Id eq 1"] * 101))
        assert "100" in refused(filter=" and ".join(["IsUrgent"] * 101))
        assert "100" in refused(filter=" or ".join(["contains(Name,'a')"] * 101))

    def test_a_list_counts_once_and_has_at_most_1000_values(self) -> None:
        assert len(parse(f"Id in ({','.join('1' * 1000)})").lists[0]) == 1000
        assert "1000" in refused(filter=f"Id in ({','.join('1' * 1001)})")

    def test_400_over_32_levels(self) -> None:
        assert parse("(" * 32 + "A eq 1" + ")" * 32)
        for text in ("(" * 33 + "A eq 1" + ")" * 33, "not " * 33 + "A", "(" * 8000, "trim(" * 33 + "A" + ")" * 33):
            assert "levels" in refused(filter=text) or "expressions" in refused(filter=text)

    def test_400_over_eight_names_in_a_path(self) -> None:
        assert parse("/".join("a" * 8))
        assert "path" in refused(filter="/".join("a" * 9))

    @pytest.mark.parametrize("text", ["X eq 'a\x00b'", "X eq '\ud800'"])
    def test_400_for_characters_that_no_text_column_holds(self, text: str) -> None:
        assert "character" in refused(filter=text)

    @pytest.mark.parametrize("top", ["10001", "-1", "1e9", "1000000000", "", " ", "5.0", "abc", "\u0665", "9" * 5000])
    def test_400_for_top(self, top: str) -> None:
        assert "$top" in refused(top=top)

    @pytest.mark.parametrize("skip", ["-1", "1000000000000", "2147483649", "", "x"])
    def test_400_for_skip(self, skip: str) -> None:
        assert "$skip" in refused(skip=skip)

    def test_bounds_of_top_and_skip_are_taken(self) -> None:
        options = parse_options({"$top": "1000", "$skip": "2147483648"})
        assert (options.top, options.skip) == (1000, 2**31)
        assert parse_options({"$top": "0"}).top == 0

    def test_400_over_five_order_terms(self) -> None:
        assert len(parse_options({"$orderby": "a,b,c,d,e"}).orderby) == 5
        assert "$orderby" in refused(orderby="a,b,c,d,e,f")

    def test_work_grows_with_the_length_and_no_faster(self) -> None:
        """Counted in function calls, which no other process disturbs; the regular expressions are linear by form."""

        def calls(text: str) -> int:
            count = 0

            def tick(*_: object) -> None:
                nonlocal count
                count += 1

            sys.setprofile(tick)
            try:
                parse_options({"$filter": text})
            except BadRequest:
                pass
            finally:
                sys.setprofile(None)
            return count

        for unit in ("X eq ", "a/", "'' ", "((", "1,", "a ", "x'' ", "1-", "2024-01-"):
            small, large = calls(f"X in ({unit * 200}"), calls(f"X in ({unit * 1600}")
            assert large <= 8 * small + 100, unit
        assert calls("A in (" + "1," * 999 + "1)") <= 12 * calls("A in (" + "1," * 99 + "1)")


class TestOptions:
    def test_names_bind_in_any_case_and_others_are_left_alone(self) -> None:
        options = parse_options({"$TOP": "5", "$Filter": "A eq 1", "orderby": "(((", "$format": "json", "id": "7"})
        assert (options.top, options.filter is not None, options.orderby) == (5, True, ())

    @pytest.mark.parametrize("name", ["$apply", "$search", "$compute", "$deltatoken", "$inlinecount", "$"])
    def test_400_for_options_that_are_not_supported(self, name: str) -> None:
        with pytest.raises(BadRequest, match="not supported"):
            parse_options({name: "x"})

    def test_400_when_an_option_is_given_twice(self) -> None:
        with pytest.raises(BadRequest, match="twice"):
            parse_options({"$top": "1", "$TOP": "2"})

    def test_empty_options_count_as_absent(self) -> None:
        assert parse_options({"$filter": " ", "$select": "", "$expand": "", "$orderby": ""}) == Options()

    def test_count(self) -> None:
        assert parse_options({"$count": "True"}).count
        assert not parse_options({"$count": "false"}).count
        assert "$count" in refused(count="yes")

    def test_select(self) -> None:
        assert parse_options({"$select": "Id, key ,*"}).select == ("Id", "key", "*")
        for text in ("Id,,Key", "Id;Key", "Id'", "*x", "a b"):
            assert "$select" in refused(select=text)

    def test_orderby(self) -> None:
        options = parse_options({"$orderby": "CreationTime DESC, Robot/Name asc,tolower(Name)"})
        assert options.orderby == (
            OrderTerm(Path(("CreationTime",)), True),
            OrderTerm(Path(("Robot", "Name")), False),
            OrderTerm(Call("tolower", (Path(("Name",)),)), False),
        )
        for text in ("Id descending", "Id,", "Id desc asc", "5", "'a'", "Id eq 1", "(Id)eq 2"):
            refused(orderby=text)

    def test_expand_with_nested_options(self) -> None:
        text = "Robot($select=Id,Name;$expand=Machine),Events($filter=Text eq 'a;)(,';$orderby=Id desc;$top=3;$skip=2)"
        options = parse_options({"$expand": text})
        robot, events = options.expand
        assert robot == Expand("Robot", select=("Id", "Name"), expand=(Expand("Machine"),))
        assert events.orderby == (OrderTerm(Path(("Id",)), True),)
        assert [literal.value for literal in options.literals] == ["a;)(,", 3, 2]
        assert (events.top, events.skip) == (1, 2)

    def test_expand_by_a_path_is_the_older_spelling(self) -> None:
        assert parse_options({"$expand": "Robot/Machine"}).expand == (Expand("Robot", expand=(Expand("Machine"),)),)

    @pytest.mark.parametrize(
        "text",
        [
            "A($expand=B($expand=C))",
            "A/B/C",
            "A/B($expand=C)",
            "A(" * 5000,
            "A)",
            "A(x)",
            "A($apply=1)",
            "A($top=1;$top=2)",
            "A($top=-1)",
            "A($filter=)x",
            "A(b)(c)",
            "A,",
            ",".join(f"A{i}" for i in range(33)),
            "A('",
            "*",
        ],
    )
    def test_400_for_expand(self, text: str) -> None:
        refused(expand=text)

    def test_400_says_where_a_parenthesis_is_wrong(self) -> None:
        assert "Unexpected ')' at position 1" in refused(expand="A),B(")
        assert "without its ')'" in refused(expand="A(")

    def test_the_100_expressions_are_of_the_whole_request(self) -> None:
        nested = " or ".join(["Id eq 1"] * 60)
        assert "100" in refused(filter=nested, expand=f"A($filter={nested})")


NAMES = st.sampled_from(["Id", "Name", "State", "Robot/Id", "key", "x", "a/b/c"])
LITERALS = st.one_of(
    st.integers(-(2**63), 2**63 - 1).map(str),
    st.integers(0, 2**31).map(lambda n: f"{n}L"),
    st.floats(allow_nan=False, allow_infinity=False).map(lambda x: f"{x!r}d"),
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12).map(
        lambda s: "'" + s.replace("'", "''") + "'"
    ),
    st.uuids().map(str),
    st.datetimes(timezones=st.just(UTC)).map(lambda d: d.isoformat().replace("+00:00", "Z")),
    st.dates().map(str),
    st.sampled_from(["true", "false", "null", "My.Kind'A'", f"guid'{GUID}'"]),
)
OPERANDS = st.one_of(NAMES, LITERALS, NAMES.map(lambda n: f"tolower({n})"), NAMES.map(lambda n: f"year({n})"))
LEAVES = st.one_of(
    st.tuples(OPERANDS, st.sampled_from(["eq", "ne", "gt", "ge", "lt", "le"]), OPERANDS).map(" ".join),
    st.tuples(NAMES, st.lists(LITERALS, max_size=3)).map(lambda t: f"{t[0]} in ({','.join(t[1])})"),
    st.tuples(NAMES, OPERANDS).map(lambda t: f"contains({t[0]}, {t[1]})"),
    NAMES.map(lambda n: f"{n}/any()"),
)
FILTERS = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, min_size=2, max_size=3).map(" and ".join),
        st.lists(inner, min_size=2, max_size=3).map(lambda terms: f"({' or '.join(terms)})"),
        inner.map(lambda term: f"not ({term})"),
        st.tuples(NAMES, inner).map(lambda t: f"{t[0]}/any(x: {t[1]})"),
    ),
    max_leaves=8,
)
SCRAPS = st.lists(
    st.one_of(
        LITERALS,
        NAMES,
        st.sampled_from(
            [*list("()',/:;=$*-"), " eq ", " and ", " not ", " in ", "any(x:", "contains(", "guid'", " desc"]
        ),
        st.text(max_size=3),
    ),
    max_size=40,
).map("".join)


def printed(options: Options) -> str:
    node: Expression | None = options.filter
    assert node is not None
    return print_expression(node, options)


@given(FILTERS)
def test_a_valid_filter_comes_back_through_the_printer(text: str) -> None:
    first = parse(text)
    second = parse(printed(first))
    assert second.filter == first.filter
    assert second.literals == first.literals
    assert second.lists == first.lists


@given(
    st.sampled_from(["$filter", "$orderby", "$select", "$expand", "$top", "$skip", "$count"]),
    st.one_of(SCRAPS, st.text()),
)
@example("$filter", "(" * 20_000)
@example("$filter", "'" * 16_001)
@example("$expand", "A(" * 8_000)
@example("$filter", "Id eq " + "1" * 16_000)
@example("$filter", " or ".join(["a"] * 5_000))
def test_any_text_parses_or_is_a_400(name: str, text: str) -> None:
    refusal: BadRequest | None = None
    try:
        parse_options({name: text})
    except BadRequest as error:
        refusal = error
    assert refusal is None or (refusal.code == 1000 and len(refusal.message) < 500)

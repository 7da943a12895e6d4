"""The same options over a list in memory."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from podium.kernel.errors import BadRequest
from podium.kernel.odata import RowsPage, parse_options, rows_page

GUID = "1b2c3d4e-1111-4222-8333-0123456789ab"
NAMES = ("Id", "Name", "Key", "At", "IsOn", "Robot", "Tags", "Lines")
ROWS: list[dict[str, Any]] = [
    {
        "Name": "Alpha",
        "Id": 1,
        "Key": UUID(GUID),
        "At": datetime(2024, 1, 1, tzinfo=UTC),
        "IsOn": True,
        "Robot": {"Name": "Ada"},
        "Tags": ["red", "Blue"],
        "Lines": [{"Level": 3}],
        "Hidden": 1,
    },
    {"Id": 2, "Name": "beta", "Key": None, "At": "2024-02-01T00:00:00Z", "IsOn": False, "Robot": None, "Tags": []},
    {"Id": 3, "Name": None, "Key": GUID.upper(), "At": None, "IsOn": None, "Tags": None},
]


def select(**options: str) -> RowsPage:
    return rows_page(ROWS, NAMES, parse_options({f"${name}": text for name, text in options.items()}))


def ids(**options: str) -> list[object]:
    return [row["Id"] for row in select(**options).rows]


@pytest.mark.parametrize(
    ("filter_", "expected"),
    [
        ("Id eq 1", [1]),
        ("Id gt 1.5", [2, 3]),
        ("name eq 'ALPHA'", [1]),
        ("Name ne 'alpha'", [2, 3]),
        ("Name eq null", [3]),
        ("Name gt null", []),
        ("Name in ('ALPHA', null)", [1, 3]),
        ("not (Name in ('alpha'))", [2, 3]),
        (f"Key eq {GUID}", [1, 3]),
        (f"Key eq '{GUID.upper()}'", [1, 3]),
        ("At ge 2024-01-15T00:00:00Z", [2]),
        ("At lt 2024-01-15", [1]),
        ("year(At) eq 2024 and month(At) eq 2", [2]),
        ("IsOn", [1]),
        ("not IsOn", [2, 3]),
        ("IsOn eq false", [2]),
        ("contains(tolower(Name), tolower('ET'))", [2]),
        ("startswith(Name, 'A') or endswith(Name, 'TA')", [1, 2]),
        ("substringof('lph', Name)", [1]),
        ("length(Name) eq 5 and indexof(Name, 'P') eq 2", [1]),
        ("Robot/Name eq 'ada'", [1]),
        ("Robot/Name eq null", [2, 3]),
        ("Tags/any(t: t eq 'blue')", [1]),
        ("Tags/any()", [1]),
        ("Lines/any(l: l/Level ge 3 and Id eq 1)", [1]),
    ],
)
def test_filter_lets_through(filter_: str, expected: list[int]) -> None:
    assert ids(filter=filter_) == expected


@pytest.mark.parametrize(
    "filter_",
    [
        "Nothing eq 1",
        "Tags gt 'x'",
        "IsOn gt 1",
        "Hidden eq 1",
        "Id eq 'x'",
        "Id eq true",
        "Name gt 5",
        "Id",
        "Id/Name eq 1",
        "Name/any()",
        "contains(Id, 'x')",
        "year(Name) eq 1",
        "Tags/any(t: Hidden eq 1)",
        "IsOn and Id",
        "now() eq 1 or Tags eq 'a'",
    ],
)
def test_400_for_filter(filter_: str) -> None:
    with pytest.raises(BadRequest, match=r"^Invalid OData query options\. "):
        select(filter=filter_)


def test_400_names_the_member_and_the_types() -> None:
    with pytest.raises(BadRequest, match="'Name' is a string and cannot be compared with a number"):
        select(filter="Name eq 5")


def test_400_for_an_unknown_name_even_when_there_are_no_rows() -> None:
    for raw in ({"$filter": "Hidden eq 1"}, {"$orderby": "Hidden"}, {"$select": "Hidden"}, {"$expand": "Hidden"}):
        with pytest.raises(BadRequest, match="Hidden"):
            rows_page([], NAMES, parse_options(raw))


def test_order_has_nulls_lowest_and_is_stable() -> None:
    assert ids(orderby="Name") == [3, 1, 2]
    assert ids(orderby="Name desc") == [2, 1, 3]
    assert ids(orderby="Robot/Name, Id desc") == [3, 2, 1]


def test_paging_counts_before_top_and_skip() -> None:
    found = select(skip="1", top="1", select="id", count="true")
    assert found == RowsPage([{"Id": 2}], 3)


def test_members_come_in_the_order_of_the_names_and_others_stay_hidden() -> None:
    assert list(select(top="1").rows[0]) == list(NAMES)


def test_400_above_the_lists_own_limit() -> None:
    with pytest.raises(BadRequest, match=r"\$top"):
        rows_page(ROWS, NAMES, parse_options({"$top": "3"}), max_rows=2)

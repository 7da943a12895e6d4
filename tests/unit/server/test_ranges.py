"""Parts of files that requests ask for."""

from __future__ import annotations

import pytest

from podium.server.ranges import Part, part_of


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", Part(0, 1)),
        ("bytes=2-", Part(2, 10)),
        ("Bytes = 2-99", Part(2, 10)),
        ("bytes=-3", Part(7, 10)),
        ("bytes=-99", Part(0, 10)),
        ("bytes=10-", Part(0, 0)),
        ("bytes=-0", Part(0, 0)),
        ("bytes=5-2", None),
        ("bytes=-", None),
        ("bytes=0-1,3-4", None),
        ("lines=1-2", None),
        ("bytes=" + "9" * 30 + "-", None),
        ("", None),
    ],
)
def test_a_part_lies_within_the_file(header: str, part: Part | None) -> None:
    assert part_of(header, 10) == part


def test_an_empty_file_has_no_part() -> None:
    assert part_of("bytes=0-", 0) == Part(0, 0)

"""The coverage page and the list of `./dev ops` tell bound rows from open ones."""

from __future__ import annotations

from types import ModuleType

import pytest

from podium.kernel.call import Call
from podium.kernel.config import resource
from podium.kernel.contract import Contract
from podium.kernel.operation import Operation, build, operation
from tools.coverage_page import page, print_rows, rows_of

CONTRACT = Contract.load(resource("contract"))


@operation("GET", "/odata/Jobs")
async def list_jobs(call: Call) -> None: ...


@pytest.fixture
def operations() -> list[Operation]:
    area = ModuleType(list_jobs.__module__)
    vars(area)["list_jobs"] = list_jobs
    return build(CONTRACT, [area])


def test_a_bound_row_is_counted_and_not_listed(operations: list[Operation]) -> None:
    made = page(CONTRACT, operations)
    jobs = sum(row.tag == "Jobs" for row in CONTRACT)
    assert f"| Jobs | 1 | {jobs} |" in made
    assert "- `GET /odata/Jobs`" not in made.splitlines()
    assert "- `GET /odata/Jobs({key})`" in made.splitlines()


def test_every_open_row_is_listed_once(operations: list[Operation]) -> None:
    listed = [line for line in page(CONTRACT, operations).splitlines() if line.startswith("- `")]
    assert len(listed) == len(set(listed)) == len(CONTRACT) - 1


@pytest.mark.parametrize("name", ["Jobs", "jobs", "JOBS"])
def test_a_tag_is_found_by_its_name_in_any_case(name: str) -> None:
    assert {row.tag for row in rows_of(name, CONTRACT, [])} == {"Jobs"}


def test_a_tag_is_found_by_the_areas_spelling() -> None:
    assert {row.tag for row in rows_of("queue_items", CONTRACT, [])} == {"QueueItems"}


def test_an_areas_rows_are_those_of_the_tags_that_its_modules_answer(operations: list[Operation]) -> None:
    area = list_jobs.__module__.rpartition(".")[2]
    assert {row.tag for row in rows_of(area, CONTRACT, operations)} == {"Jobs"}
    assert not rows_of("nothing", CONTRACT, operations)


def test_the_list_says_where_a_bound_row_is(operations: list[Operation], capsys: pytest.CaptureFixture[str]) -> None:
    print_rows([CONTRACT.row("GET", "/odata/Jobs"), CONTRACT.row("GET", "/odata/Jobs({key})")], operations)
    bound, where, still_open, _ = capsys.readouterr().out.splitlines()
    assert bound.startswith("bound  GET")
    assert where.endswith(".list_jobs")
    assert still_open.startswith("open   GET")

"""Every bound operation as every kind of caller, against docs/reference/authorization.csv (A1).

What a request changes in the database is undone, so that each meets what the others met. Who is let in is served, but
for what `refusals.py` lists: another answer would say nothing of the right.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Mapping

import pytest

from podium.kernel import db
from podium.kernel.contract import Row
from tests.api.authorization import refusals
from tests.api.authorization.stage import BOUND, CONTRACT, Stage, Undone
from tools.authorization_matrix import IN, KINDS, NOT_SEEN, PAGE, Kind

VERBS = ("GET", "POST", "PUT", "PATCH", "DELETE")
ROWS = sorted(BOUND, key=lambda row: (row.context == "identity", VERBS.index(row.method), row.id))
TAKES_AWAY = re.compile("Delete|Remove|Unassign")
# One after the other: a file that is deleted from the disk is not undone.
PARTS = {
    "what_stays": [row for row in ROWS if not TAKES_AWAY.search(row.id)],
    "what_goes": [row for row in ROWS if TAKES_AWAY.search(row.id)],
}
REFUSALS = refusals.cells()


def expected() -> dict[str, dict[str, str]]:
    """The file's cells by operation and caller."""
    with PAGE.open(encoding="utf-8", newline="") as file:
        return {line["id"]: line for line in csv.DictReader(file)}


CELLS = expected()


def is_as_expected(cell: str, status: int, *, refused: int | None = None, is_open: bool = False) -> bool:
    """`refused`: what whoever is let in gets instead of what was asked for. `is_open`: nobody is asked who he is."""
    if cell == IN:
        if refused is not None:
            return status == refused
        return status < 400 or (is_open and status < 500 and status not in (401, 403))
    return status in (400, 404) if cell == NOT_SEEN else status == int(cell)


@pytest.mark.parametrize("kind", [pytest.param(kind, id=kind.name.replace(" ", "_")) for kind in KINDS])
@pytest.mark.parametrize("rows", [pytest.param(rows, id=name) for name, rows in PARTS.items()])
async def test_every_operation_lets_in_whom_the_file_says(
    stage: Stage, rows: list[Row], kind: Kind, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(db, "_InTransaction", Undone)
    wrong = []
    for row in rows:
        cell, refused = CELLS[row.id][kind.name], REFUSALS.get((row.id, kind.name), REFUSALS.get((row.id, "")))
        answer = await stage.send(row, kind)
        if not is_as_expected(cell, answer.status, refused=refused, is_open=row.permissions == "anonymous"):
            wrong.append(f"{row.id}: {refused or cell} expected, {answer.status} came: {answer.content[:120]!r}")
    assert wrong == []


def test_refusals_are_of_operations_and_callers_that_there_are() -> None:
    for operation, caller in REFUSALS:
        cells = CELLS[operation]
        assert caller == "" or cells[caller] == IN, f"{operation}: {caller} is not let in at all"


def test_every_operation_of_the_contract_has_a_line_and_every_line_an_operation() -> None:
    assert sorted(CELLS) == sorted(row.id for row in CONTRACT)
    names = {"id", "method", "path", *(kind.name for kind in KINDS)}
    for row in CONTRACT:
        line: Mapping[str, str] = CELLS[row.id]
        assert set(line) == names
        assert (line["method"], line["path"]) == (row.method, row.path)


def test_a_wrong_answer_is_found() -> None:
    assert not is_as_expected(IN, 403)
    assert not is_as_expected(IN, 404)
    assert not is_as_expected(IN, 403, is_open=True)
    assert not is_as_expected(IN, 200, refused=409)
    assert not is_as_expected("403", 404)
    assert not is_as_expected("401", 200)
    assert not is_as_expected(NOT_SEEN, 200)
    assert is_as_expected(NOT_SEEN, 400)
    assert not is_as_expected(IN, 500)

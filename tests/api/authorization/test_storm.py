"""All operations at once, several times over: whatever meets in the database, nobody is answered with a 500."""

from __future__ import annotations

import asyncio
import random
from collections import Counter

import pytest

from podium.kernel import db
from tests.api.authorization.stage import BOUND, Stage, Undone
from tools.authorization_matrix import KINDS

ADMINISTRATOR = next(kind for kind in KINDS if kind.name == "administrator of the host")
CALLERS = 8
ROUNDS = 3


@pytest.mark.parametrize("seed", range(ROUNDS))
async def test_no_500_for_calls_that_meet(stage: Stage, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    monkeypatch.setattr(db, "_InTransaction", Undone)  # everything is there for every call, to be met at
    rows = BOUND * 2
    random.Random(seed).shuffle(rows)  # noqa: S311 - a repeatable order, no secret
    waiting, wrong, seen = iter(rows), [], Counter[int]()

    async def caller() -> None:
        for row in waiting:
            answer = await stage.send(row, ADMINISTRATOR)
            seen[answer.status] += 1
            if answer.status >= 500 and answer.status != 503:
                wrong.append(f"{row.id}: {answer.status} {answer.content[:200]!r}")

    await asyncio.gather(*(caller() for _ in range(CALLERS)))
    assert wrong == []
    assert seen[200] + seen[201] + seen[204] > len(rows) / 2, f"most calls are served: {seen}"

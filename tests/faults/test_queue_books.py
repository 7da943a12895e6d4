"""The books of a queue: what is right passes, and each thing that may not happen is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.faults.queue_books import (
    CREATE,
    FAILED,
    IN_PROGRESS,
    NEW,
    RETRIED,
    RETRY,
    STATUS,
    SUCCESSFUL,
    Books,
    Item,
    wrong,
)
from tests.faults.queue_ledger import Ledger

DONE = Item(
    1,
    "k1",
    "r1",
    SUCCESSFUL,
    None,
    None,
    0,
    1,
    True,
    True,
    "r1",
    [CREATE, STATUS, STATUS],
    [NEW, IN_PROGRESS, SUCCESSFUL],
)
FIRST = Item(
    2, "k2", "r2", RETRIED, "ApplicationException", None, 0, 1, True, True, "r2", [CREATE, STATUS, STATUS], [NEW, IN_PROGRESS, RETRIED]
)  # fmt: skip
SECOND = Item(
    3,
    "k2",
    "r2",
    FAILED,
    "BusinessException",
    2,
    1,
    1,
    True,
    True,
    "r2",
    [RETRY, STATUS, STATUS],
    [NEW, IN_PROGRESS, FAILED],
)


def good() -> tuple[Ledger, Books]:
    """One item done, one retried and then failed; everything told once."""
    ledger = Ledger(sent={"r1", "r2"}, added={"r1": 1, "r2": 2})
    for item in (DONE, FIRST, SECOND):
        ledger.take(item.id, "worker")
    ledger.results = {1: "success", 2: "application", 3: "business"}
    books = Books({item.id: item for item in (DONE, FIRST, SECOND)})
    for id_, ends in ((1, "Completed"), (2, "Failed"), (3, "Failed")):
        books.told["queueItem.transactionStarted", id_] = 1
        books.told[f"queueItem.transaction{ends}", id_] = 1
    for id_ in (1, 2):
        books.told["queueItem.added", id_] = 1
    return ledger, books


def test_nothing_is_wrong_with_good_books() -> None:
    assert wrong(*good(), 2) == []


CHANGES = {
    "lost": lambda ledger, books: ledger.added.update(r3=9),
    "doubled": lambda ledger, books: books.items.update({4: replace(DONE, id=4, key="k4")}),
    "never asked for": lambda ledger, books: books.items.update(
        {4: replace(DONE, id=4, key="k4", reference="r9", content="r9")}
    ),
    "another id": lambda ledger, books: ledger.added.update(r1=7),
    "content": lambda ledger, books: books.items.update({1: replace(DONE, content=None)}),
    "chain": lambda ledger, books: books.items.update({3: replace(SECOND, retry_number=2)}),
    "more or less than one end": lambda ledger, books: books.items.update({2: replace(FIRST, state=FAILED)}),
    "retried too often": lambda ledger, books: books.items.update({3: replace(SECOND, retry_number=3)}),
    "given out twice": lambda ledger, books: ledger.take(1, "other"),
    "number of times": lambda ledger, books: books.items.update({1: replace(DONE, lease_epoch=2)}),
    "another end": lambda ledger, books: ledger.results.update({1: "business"}),
    "without a result": lambda ledger, books: ledger.results.pop(1),
    "not abandoned": lambda ledger, books: ledger.expired.add(1),
    "balance": lambda ledger, books: books.items.update({1: replace(DONE, is_ended=False)}),
    "wrong history": lambda ledger, books: books.items.update({1: replace(DONE, states=[NEW, SUCCESSFUL, SUCCESSFUL])}),
    "events in the outbox": lambda ledger, books: books.told.update({("queueItem.added", 1): 1}),
    "not there": lambda ledger, books: books.told.update({("queueItem.added", 99): 1}),
    "an id that another": lambda ledger, books: setattr(books, "doubled_event_ids", 1),
    "500": lambda ledger, books: ledger.wrong.update(["500 oops"]),
}


@pytest.mark.parametrize("word", CHANGES)
def test_what_may_not_happen_is_told(word: str) -> None:
    ledger, books = good()
    CHANGES[word](ledger, books)  # type: ignore[no-untyped-call]
    told = wrong(ledger, books, 2)
    assert any(word in line for line in told), told

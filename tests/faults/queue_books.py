"""Compares what the clients of a queue were told with what the database holds: the invariants I1 to I5, I7 and I8."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import asyncpg

from tests.faults.queue_ledger import Ledger

SHOWN = 5
NEW, IN_PROGRESS, FAILED, SUCCESSFUL, ABANDONED, RETRIED, DELETED = range(7)
FINAL = frozenset({FAILED, SUCCESSFUL, ABANDONED, RETRIED, DELETED})
CREATE, EDIT, DELETE, STATUS, RETRY = range(5)
AFTER = {NEW: {IN_PROGRESS, DELETED}, IN_PROGRESS: {NEW, FAILED, SUCCESSFUL, ABANDONED, RETRIED}, ABANDONED: {RETRIED}}

ITEMS = """
SELECT t.id, t.key, t.reference, t.state, t.exception_type, t.ancestor_id, t.retry_number, t.lease_epoch,
       t.started_at IS NOT NULL AS is_started, t.ended_at IS NOT NULL AS is_ended,
       c.content->>'of' AS content
  FROM orchestrator.queue_items t
  LEFT JOIN orchestrator.queue_item_contents c ON c.tenant_id = t.tenant_id AND c.item_id = t.id
 WHERE t.queue_id = $1 ORDER BY t.id
"""
EVENTS = """
SELECT e.item_id, array_agg(e.action ORDER BY e.id) AS actions, array_agg(e.state ORDER BY e.id) AS states
  FROM orchestrator.queue_item_events e JOIN orchestrator.queue_items t ON t.tenant_id = e.tenant_id AND t.id = e.item_id
 WHERE t.queue_id = $1 GROUP BY e.item_id
"""
OUTBOX = """
SELECT o.type, i.id, count(*) AS times
  FROM kernel.outbox o
 CROSS JOIN LATERAL (
   SELECT (o.payload->'QueueItem'->>'Id')::bigint AS id WHERE o.payload ? 'QueueItem'
   UNION ALL
   SELECT (q->>'Id')::bigint FROM jsonb_array_elements(o.payload->'QueueItems') q WHERE o.payload ? 'QueueItems') i
 WHERE o.type LIKE 'queueItem%' GROUP BY o.type, i.id
"""
DOUBLED_EVENT_IDS = "SELECT count(*) - count(DISTINCT event_id) FROM kernel.outbox"
OPEN = "SELECT count(*) FROM orchestrator.queue_items WHERE queue_id = $1 AND state IN (0, 1)"
COUNTS = "SELECT state, count(*) AS items FROM orchestrator.queue_items WHERE queue_id = $1 GROUP BY state"


@dataclass(frozen=True, slots=True)
class Item:
    """An item as the database has it; `states` are those of its events, in order."""

    id: int
    key: str
    reference: str
    state: int
    exception_type: str | None
    ancestor_id: int | None
    retry_number: int
    lease_epoch: int
    is_started: bool
    is_ended: bool
    content: str | None
    actions: Sequence[int]
    states: Sequence[int]


@dataclass(slots=True)
class Books:
    """All that the server wrote down about a queue."""

    items: dict[int, Item] = field(default_factory=dict)
    told: Counter[tuple[str, int]] = field(default_factory=Counter)
    doubled_event_ids: int = 0

    def by_state(self) -> Counter[int]:
        """How many items are in which state."""
        return Counter(item.state for item in self.items.values())


async def read(database_url: str, queue_id: int) -> Books:
    """The books of a queue, at one instant."""
    connection = await asyncpg.connect(database_url)
    books = Books()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            events = {row["item_id"]: row for row in await connection.fetch(EVENTS, queue_id)}
            for row in await connection.fetch(ITEMS, queue_id):
                noted = events.get(row["id"])
                facts: dict[str, Any] = dict(row) | {"key": str(row["key"])}
                facts |= {"actions": noted["actions"] if noted else [], "states": noted["states"] if noted else []}
                books.items[row["id"]] = Item(**facts)
            for row in await connection.fetch(OUTBOX):
                books.told[row["type"], row["id"]] = row["times"]
            books.doubled_event_ids = await connection.fetchval(DOUBLED_EVENT_IDS)
    finally:
        await connection.close()
    return books


async def still_open(database_url: str, queue_id: int) -> int:
    """How many items are New or InProgress."""
    connection = await asyncpg.connect(database_url)
    try:
        return int(await connection.fetchval(OPEN, queue_id))
    finally:
        await connection.close()


def wrong(ledger: Ledger, books: Books, max_retries: int) -> list[str]:
    """Everything that does not hold; nothing when the books balance."""
    items = books.items.values()
    return [
        *(f"{count} x {what}" for what, count in ledger.wrong.items()),
        *_adds(ledger, books),
        *_chains(books, max_retries),
        *_leases(ledger, books),
        *_listed("without a balance", (item.id for item in items if _unbalanced(item))),
        *_events(books),
    ]


def _adds(ledger: Ledger, books: Books) -> list[str]:
    roots = [item for item in books.items.values() if item.ancestor_id is None]
    count = Counter(item.reference for item in roots)
    ids = {item.reference: item.id for item in roots}
    return [
        *_listed("lost: acknowledged and not there", ledger.added.keys() - count.keys()),
        *_listed("doubled: two items of one call", (name for name, times in count.items() if times > 1)),
        *_listed("never asked for", count.keys() - ledger.sent),
        *_listed("another id than acknowledged", (n for n, id_ in ledger.added.items() if id_ and ids.get(n) != id_)),
        *_listed("without their content", (i.id for i in books.items.values() if i.content != i.reference)),
    ]


def _chains(books: Books, max_retries: int) -> list[str]:
    """Each retried item has exactly one successor, one number further, of the same key and reference."""
    heirs: dict[int, list[Item]] = {}
    for item in books.items.values():
        if item.ancestor_id is not None:
            heirs.setdefault(item.ancestor_id, []).append(item)
    bad: list[int] = []
    for item in books.items.values():
        found = heirs.get(item.id, [])
        if len(found) != (item.state == RETRIED):
            bad.append(item.id)
        bad += [
            heir.id
            for heir in found
            if (heir.key, heir.reference, heir.retry_number) != (item.key, item.reference, item.retry_number + 1)
        ]
    open_ends = Counter(item.key for item in books.items.values() if item.state != RETRIED)
    return [
        *_listed("with a wrong chain of retries", bad),
        *_listed("chains with more or less than one end", (key for key, ends in open_ends.items() if ends != 1)),
        *_listed("retried too often", (i.id for i in books.items.values() if i.retry_number > max_retries)),
        *_listed("without an end at all", {i.key for i in books.items.values()} - open_ends.keys()),
    ]


def _leases(ledger: Ledger, books: Books) -> list[str]:
    """An item went to one worker, and what became of it is what that worker was acknowledged."""
    verdicts = {"success": {SUCCESSFUL}, "business": {FAILED}, "application": {FAILED, RETRIED}}
    unlike: list[int] = []
    for id_, verdict in ledger.results.items():
        item = books.items.get(id_)
        if item is None or item.state not in verdicts[verdict]:
            unlike.append(id_)
    lapsed = [i for i in ledger.expired if books.items[i].state not in (ABANDONED, RETRIED)]
    ended = {item.id for item in books.items.values() if item.state in FINAL}
    return [
        *_listed("given out twice", (id_ for id_, workers in ledger.takes.items() if len(workers) > 1)),
        *_listed("given out another number of times than the workers know", _epochs(ledger, books)),
        *_listed("with another end than acknowledged", unlike),
        *_listed("not abandoned after their lease", lapsed),
        *_listed("ended without a result", ended - ledger.results.keys() - ledger.expired),
    ]


def _epochs(ledger: Ledger, books: Books) -> Iterable[int]:
    return (item.id for item in books.items.values() if item.lease_epoch != len(ledger.takes.get(item.id, ())))


def _unbalanced(item: Item) -> bool:
    """Whether times and state contradict each other."""
    return item.is_ended != (item.state in FINAL) or item.is_started != (item.state != NEW)


def _events(books: Books) -> list[str]:
    """The item's own history and the outbox tell of every change once and in order."""
    history: list[int] = []
    outbox: list[str] = []
    for item in books.items.values():
        begins = item.actions[:1] == [CREATE] if item.ancestor_id is None else item.actions[:1] in ([CREATE], [RETRY])
        steps = [state for number, state in enumerate(item.states) if number == 0 or state != item.states[number - 1]]
        follows = all(after in AFTER.get(before, ()) for before, after in pairwise(steps))
        if not begins or not follows or steps[-1:] != [item.state] or sum(state in FINAL for state in steps[:-1]) > 1:
            history.append(item.id)
        due = {
            "queueItem.added": int(item.ancestor_id is None),
            "queueItem.transactionStarted": item.lease_epoch,
            "queueItem.transactionCompleted": int(item.state == SUCCESSFUL),
            "queueItem.transactionFailed": int(item.state in (FAILED, RETRIED) and item.exception_type is not None),
        }
        outbox += [f"{item.id} {name}" for name, times in due.items() if books.told[name, item.id] != times]
    strangers = {id_ for _, id_ in books.told} - books.items.keys()
    doubled = [f"{books.doubled_event_ids} events"] if books.doubled_event_ids else []
    return [
        *_listed("with a wrong history", history),
        *_listed("with a wrong number of events in the outbox", outbox),
        *_listed("events of items that are not there", strangers),
        *_listed("with an id that another event has", doubled),
    ]


def _listed(what: str, found: Iterable[object]) -> list[str]:
    names = sorted(map(str, found))
    return [f"{len(names)} {what}: {', '.join(names[:SHOWN])}"] if names else []

"""The hot half of a process: batches that share commits, and what calls need to know beforehand."""

from __future__ import annotations

import asyncio

from asyncpg import Record

from podium.kernel.db import Connection, Database
from podium.kernel.keyring import Keyring
from podium.orchestrator.queue_items import store_adding, store_results, store_taking
from podium.orchestrator.queue_items.batching import Batcher
from podium.orchestrator.queue_items.callers import Who
from podium.orchestrator.queue_items.definitions import Definitions
from podium.orchestrator.queue_items.store_adding import Added, NewItem
from podium.orchestrator.queue_items.store_results import Result
from podium.orchestrator.queue_items.store_taking import Taken, Taker


class Traffic:
    """Adds, hand-outs and results of one process. A call that is in a transaction of its own goes by itself."""

    def __init__(self, db: Database, keyring: Keyring) -> None:
        self.db = db
        self.keyring = keyring
        self.definitions = Definitions(db)
        self._adds: Batcher[Connection, NewItem, Added] = Batcher(db.acquire, store_adding.add)
        self._takes: Batcher[Connection, Taker, Taken] = Batcher(db.acquire, store_taking.take)
        self._results: Batcher[Connection, Result, Record | None] = Batcher(db.acquire, store_results.apply, key=_item)

    async def add(self, who: Who, item: NewItem) -> Added:
        """Add one item; when this returns it is stored for good, unless the caller's transaction fails."""
        if who.db is not None:
            return (await store_adding.add(who.db, [item]))[0]
        return await self._adds.submit(item)

    async def take(self, who: Who, taker: Taker) -> Taken:
        """Take the best item of a queue."""
        if who.db is not None:
            return (await store_taking.take(who.db, [taker]))[0]
        return await self._takes.submit(taker)

    async def apply(self, who: Who, result: Result) -> Record | None:
        """Carry out a result; see `store_results.apply`."""
        if who.db is not None:
            return (await store_results.apply(who.db, [result]))[0]
        return await self._results.submit(result)

    async def close(self) -> None:
        """Carry out what waits; what comes after is refused."""
        await asyncio.gather(self._adds.close(), self._takes.close(), self._results.close())


def _item(result: Result) -> tuple[int, int]:
    return result.tenant_id, result.item_id

"""What hot calls need to know beforehand, kept in memory for a few seconds.

What is kept may be old: the statements compare the queue's revision and its folder, and whoever worked from an old copy
drops it and begins again.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Hashable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Generic, NamedTuple, TypeVar
from uuid import UUID

from podium.kernel.db import Connection, Database
from podium.kernel.errors import BadRequest, Code, NotFound, Unavailable
from podium.orchestrator.queue_items import store
from podium.orchestrator.queues import actions as queues
from podium.orchestrator.queues import rules as queue_rules
from podium.orchestrator.queues.rules import Definition
from podium.orchestrator.settings import actions as settings

KEPT_SECONDS = 5.0
MOST_KEPT = 5_000
MAX_NAME = 50
TRIES = 4
REQUIRE_ROBOT = "Queues.RequireRobotForTransaction"

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Kept(Generic[Key, Value]):
    """The latest values by key, at most so many and for so long."""

    def __init__(self, seconds: float = KEPT_SECONDS, most: int = MOST_KEPT) -> None:
        self._seconds = seconds
        self._most = most
        self._values: OrderedDict[Key, tuple[float, Value]] = OrderedDict()

    def get(self, key: Key) -> Value | None:
        found = self._values.get(key)
        if found is None or found[0] < time.monotonic():
            return None
        return found[1]

    def put(self, key: Key, value: Value) -> None:
        self._values[key] = (time.monotonic() + self._seconds, value)
        self._values.move_to_end(key)
        while len(self._values) > self._most:
            self._values.popitem(last=False)

    def drop(self, key: Key) -> None:
        self._values.pop(key, None)


class Place(NamedTuple):
    """A queue as a call names it: by a name in a folder."""

    tenant_id: int
    folder_id: int
    name_key: str


class Definitions:
    """Queues, robots and settings that calls name. One per process; used from its event loop only."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._queues: Kept[Place, Definition] = Kept()
        self._robots: Kept[tuple[int, UUID], int] = Kept()
        self._needs_robot: Kept[int, bool] = Kept()

    async def queue(
        self, tenant_id: int, folder_id: int, name: str | None, db: Connection | None = None, *, is_fresh: bool = False
    ) -> Definition:
        """The folder's queue of that name, read now if it must be fresh; `db` is a connection that the caller has.

        Raises BadRequest and NotFound.
        """
        if not name or not name.strip() or len(name) > MAX_NAME:
            message = f"Name: expected the name of a queue, at most {MAX_NAME} characters."
            raise BadRequest(message, Code.QUEUE_NAME_INVALID)
        place = Place(tenant_id, folder_id, queue_rules.name_key(name))
        found = None if is_fresh else self._queues.get(place)
        if found is None:
            found = await self._load(place, name, db)
            self._queues.put(place, found)
        return found

    def forget_queue(self, tenant_id: int, folder_id: int, name: str) -> None:
        """The queue has changed since it was read."""
        self._queues.drop(Place(tenant_id, folder_id, queue_rules.name_key(name)))

    async def robot(self, tenant_id: int, key: UUID, db: Connection | None = None) -> int:
        """Id of the tenant's robot of that key. Raises NotFound."""
        found = self._robots.get((tenant_id, key))
        if found is None:
            async with self._connection(db) as connection:
                found = await store.robot_of_key(connection, tenant_id, key)
            if found is None:
                raise NotFound("Robot does not exist.")
            self._robots.put((tenant_id, key), found)
        return found

    async def needs_robot(self, tenant_id: int, db: Connection | None = None) -> bool:
        """Whether the tenant hands items only to robots."""
        found = self._needs_robot.get(tenant_id)
        if found is None:
            async with self._connection(db) as connection:
                found = await settings.switch(connection, tenant_id, REQUIRE_ROBOT)
            self._needs_robot.put(tenant_id, found)
        return found

    async def _load(self, place: Place, name: str, db: Connection | None) -> Definition:
        async with self._connection(db) as connection:
            found = await queues.definition(connection, place.tenant_id, place.folder_id, name)
        if found is None:
            raise NotFound(f"{name} does not exist.")
        return found

    def _connection(self, db: Connection | None) -> AbstractAsyncContextManager[Connection]:
        return self._db.acquire() if db is None else nullcontext(db)


def changes_too_often() -> Unavailable:
    """The refusal of a call whose queue was another one each time it was tried."""
    return Unavailable("The queue is being changed; try again.")

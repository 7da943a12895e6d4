"""What folders, assets, queues and items are, written a second time and as plainly as can be: no database, no SQL.

Each operation answers the HTTP status that the server must give and changes the world when it is a good one.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

LEASE = timedelta(hours=24)
PRIORITIES = ("High", "Normal", "Low")
COUNTED_REFERENCES = frozenset({"New", "InProgress", "Failed", "Successful", "Abandoned"})


@dataclass(slots=True)
class Folder:
    """A folder of the tree; `parent` None is the top."""

    id: int
    name: str
    parent: int | None


@dataclass(slots=True)
class Asset:
    """A text asset and the folders that show it."""

    id: int
    name: str
    value: str
    folders: set[int]


@dataclass(slots=True)
class Queue:
    """A queue and the folders that show it."""

    id: int
    name: str
    folders: set[int]
    is_unique: bool
    is_retried: bool
    is_retried_when_abandoned: bool
    max_retries: int


@dataclass(slots=True)
class Item:
    """One attempt."""

    id: int
    queue: int
    reference: str | None
    priority: str
    due: datetime | None
    defer: datetime | None
    content: dict[str, object]
    state: str = "New"
    retry_number: int = 0
    manual_retry_number: int = 0
    ancestor: int | None = None
    holder: str | None = None
    started: datetime | None = None
    progress: str | None = None


@dataclass
class World:
    """A tenant."""

    folders: dict[int, Folder] = field(default_factory=dict)
    assets: dict[int, Asset] = field(default_factory=dict)
    queues: dict[int, Queue] = field(default_factory=dict)
    items: dict[int, Item] = field(default_factory=dict)

    # folders

    def children(self, parent: int | None) -> list[Folder]:
        return [folder for folder in self.folders.values() if folder.parent == parent]

    def below(self, id_: int) -> set[int]:
        """The folder and everything under it."""
        found = {id_}
        for child in self.children(id_):
            found |= self.below(child.id)
        return found

    def depth(self, id_: int | None) -> int:
        return 0 if id_ is None else 1 + self.depth(self.folders[id_].parent)

    def has_child(self, parent: int | None, name: str, apart_from: int | None = None) -> bool:
        return any(
            child.name.casefold() == name.casefold() and child.id != apart_from for child in self.children(parent)
        )

    def can_make_folder(self, parent: int | None, name: str) -> int:
        if self.has_child(parent, name) or self.depth(parent) >= 7:
            return 409
        return 201

    def rename_folder(self, id_: int, name: str) -> int:
        if self.has_child(self.folders[id_].parent, name, apart_from=id_):
            return 409
        self.folders[id_].name = name
        return 200

    def move_folder(self, id_: int, target: int | None) -> int:
        folder = self.folders[id_]
        if target is not None and target in self.below(id_):
            return 409
        height = max(self.depth(each) for each in self.below(id_)) - self.depth(id_) + 1
        if self.depth(target) + height > 7:
            return 409
        if target != folder.parent and self.has_child(target, folder.name, apart_from=id_):
            return 409
        folder.parent = target
        return 204

    def delete_folder(self, id_: int) -> int:
        gone = self.below(id_)
        shown: list[Asset | Queue] = [*self.assets.values(), *self.queues.values()]
        if any(thing.folders & gone for thing in shown):
            return 400
        for each in gone:
            del self.folders[each]
        return 204

    # things that folders show

    @staticmethod
    def named(things: Iterable[Asset | Queue], folder: int, name: str) -> Asset | Queue | None:
        return next((t for t in things if folder in t.folders and t.name.casefold() == name.casefold()), None)

    def is_taken(
        self, things: Collection[Asset | Queue], folders: Iterable[int], name: str, apart_from: int | None = None
    ) -> bool:
        others = [thing for thing in things if thing.id != apart_from]
        return any(self.named(others, folder, name) is not None for folder in folders)

    def share(self, things: Collection[Asset | Queue], thing: Asset | Queue, added: set[int], removed: set[int]) -> int:
        if added & removed:
            return 400
        after = (thing.folders | added) - removed
        if not after or self.is_taken(things, added - thing.folders, thing.name, thing.id):
            return 409
        thing.folders = after
        return 204

    def rename(self, things: Collection[Asset | Queue], thing: Asset | Queue, name: str) -> int:
        if self.is_taken(things, thing.folders, name, thing.id):
            return 409
        thing.name = name
        return 200

    # items

    def of_queue(self, queue: int) -> list[Item]:
        return [item for item in self.items.values() if item.queue == queue]

    def can_add(self, queue: Queue, reference: str | None) -> int:
        if not queue.is_unique:
            return 201
        if not reference:
            return 400
        used = {
            item.reference.casefold()
            for item in self.of_queue(queue.id)
            if item.state in COUNTED_REFERENCES and item.reference
        }
        return 409 if reference.casefold() in used else 201

    def next_of(self, queue: Queue, now: datetime, prefix: str | None = None) -> Item | None:
        """The item that is handed out next: deadlines first, then priority, deadline, age."""
        ready = [
            item
            for item in self.of_queue(queue.id)
            if item.state == "New"
            and (item.defer is None or item.defer <= now)
            and (prefix is None or (item.reference or "").casefold().startswith(prefix.casefold()))
        ]
        far = datetime.max.replace(tzinfo=now.tzinfo)
        return min(
            ready,
            key=lambda item: (item.due is None, PRIORITIES.index(item.priority), item.due or far, item.id),
            default=None,
        )

    def take(self, item: Item, holder: str, now: datetime) -> None:
        item.state, item.holder, item.started = "InProgress", holder, now

    def may_end(self, item: Item, holder: str) -> bool:
        return item.state == "InProgress" and item.holder == holder

    def fail(self, item: Item, *, by_application: bool) -> bool:
        """Whether another attempt follows."""
        queue = self.queues[item.queue]
        is_again = by_application and queue.is_retried and item.retry_number < queue.max_retries
        item.state = "Retried" if is_again else "Failed"
        return is_again

    def abandon(self, now: datetime) -> list[Item]:
        """What is in progress for a day is given up; those that are tried again."""
        again = []
        for item in self.items.values():
            if item.state != "InProgress" or item.started is None or item.started > now - LEASE:
                continue
            queue = self.queues[item.queue]
            is_again = queue.is_retried_when_abandoned and item.retry_number < queue.max_retries
            item.state = "Retried" if is_again else "Abandoned"
            if is_again:
                again.append(item)
        return again

    def succeed(self, item: Item, id_: int, defer: datetime | None = None, *, by_hand: bool = False) -> None:
        """Another attempt of a retried item."""
        self.items[id_] = Item(
            id_,
            item.queue,
            item.reference,
            item.priority,
            item.due,
            defer,
            dict(item.content),
            retry_number=0 if by_hand else item.retry_number + 1,
            manual_retry_number=item.manual_retry_number + by_hand,
            ancestor=item.id,
        )

    def delete_queue(self, id_: int) -> None:
        del self.queues[id_]
        self.items = {item.id: item for item in self.items.values() if item.queue != id_}

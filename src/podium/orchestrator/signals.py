"""Wakes whoever waits for work: long polls of robots on this node, and through NOTIFY those on other nodes.

Only a hint: correctness never depends on it, every waiter looks again by itself after a while.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence

FolderKey = tuple[int, int]


class Waiter:
    """One long poll. `woken` is set when there may be work; `offered` names the folder it was woken for."""

    __slots__ = ("offered", "session_id", "woken")

    def __init__(self, session_id: int) -> None:
        self.session_id = session_id
        self.woken = asyncio.Event()
        self.offered: FolderKey | None = None


class Signals:
    """The waiting polls and the versions of folders, of one process; used from its event loop only.

    New jobs in a folder wake as many polls as there are jobs, not all of them; a poll that finds nothing it can run
    passes the offer on.
    """

    def __init__(self) -> None:
        self._versions: defaultdict[FolderKey, int] = defaultdict(int)
        self._pokes: defaultdict[int, int] = defaultdict(int)
        self._waiting: defaultdict[FolderKey, OrderedDict[Waiter, None]] = defaultdict(OrderedDict)
        self._by_session: defaultdict[int, set[Waiter]] = defaultdict(set)
        self.announce: Callable[[str], None] = lambda _: None
        self.is_closing = False

    def version(self, tenant_id: int, folders: Sequence[int], session_id: int) -> int:
        """A number that grows whenever something changed that the session may care about."""
        return sum(self._versions[tenant_id, folder] for folder in folders) + self._pokes[session_id]

    def work(self, tenant_id: int, folder_id: int, count: int = 1, *, is_local: bool = True) -> None:
        """Jobs wait in this folder."""
        key = (tenant_id, folder_id)
        self._versions[key] += 1
        self._offer(key, count)
        if is_local:
            self.announce(f"w:{tenant_id}:{folder_id}:{count}")

    def poke(self, session_id: int, *, is_local: bool = True) -> None:
        """Something changed for this session: a stop, a free slot."""
        self._pokes[session_id] += 1
        for waiter in self._by_session.get(session_id, ()):
            waiter.woken.set()
        if is_local:
            self.announce(f"p:{session_id}")

    def close(self) -> None:
        """The server goes down: nobody waits any more."""
        self.is_closing = True
        for waiters in self._by_session.values():
            for waiter in waiters:
                waiter.woken.set()

    def heard(self, message: str) -> None:
        """Take over what another node announced."""
        kind, *numbers = message.split(":")
        if kind == "w":
            self.work(int(numbers[0]), int(numbers[1]), int(numbers[2]), is_local=False)
        elif kind == "p":
            self.poke(int(numbers[0]), is_local=False)

    def join(self, waiter: Waiter, tenant_id: int, folders: Sequence[int]) -> None:
        """Start waiting at the end of each folder's line."""
        self._by_session[waiter.session_id].add(waiter)
        for folder in folders:
            self._waiting[tenant_id, folder][waiter] = None

    def leave(self, waiter: Waiter, tenant_id: int, folders: Sequence[int]) -> None:
        """Stop waiting."""
        self._by_session[waiter.session_id].discard(waiter)
        if not self._by_session[waiter.session_id]:
            del self._by_session[waiter.session_id]
        for folder in folders:
            self._waiting[tenant_id, folder].pop(waiter, None)

    def pass_on(self, waiter: Waiter) -> None:
        """The woken poll could take nothing: offer to the next in the line behind it."""
        if waiter.offered is None:
            return
        line = self._waiting[waiter.offered]
        if waiter in line:
            after = list(line)[list(line).index(waiter) + 1 :]
            following = next((other for other in after if not other.woken.is_set()), None)
            if following is not None:
                following.offered = waiter.offered
                following.woken.set()

    def _offer(self, key: FolderKey, count: int) -> None:
        for waiter in self._waiting[key]:
            if count <= 0:
                return
            if not waiter.woken.is_set():
                waiter.offered = key
                waiter.woken.set()
                count -= 1

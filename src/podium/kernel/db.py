"""The pool of connections to PostgreSQL, and the one place where a lost connection becomes `Unavailable`."""

from __future__ import annotations

import asyncio
from contextlib import AbstractAsyncContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from podium.kernel.errors import Unavailable

if TYPE_CHECKING:
    from asyncpg.transaction import Transaction

    Connection: TypeAlias = asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]
else:  # asyncpg's own classes cannot be subscripted; annotations are read at run time
    Connection = asyncpg.Connection | PoolConnectionProxy

ACQUIRE_SECONDS = 15.0
CONNECT_SECONDS = 10.0
CLOSE_SECONDS = 10.0

LOST = (
    asyncpg.PostgresConnectionError,  # class 08, ConnectionDoesNotExistError among them
    asyncpg.OperatorInterventionError,  # class 57: shutdown, crash, not yet ready; and the statement timeout
    asyncpg.InsufficientResourcesError,  # class 53: too many connections, disk full
    asyncpg.IdleInTransactionSessionTimeoutError,
    asyncpg.InternalClientError,  # what asyncpg says when the server dies between two steps of one statement
)


class _Translated:
    """Turns what says "the database cannot answer now" into Unavailable; every other error passes.

    An OSError counts only while connecting: inside a body it may come from a file.
    """

    __slots__ = ("_is_connecting",)

    def __init__(self, *, is_connecting: bool = False) -> None:
        self._is_connecting = is_connecting

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        if error is not None:
            _raise_when_lost(error, is_connecting=self._is_connecting)


def translated() -> _Translated:
    """A context that turns lost connections and timed-out statements into Unavailable."""
    return _Translated()


async def connect(url: str, *, statement_timeout_ms: int = 0) -> asyncpg.Connection[asyncpg.Record]:
    """A connection outside any pool; the caller closes it. Raises Unavailable when there is none to be had."""
    with _Translated(is_connecting=True):
        return await asyncpg.connect(
            url, timeout=CONNECT_SECONDS, server_settings=_session_settings(statement_timeout_ms)
        )


class Database:
    """A pool of connections to one database.

    Nothing resets a connection between its users (that round trip costs 15-40 % of the rate), so nobody leaves session
    state on one: `SET LOCAL`, transaction-level advisory locks, no LISTEN. An open transaction is rolled back all the
    same. jsonb and json come and go as `str`, uuid as `UUID`.
    """

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record], url: str) -> None:
        self._pool = pool
        self._url = url

    @classmethod
    async def open(cls, url: str, *, size: int = 12, statement_timeout_ms: int = 30000) -> Database:
        """The open pool, of at most `size` connections; raises Unavailable when the database does not answer."""
        with _Translated(is_connecting=True):
            pool = await asyncpg.create_pool(
                url,
                min_size=1,
                max_size=size,
                max_queries=1_000_000,
                timeout=CONNECT_SECONDS,
                statement_cache_size=1000,
                max_cached_statement_lifetime=0,
                server_settings=_session_settings(statement_timeout_ms),
                reset=_leave_as_it_is,
            )
        return cls(pool, url)

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """A pooled connection in autocommit; Unavailable when none is free within 15 s or it is lost in the body."""
        return _Acquired(self._pool)

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        """A pooled connection in a read-committed transaction: committed at the end, rolled back on any exception.

        After Unavailable the outcome of the commit is unknown.
        """
        return _InTransaction(self._pool)

    async def dedicated(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection outside the pool, without statement timeout, for LISTEN and leases; the caller closes it."""
        return await connect(self._url)

    async def close(self) -> None:
        """Wait for the connections in use, up to 10 s, then close them all."""
        try:
            await asyncio.wait_for(self._pool.close(), CLOSE_SECONDS)
        except TimeoutError:
            self._pool.terminate()


class _Acquired:
    """A class instead of a generator: this is on the path of every call."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: asyncpg.Pool[asyncpg.Record]) -> None:
        self._pool = pool

    async def __aenter__(self) -> Connection:
        with _Translated(is_connecting=True):
            async with asyncio.timeout(ACQUIRE_SECONDS):
                self._connection = await self._pool.acquire()
        return self._connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        if isinstance(error, asyncpg.InternalClientError):
            self._connection.terminate()  # nobody may get it again
        try:
            with _Translated():
                await self._pool.release(self._connection)
        finally:
            if error is not None:
                _raise_when_lost(error)


class _InTransaction(_Acquired):
    __slots__ = ("_transaction",)

    _transaction: Transaction

    async def __aenter__(self) -> Connection:
        connection = await super().__aenter__()
        try:
            with _Translated():
                self._transaction = connection.transaction()
                await self._transaction.start()
        except BaseException:
            await self._pool.release(self._connection)
            raise
        return connection

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with _Translated():
                await self._transaction.__aexit__(kind, error, traceback)
        finally:
            await super().__aexit__(kind, error, traceback)


def _raise_when_lost(error: BaseException, *, is_connecting: bool = False) -> None:
    if isinstance(error, asyncpg.QueryCanceledError):
        raise Unavailable("The database took too long to answer.") from error
    is_closed = isinstance(error, asyncpg.InterfaceError) and ("closed" in str(error) or "closing" in str(error))
    if is_closed or isinstance(error, LOST) or (is_connecting and isinstance(error, OSError)):
        raise Unavailable("The database cannot be reached now.") from error


def _session_settings(statement_timeout_ms: int) -> dict[str, str]:
    return {
        "application_name": "podium",
        "jit": "off",
        "timezone": "UTC",
        "statement_timeout": str(statement_timeout_ms),
        "idle_in_transaction_session_timeout": "60000",
    }


async def _leave_as_it_is(_: Any) -> None:
    """In place of the reset queries; asyncpg itself rolls an open transaction back before it calls this."""

"""Carries hints between nodes: jobs that wait, sessions to look again, access that changed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import asyncpg
import structlog

from podium.kernel.db import Database
from podium.kernel.errors import Unavailable
from podium.orchestrator.signals import Signals

log = structlog.get_logger("podium.server")

WORK = "podium_work"
ACCESS = "podium_access"
SEND = "SELECT pg_notify($1, $2)"
SEND_EVERY_S = 0.002  # NOTIFY serialises commits, so hints are collected and sent from a connection of their own
RETRY_AFTER_S = 1.0
MAX_PAYLOAD = 7000  # bytes; PostgreSQL takes 8000


class Notifier:
    """One per process; owns a connection that listens and sends.

    `access_changed` is told the tenant, or None when anything may have changed while nobody listened.
    """

    def __init__(self, db: Database, signals: Signals, access_changed: Callable[[int | None], None]) -> None:
        self._db = db
        self._signals = signals
        self._access_changed = access_changed
        self._pending: list[str] = []
        self._due = asyncio.Event()
        signals.announce = self._announce

    def _announce(self, message: str) -> None:
        self._pending.append(message)
        self._due.set()

    async def run(self) -> None:
        """Listen and send until cancelled; a lost connection is opened again, and everything remembered is dropped."""
        while True:
            try:
                await self._serve()
            except (Unavailable, asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("notifications interrupted", error=str(error))
                await asyncio.sleep(RETRY_AFTER_S)

    async def _serve(self) -> None:
        connection = await self._db.dedicated()
        try:
            own = connection.get_server_pid()

            def heard_work(_: object, pid: int, __: str, payload: object) -> None:
                if pid != own:
                    for message in str(payload).split(","):
                        self._signals.heard(message)

            def heard_access(_: object, __: int, ___: str, payload: object) -> None:
                self._access_changed(int(str(payload)))

            await connection.add_listener(WORK, heard_work)
            await connection.add_listener(ACCESS, heard_access)
            connection.add_termination_listener(lambda _: self._due.set())
            self._access_changed(None)
            while not connection.is_closed():
                try:
                    await asyncio.wait_for(self._due.wait(), 5.0)
                except TimeoutError:
                    await connection.execute("SELECT 1")
                    continue
                await asyncio.sleep(SEND_EVERY_S)
                await self._send(connection)
        finally:
            await connection.close(timeout=2)

    async def _send(self, connection: asyncpg.Connection[asyncpg.Record]) -> None:
        self._due.clear()
        messages, self._pending = list(dict.fromkeys(self._pending)), []
        batch = ""
        for message in messages:
            if len(batch) + len(message) > MAX_PAYLOAD:
                await connection.execute(SEND, WORK, batch)
                batch = ""
            batch = f"{batch},{message}" if batch else message
        if batch:
            await connection.execute(SEND, WORK, batch)

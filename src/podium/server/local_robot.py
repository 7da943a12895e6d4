"""The robots that `podium up` brings along: a machine template of their own and one agent process with N slots."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Self

from podium.identity.directory import InProcessClients
from podium.kernel.clock import system_clock
from podium.kernel.config import Config
from podium.kernel.db import Database
from podium.orchestrator.machines import actions as machines

MACHINE = "podium-local"
RESTART_AFTER_S = 2.0

FIND = """
SELECT t.id, t.license_key, t.unattended_slots, n.id AS tenant_id, n.organization_id,
       (SELECT f.id FROM orchestrator.folders f WHERE f.tenant_id = n.id AND f.path_key = 'shared') AS shared_id
  FROM orchestrator.tenants n
  LEFT JOIN orchestrator.machines t ON t.tenant_id = n.id AND t.name_key = $2
 WHERE n.name_key = $1 ORDER BY n.id LIMIT 1
"""


async def local_machine(config: Config, slots: int) -> str:
    """Licence key of the machine template of the local robots; made at the first start, its slots set at each."""
    assert config.database_url is not None
    db = await Database.open(config.database_url, size=1)
    try:
        async with db.transaction() as connection:
            row = await connection.fetchrow(FIND, config.tenant.casefold(), MACHINE)
            assert row is not None
            if row["license_key"] is not None:
                await machines.set_unattended_slots(connection, row["tenant_id"], row["id"], slots)
                return str(row["license_key"])
            made = await machines.make_machine(
                connection,
                InProcessClients(),
                row["tenant_id"],
                row["organization_id"],
                MACHINE,
                machines.Slots(unattended=slots),
                system_clock(),
                description="The robots that podium up brings along.",
            )
            if row["shared_id"] is not None:
                await machines.assign_to_folder(
                    connection, row["tenant_id"], made.id, row["shared_id"], is_propagated=True
                )
            return made.license_key
    finally:
        await db.close()


class LocalRobots:
    """The agent process, started again when it dies, stopped with the server."""

    def __init__(self, config: Config, machine_key: str, slots: int) -> None:
        self._stopping = threading.Event()
        self._process: subprocess.Popen[bytes] | None = None
        host = "127.0.0.1" if config.host in ("0.0.0.0", "::") else config.host  # noqa: S104 - compared, not bound
        self._command = [
            *(sys.executable, "-m", "podium.robot"),
            *("--url", f"http://{host}:{config.port}/{config.organization}/{config.tenant}"),
            *("--folder", str(_folder(config)), "--slots", str(slots)),
        ]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        self._environment = kept | {"PODIUM_ROBOT_MACHINE_KEY": machine_key}
        self._thread = threading.Thread(target=self._watch, name="local-robots", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        process = self._process
        if process is not None and process.poll() is None:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(15)
            except subprocess.TimeoutExpired:
                process.kill()
        self._thread.join(5)

    def _watch(self) -> None:
        while not self._stopping.is_set():
            self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
                self._command, env=self._environment, start_new_session=True
            )
            self._process.wait()
            self._stopping.wait(RESTART_AFTER_S)


def _folder(config: Config) -> Path:
    return config.data_dir / "robot"

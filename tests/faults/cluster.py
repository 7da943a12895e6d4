"""One database and one or more servers on it, to be killed and started again on the same ports."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import time
from pathlib import Path

from podium.kernel.embedded_postgres import EmbeddedPostgres
from tests.bench.load import HOST
from tests.bench.server import PYTHON, ROOT, NotReady, Server, free_port, is_ready, start
from tests.bench.world import ENVIRONMENT

READY_S = 60.0
LOOK_S = 0.01


class Cluster:
    """The nodes share a data folder and a database that is a process of its own, as in a company."""

    def __init__(self, folder: Path, nodes: int) -> None:
        self._folder = folder
        self._database = EmbeddedPostgres(folder / "postgres")
        self.database_url = self._database.start()
        (folder / "data").mkdir()
        self.ports = [free_port() for _ in range(nodes)]
        public_url = f"http://{HOST}:{self.ports[0]}"  # one name for all of them, or each knows only its own tokens
        self._settings = ENVIRONMENT | {"PODIUM_DATABASE_URL": self.database_url, "PODIUM_PUBLIC_URL": public_url}
        self.servers: list[Server] = []

    async def start(self) -> None:
        """Start the nodes one after the other: the first one makes the tables and the keys."""
        for number in range(len(self.ports)):
            self.servers.append(self._start(number))
            await self.ready(number)

    def _start(self, number: int) -> Server:
        port = self.ports[number]
        command = ("up", "--no-robot", "--port", str(port), "--data-dir", str(self._folder / "data"))
        log = self._folder / f"server-{number}.log"
        return start("podium.server", command, self._settings, port, log, is_pinned=False)

    async def ready(self, number: int) -> float:
        """Seconds until the node answers. Raises NotReady when it ended or takes a minute."""
        began = time.monotonic()
        while not await asyncio.to_thread(is_ready, self.ports[number]):
            if self.servers[number].process.poll() is not None or time.monotonic() - began > READY_S:
                self.servers[number].wait_until_ready(0)
            await asyncio.sleep(LOOK_S)
        return time.monotonic() - began

    async def kill(self, number: int) -> float:
        """SIGKILL to a node and start it again; seconds until it answers."""
        began = time.monotonic()
        self.servers[number].kill()
        self.servers[number] = self._start(number)
        await self.ready(number)
        return time.monotonic() - began

    async def kill_database(self) -> float:
        """SIGKILL to PostgreSQL and start it again; seconds until every node answers."""
        began = time.monotonic()
        pid_file = self._folder / "postgres" / "cluster" / "postmaster.pid"
        os.kill(int(pid_file.read_text(encoding="ascii").splitlines()[0]), signal.SIGKILL)
        await asyncio.to_thread(self._database.start)
        for number in range(len(self.servers)):
            await self.ready(number)
        return time.monotonic() - began

    def freeze(self, number: int) -> None:
        """SIGSTOP: the node holds its connections and does nothing."""
        os.kill(self.servers[number].process.pid, signal.SIGSTOP)

    def thaw(self, number: int) -> None:
        """SIGCONT."""
        os.kill(self.servers[number].process.pid, signal.SIGCONT)

    def verified_audit(self) -> str:
        """What `podium audit verify` finds wrong; blank when the trail is whole."""
        command = [*PYTHON, "-m", "podium.server", "audit", "--data-dir", str(self._folder / "data"), "verify"]
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("PODIUM_")}
        done = subprocess.run(
            command, cwd=ROOT, env=inherited | self._settings, capture_output=True, text=True, check=False, timeout=120
        )
        return "" if done.returncode == 0 else f"podium audit verify: {done.returncode} {done.stdout}{done.stderr}"

    def logs(self) -> str:
        """Everything that the nodes wrote."""
        files = sorted(self._folder.glob("server-*.log"))
        return "".join(file.read_text(encoding="utf-8", errors="replace") for file in files)

    def stop(self) -> None:
        """End the nodes, then the database."""
        for server in self.servers:
            server.process.send_signal(signal.SIGCONT)
            server.stop()
        self._database.stop()


__all__ = ["Cluster", "NotReady"]

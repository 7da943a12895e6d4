"""`./dev bench`: the workloads side by side in one run, medians over rounds, beside their goals.

The server has core 0, the load core 1, PostgreSQL (the embedded one, durable) runs where the system puts it. Figures
of a machine that others use as well are noisy: ratios and CPU per request count, rates are orders of magnitude.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import resource as limits
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # as a script it finds the checkout

import uvloop

from podium.kernel.embedded_postgres import EmbeddedPostgres
from tests.bench import postgres, profiling
from tests.bench.figures import Figures
from tests.bench.lists import Lists
from tests.bench.queues import BACKLOGS, Queues
from tests.bench.server import LOAD_CORE, Server, can_pin, free_port, running
from tests.bench.workloads import FULL, QUICK, SAMPLE, Effort, Servers, Workloads
from tests.bench.world import ENVIRONMENT, World

OPEN_FILES = 8192


def main() -> int:
    """Exit status 1 when an answer was not a 2xx; a goal that is missed is told, and is no failure."""
    parser = argparse.ArgumentParser(prog="./dev bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="short rounds, about a minute in all")
    parser.add_argument(
        "--part",
        choices=("calls", "queues", "lists"),
        action="append",
        help="only this part, or these; queues and lists fill tables with millions of rows (default: calls)",
    )
    parser.add_argument("--backlog", choices=tuple(BACKLOGS), action="append", help="of the queues (default: all)")
    parser.add_argument("--polls", action="store_true", help="then a thousand open long polls for 36 seconds, once")
    parser.add_argument("--profile", action="store_true", help="then show where the server's time goes, by py-spy")
    parser.add_argument("--json", type=Path, help="write the figures of all rounds here")
    parser.add_argument("--log-level", default="INFO", help="of the servers (default: the product's own, INFO)")
    options = parser.parse_args()
    _allow_open_files()
    folder = Path(tempfile.mkdtemp(prefix="podium-bench-"))
    folder.chmod(0o755)  # as root, the database runs as another account
    figures = Figures()
    try:
        uvloop.run(_run(folder, options, figures))
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print(figures.report())
    if options.json:
        figures.save(options.json)
    return 1 if figures.errors else 0


async def _run(folder: Path, options: argparse.Namespace, figures: Figures) -> None:
    effort: Effort = QUICK if options.quick else FULL
    parts = options.part or ["calls"]
    with ExitStack() as stack:
        servers = await _start(stack, folder, options.log_level)
        world = stack.enter_context(World(servers.real.url))
        if "queues" in parts:
            queues = Queues(servers.real, world, servers.database_url, folder, effort.loop_s, figures)
            await queues.run(options.rounds, options.backlog or list(BACKLOGS))
        if "lists" in parts:
            folder_id = world.folder("Lists")
            lists = Lists(servers.real, world, servers.database_url, effort.loop_s, figures)
            await lists.run(options.rounds, world.process(folder_id, SAMPLE), folder_id)
        if "calls" not in parts:
            return
        workloads = Workloads(servers, world, effort, figures)
        print(
            f"first route {workloads.first}, last route {workloads.last}; load average {os.getloadavg()[0]:.1f} on "
            f"{os.cpu_count()} cores, {'pinned' if can_pin() else 'NOT pinned'}",
            flush=True,
        )
        await workloads.prepare()
        for number in range(options.rounds):
            began = time.monotonic()
            await workloads.round()
            print(f"round {number + 1} of {options.rounds}: {time.monotonic() - began:.0f} s", flush=True)
        if options.profile:
            await profiling.show(workloads, figures, folder)
        if options.polls:
            await workloads.thousand_polls()


async def _start(stack: ExitStack, folder: Path, log_level: str) -> Servers:
    """The database, then the three servers; then this process takes the core of the load."""
    database = EmbeddedPostgres(folder / "postgres")
    url = await asyncio.to_thread(database.start)
    stack.callback(database.stop)
    hollow_url = await postgres.new_database(url, "hollow")
    raw_url = await postgres.new_database(url, "bare")
    settings = ENVIRONMENT | {"PODIUM_LOG_LEVEL": log_level}

    def begun(module: str, port: int, arguments: Sequence[str], **more: str) -> Server:
        return stack.enter_context(running(module, arguments, settings | more, port, folder / f"{module}.log"))

    for name in ("data", "hollow"):
        (folder / name).mkdir()
    plain_port, hollow_port, port = (free_port() for _ in range(3))
    plain = begun("tests.bench.plain", plain_port, [str(plain_port)])
    hollow = begun(
        "tests.bench.framework", hollow_port, [str(hollow_port), str(folder / "hollow")], PODIUM_DATABASE_URL=hollow_url
    )
    product = ["up", "--no-robot", "--port", str(port), "--data-dir", str(folder / "data")]
    real = begun("podium.server", port, product, PODIUM_DATABASE_URL=url)
    if can_pin():
        os.sched_setaffinity(0, {LOAD_CORE})
    return Servers(plain, hollow, real, database_url=url, raw_url=raw_url, data_dir=folder / "data")


def _allow_open_files() -> None:
    soft, hard = limits.getrlimit(limits.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == limits.RLIM_INFINITY else min(OPEN_FILES, hard)
    limits.setrlimit(limits.RLIMIT_NOFILE, (max(soft, wanted), hard))


if __name__ == "__main__":
    sys.exit(main())

"""`python -m podium.robot`: one agent in the foreground, until SIGTERM or Ctrl-C.

Every option can come from the environment instead (`PODIUM_ROBOT_URL`, `PODIUM_ROBOT_MACHINE_KEY`, ...), or, for
secrets, from a file named there (`PODIUM_ROBOT_MACHINE_KEY_FILE`): a command line is seen by everybody.
"""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from podium.robot.agent import Agent, FolderInUse
from podium.robot.settings import DEFAULT_FOLDER, DEFAULT_SLOTS, DEFAULT_STOP_GRACE_S, Settings

PREFIX = "PODIUM_ROBOT_"
PR_SET_DUMPABLE = 4


def main(argv: Sequence[str] | None = None) -> int:
    """The exit status: 0 after a clean end, 1 when the folder is in use, 2 for wrong settings."""
    options = read_options(argv, os.environ)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs addresses, and signed ones are secrets
    try:
        settings = Settings(**options)
    except ValueError as error:
        print(f"podium robot: {error}", file=sys.stderr)
        return 2
    hide_environment()
    try:
        asyncio.run(run(settings))
    except FolderInUse as error:
        print(f"podium robot: {error}", file=sys.stderr)
        return 1
    return 0


def hide_environment() -> None:
    """On Linux: processes of the same user, such as jobs, cannot read our environment and memory."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)


async def run(settings: Settings) -> None:
    """An agent that leaves at SIGTERM and SIGINT."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await Agent(settings).run(stop)


def read_options(argv: Sequence[str] | None, environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that were given, by their names; the command line wins over the environment."""
    parser = argparse.ArgumentParser(prog="python -m podium.robot", description="Runs jobs of an Orchestrator.")
    parser.add_argument("--url", help="https://host/{organization}/{tenant}")
    parser.add_argument("--machine-key", help="the machine's key (better: PODIUM_ROBOT_MACHINE_KEY)")
    parser.add_argument("--client-id", help="instead of a machine key, together with the secret")
    parser.add_argument("--client-secret", help="better: PODIUM_ROBOT_CLIENT_SECRET")
    parser.add_argument("--folder", type=Path, help=f"where the agent keeps everything (default: {DEFAULT_FOLDER})")
    parser.add_argument("--slots", type=int, help=f"jobs at the same time (default: {DEFAULT_SLOTS})")
    parser.add_argument("--name", help="this computer's name for the server (default: the host name)")
    parser.add_argument("--service-user", help="the account shown with the session (default: the user)")
    parser.add_argument(
        "--stop-grace",
        dest="stop_grace_s",
        type=float,
        help=f"seconds between a soft stop and the kill (default: {DEFAULT_STOP_GRACE_S:g})",
    )
    given = {name: value for name, value in vars(parser.parse_args(argv)).items() if value is not None}
    kinds = {"folder": Path, "slots": int, "stop_grace_s": float}
    options: dict[str, Any] = {}
    for name in vars(parser.parse_args([])):
        variable = PREFIX + name.removesuffix("_s").upper()
        text = environment.get(variable)
        if text is None and variable + "_FILE" in environment:
            text = Path(environment[variable + "_FILE"]).read_text(encoding="utf-8").strip()
        if text:
            try:
                options[name] = kinds.get(name, str)(text)
            except ValueError:
                parser.error(f"{variable} is not usable: {text!r}" if name in kinds else variable)
    options |= given
    if "url" not in options:
        parser.error("--url or PODIUM_ROBOT_URL is needed")
    return options


if __name__ == "__main__":
    sys.exit(main())

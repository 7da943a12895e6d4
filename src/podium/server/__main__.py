"""`python -m podium.server up|serve`: the process that `podium up` becomes."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from podium.kernel.config import ConfigError, read
from podium.server.process import StartError, run


def main() -> int:
    """Parse the command line, read the settings, run until SIGTERM. Returns the exit status."""
    parser = argparse.ArgumentParser(prog="podium", description="The Podium server.")
    commands = parser.add_subparsers(dest="command", required=True)
    for name, summary in (
        ("up", "everything on one machine"),
        ("serve", "a node for operators; refuses unsafe defaults"),
    ):
        command = commands.add_parser(name, help=summary)
        command.add_argument("--host", default=os.environ.get("PODIUM_HOST", "127.0.0.1"))
        command.add_argument("--port", type=int, default=int(os.environ.get("PODIUM_PORT", "8000")))
        command.add_argument("--data-dir", type=Path, default=None)
        command.add_argument("--workers", type=int, default=1)
        robots = command.add_mutually_exclusive_group()
        robots.add_argument("--robots", type=int, default=1 if name == "up" else 0)
        robots.add_argument("--no-robot", action="store_const", const=0, dest="robots")
    options = parser.parse_args()
    try:
        config = read(os.environ, data_dir=options.data_dir, host=options.host, port=options.port)
        return run(config, workers=options.workers, robots=options.robots, is_for_operators=options.command == "serve")
    except (ConfigError, StartError) as error:
        print(f"podium: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())

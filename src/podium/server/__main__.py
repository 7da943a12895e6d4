"""`python -m podium.server up|serve|keys|audit`: what those commands of `podium` become."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from podium.kernel.config import Config, ConfigError, read
from podium.server import audit_command, keys_command
from podium.server.installation import CommandError


def main() -> int:
    """Parse the command line, read the settings, do it (a server runs until SIGTERM). Returns the exit status."""
    options = _parser().parse_args()
    host, port = getattr(options, "host", "127.0.0.1"), getattr(options, "port", 8000)
    try:
        config = read(os.environ, data_dir=options.data_dir, host=host, port=port)
        if options.command == "keys":
            return keys_command.run(config, options)
        if options.command == "audit":
            return audit_command.run(config, options)
        return _serve(config, options)
    except (ConfigError, CommandError) as error:
        print(f"podium: {error}", file=sys.stderr)
        return 1


def _serve(config: Config, options: argparse.Namespace) -> int:
    from podium.server.process import StartError, run  # everything that serves; the other commands do without it

    try:
        return run(config, workers=options.workers, robots=options.robots, is_for_operators=options.command == "serve")
    except StartError as error:
        raise CommandError(str(error)) from error


def _parser() -> argparse.ArgumentParser:
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
    for name, module in (("keys", keys_command), ("audit", audit_command)):
        command = commands.add_parser(name)
        command.add_argument("--data-dir", type=Path, default=None)
        module.add_arguments(command)
    return parser


if __name__ == "__main__":
    sys.exit(main())

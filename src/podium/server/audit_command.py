"""`podium audit`: verifies the audit trail of an installation, beside its running servers."""

from __future__ import annotations

import argparse
from functools import partial
from pathlib import Path

from podium.kernel.audit_chain.files import CHECKPOINTS_FILE
from podium.kernel.audit_chain.signing import PUBLIC_KEY_FILE, PublicKey
from podium.kernel.audit_chain.verification import Verdict, verify
from podium.kernel.config import Config
from podium.kernel.db import Database
from podium.server.installation import CommandError, say, with_database


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `audit`."""
    actions = parser.add_subparsers(dest="action", required=True)
    check = actions.add_parser("verify", help="compare the trail with its chain and the signed checkpoints")
    check.add_argument("--checkpoints", type=Path, action="append", default=None)
    check.add_argument("--public-key", type=Path, default=None)


def run(config: Config, options: argparse.Namespace) -> int:
    """Verify; 0 when nothing is wrong, else 1. Raises CommandError."""
    path = options.public_key or config.data_dir / PUBLIC_KEY_FILE
    try:
        key = PublicKey.read(path)
    except OSError as error:
        raise CommandError(f"the public key {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise CommandError(f"{path} holds no public key of checkpoints") from error
    default = config.data_dir / CHECKPOINTS_FILE
    files = options.checkpoints or ([default] if default.exists() else [])
    try:
        verdict = with_database(config, partial(_verify, key=key, files=files))
    except OSError as error:
        raise CommandError(f"{error.filename} cannot be read: {error.strerror}") from error
    return _report(verdict, key, files)


async def _verify(db: Database, key: PublicKey, files: list[Path]) -> Verdict:
    connection = await db.dedicated()
    try:
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            return await verify(connection, key, files)
    finally:
        await connection.close()


def _report(verdict: Verdict, key: PublicKey, files: list[Path]) -> int:
    for finding in verdict.findings:
        say(f"WRONG  {finding}")
    if verdict.wrong > len(verdict.findings):
        say(f"WRONG  {verdict.wrong - len(verdict.findings)} more")
    parts = [f"{verdict.rows} rows as they were sealed", f"{verdict.open} not sealed yet"]
    parts += [f"{verdict.erased} of them with erased names"] if verdict.erased else []
    parts += [f"{verdict.removed} removed by retention"] if verdict.removed else []
    parts += [f"{verdict.checkpoints} checkpoints in the database, {len(files)} files of checkpoints", f"key {key.kid}"]
    state = f"{verdict.wrong} things are wrong" if verdict.wrong else "OK"
    say(f"{state}: {'; '.join(parts)}.")
    if not files:
        say("Without a file of checkpoints nobody can tell whether the end was cut off: name one with --checkpoints.")
    return 1 if verdict.wrong else 0

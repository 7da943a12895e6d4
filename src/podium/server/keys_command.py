"""`podium keys`: shows and replaces the keys of an installation, beside its running servers."""

from __future__ import annotations

import argparse
import os
import secrets
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from podium.kernel import key_rotation
from podium.kernel.config import Config
from podium.kernel.db import Database
from podium.kernel.key_rotation import Rotated, RotationError
from podium.kernel.secrets import KEY_BYTES, MASTER_KEY_FILE, MasterKey, SecretError
from podium.server.installation import CommandError, say, with_database
from podium.server.sealed_columns import SEALED_COLUMNS

NEXT_FILE = f"{MASTER_KEY_FILE}.next"
PREVIOUS_FILE = f"{MASTER_KEY_FILE}.previous"
NEW_KEY = "PODIUM_NEW_MASTER_KEY"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command line of `keys`."""
    actions = parser.add_subparsers(dest="action", required=True)
    actions.add_parser("list", help="the keys and what opens them")
    rotate = actions.add_parser("rotate", help="replace the master key")
    rotate.add_argument("--data", action="store_true", help="replace the data keys and seal every value again, too")
    rotate.add_argument("--data-only", action="store_true", help="leave the master key as it is")
    rotate.add_argument("--new-key-file", type=Path, default=None, help="the new master key: base64, or 32 bytes")
    rotate.add_argument("--keep-old", action="store_true", help="let the old master key go on to open the data keys")
    actions.add_parser("forget-old", help="end what --keep-old left")


def run(config: Config, options: argparse.Namespace) -> int:
    """Do what the command line says; 0 when it is done. Raises CommandError."""
    try:
        if options.action == "list":
            return with_database(config, lambda db: _list(db, config))
        if options.action == "forget-old":
            return with_database(config, lambda db: _forget(db, config))
        return _rotate(config, options)
    except (SecretError, RotationError) as error:
        raise CommandError(str(error)) from error


async def _list(db: Database, config: Config) -> int:
    master = MasterKey.load(config.data_dir, config.master_key)
    async with db.acquire() as connection:
        rows = await key_rotation.data_keys(connection)
    say(f"master key {master.id.hex()}  ({_where(config)})")
    for row in rows:
        state = "seals" if row["retired_at"] is None and row is rows[-1] else "opens only"
        masters = ", ".join(bytes(id_).hex() for id_ in row["masters"])
        say(f"data key   {row['id'].hex()}  made {row['created_at']:%Y-%m-%d %H:%M}  {state}  opened by {masters}")
    return 0


async def _forget(db: Database, config: Config) -> int:
    master = MasterKey.load(config.data_dir, config.master_key)
    count = await key_rotation.forget_other_masters(db, master)
    say(f"Only the master key {master.id.hex()} opens the data keys now ({count} wraps deleted).")
    return 0


def _rotate(config: Config, options: argparse.Namespace) -> int:
    if options.data_only and (options.new_key_file or options.keep_old):
        raise CommandError(
            "--data-only leaves the master key as it is: it goes with neither --new-key-file nor --keep-old"
        )
    old = MasterKey.load(config.data_dir, config.master_key)
    new = None if options.data_only else _new_master(config, options.new_key_file)
    if new is not None and new.id == old.id:
        raise CommandError("the new master key is the present one")
    is_file = config.master_key is None and new is not None
    switch = _file_switch(config.data_dir) if is_file else _nothing

    async def work(db: Database) -> Rotated:
        return await key_rotation.rotate(
            db,
            SEALED_COLUMNS,
            old,
            new,
            with_data=options.data or options.data_only,
            keep_old=options.keep_old,
            switch=switch,
        )

    if options.data or options.data_only:
        say(f"Telling every node of the new data key: {key_rotation.HEARD_SECONDS:.0f} s ...")
    done = with_database(config, work)
    if is_file and not options.keep_old:
        (config.data_dir / PREVIOUS_FILE).unlink(missing_ok=True)
    _report(config, done, old, new, keep_old=options.keep_old)
    return 0


def _report(config: Config, done: Rotated, old: MasterKey, new: MasterKey | None, *, keep_old: bool) -> None:
    count = sum(done.sealed_again.values())
    say(f"Data key {done.active.hex()} seals; {count} values sealed again, {done.deleted} data keys deleted.")
    if new is None:
        return
    state = "opens the data keys until `podium keys forget-old`" if keep_old else "opens nothing any more"
    say(f"Master key {new.id.hex()} is in use; {old.id.hex()} {state}.")
    if config.master_key is not None:
        say("Set PODIUM_MASTER_KEY to the new key before a server starts again.")


def _new_master(config: Config, file: Path | None) -> MasterKey:
    """The new key: of a file, of the environment, or made here when the present one is a file of the data folder too."""
    given = os.environ.get(NEW_KEY)
    if file is None and os.environ.get(f"{NEW_KEY}_FILE"):
        file = Path(os.environ[f"{NEW_KEY}_FILE"])
    pending = config.data_dir / NEXT_FILE
    if file is not None:
        try:
            content = file.read_bytes()
        except OSError as error:
            raise CommandError(f"{file} cannot be read: {error.strerror}") from error
        key = MasterKey(content) if len(content) == KEY_BYTES else MasterKey.read(_text(content, file), str(file))
    elif given:
        key = MasterKey.read(given, NEW_KEY)
    elif config.master_key is not None:
        raise CommandError(f"PODIUM_MASTER_KEY is set by you: give the new one in {NEW_KEY} or --new-key-file")
    else:
        return MasterKey.of_file(pending, make=True)  # that of a rotation that was killed, when there is one
    if config.master_key is None:
        _store(pending, key.key)
    return key


def _text(content: bytes, file: Path) -> str:
    try:
        return content.decode("ascii")
    except UnicodeDecodeError:
        raise CommandError(f"{file} must hold the base64 of 32 bytes, or 32 bytes") from None


def _store(path: Path, content: bytes) -> None:
    """Write a file for its owner only, whole or not at all."""
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError:
        aside.unlink(missing_ok=True)
        raise


def _file_switch(folder: Path) -> Callable[[], None]:
    """Puts `master.key.next` in the place of `master.key`, which is kept aside until the rotation ends."""

    def switch() -> None:
        current, previous = folder / MASTER_KEY_FILE, folder / PREVIOUS_FILE
        previous.unlink(missing_ok=True)
        previous.hardlink_to(current)
        (folder / NEXT_FILE).replace(current)
        with suppress(OSError):  # not every file system takes it; the rename itself is whole
            descriptor = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)

    return switch


def _nothing() -> None:
    """The operator's own key is set by the operator."""


def _where(config: Config) -> str:
    return "PODIUM_MASTER_KEY" if config.master_key is not None else str(config.data_dir / MASTER_KEY_FILE)

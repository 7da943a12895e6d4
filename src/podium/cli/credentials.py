"""The sign-in that `podium login` keeps between commands: one file that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from podium.cli.failure import Failure


@dataclass(frozen=True, slots=True)
class Stored:
    """A sign-in to one tenant. `expires_at`: seconds since 1970 when the token ends, None where nobody said.

    `refresh_token`: None for the classic sign-in, which cannot be renewed. A refresh token is good for one use.
    """

    url: str
    organization: str
    tenant: str
    user: str
    token: str
    refresh_token: str | None = None
    expires_at: float | None = None


def location() -> Path:
    """`podium/credentials.json` in the folder where the system keeps a user's settings."""
    folder = os.environ.get("XDG_CONFIG_HOME") or os.environ.get("APPDATA")
    return (Path(folder) if folder else Path.home() / ".config") / "podium" / "credentials.json"


def load() -> Stored | None:
    """The stored sign-in; None when there is none. Raises Failure when the file is not ours."""
    path = location()
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise Failure(f"Cannot read {path}: {error}", hint="`podium logout` removes it") from None
    stored = _read(content) if isinstance(content, dict) else None
    if stored is None:
        raise Failure(f"{path} is not a sign-in of podium", hint="`podium logout` removes it")
    return stored


def _read(content: dict[str, Any]) -> Stored | None:
    members: dict[str, Any] = {field.name: content.get(field.name) for field in fields(Stored)}
    texts = [members[name] for name in ("url", "organization", "tenant", "user", "token")]
    is_ours = (
        all(isinstance(text, str) for text in texts)
        and isinstance(members["refresh_token"], str | None)
        and isinstance(members["expires_at"], int | float | None)
    )
    return Stored(**members) if is_ours else None


def save(stored: Stored) -> Path:
    """The file written in one step with mode 0600, so that no other user ever sees a part of it."""
    path = location()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    # mkstemp creates with 0600; the rename keeps the mode and replaces a symlink instead of following it.
    handle, draft = tempfile.mkstemp(dir=path.parent, prefix=".credentials-")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(asdict(stored), file, indent=2)
        Path(draft).replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            Path(draft).unlink()
        raise
    return path


def forget() -> bool:
    """Whether there was a stored sign-in to remove."""
    try:
        location().unlink()
    except FileNotFoundError:
        return False
    return True


@contextlib.contextmanager
def locked() -> Iterator[None]:
    """Alone with the stored sign-in: every process that replaces it waits for the others. Raises Failure."""
    path = location().with_suffix(".lock")
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise Failure(f"Cannot use {path}: {error.strerror}") from None
    try:
        _wait_for(handle)
        yield
    finally:
        os.close(handle)  # and with it the lock, as at the end of a process that died


def _wait_for(handle: int) -> None:
    if sys.platform == "win32":
        import msvcrt

        msvcrt.locking(handle, msvcrt.LK_LOCK, 1)
    else:
        import fcntl

        fcntl.flock(handle, fcntl.LOCK_EX)

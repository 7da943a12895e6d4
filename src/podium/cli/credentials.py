"""The sign-in that `podium login` keeps between commands: one file that only its owner can read."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, fields
from pathlib import Path

from podium.cli.failure import Failure


@dataclass(frozen=True, slots=True)
class Stored:
    """A sign-in to one tenant; the token dies with its own expiry, which only the server knows."""

    url: str
    organization: str
    tenant: str
    user: str
    token: str


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
    values = [content.get(field.name) for field in fields(Stored)] if isinstance(content, dict) else [None]
    if not all(isinstance(value, str) for value in values):
        raise Failure(f"{path} is not a sign-in of podium", hint="`podium logout` removes it")
    return Stored(*values)


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

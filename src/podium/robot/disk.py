"""Small files that are there whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import msgspec


def write_json(path: Path, value: Any, *, is_durable: bool = False) -> None:
    """Replaces the file in one step; `is_durable` waits until it also survives a power cut (some milliseconds)."""
    draft = path.with_name(path.name + ".new")
    with draft.open("wb") as file:
        file.write(msgspec.json.encode(value))
        if is_durable:
            file.flush()
            os.fsync(file.fileno())
    draft.replace(path)

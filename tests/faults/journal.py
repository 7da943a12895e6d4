"""What the clients know: every StartJobs that they sent, and what became of it. A file, one JSON object per line."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

Word = Literal["sent", "acknowledged", "unknown", "refused"]


class Journal:
    """Written by the clients while the server dies under them; every line is in the file before they go on."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", buffering=1, encoding="utf-8")
        self.acknowledged = 0

    def note(self, word: Word, reference: str, detail: str = "") -> None:
        """`acknowledged` carries the job's key, `refused` the answer."""
        self._file.write(json.dumps([word, reference, detail]) + "\n")
        self.acknowledged += word == "acknowledged"

    def close(self) -> None:
        """Close the file."""
        self._file.close()


@dataclass(slots=True)
class Told:
    """A journal that was read: references sent, keys by acknowledged reference, references without an answer."""

    sent: set[str] = field(default_factory=set)
    acknowledged: dict[str, str] = field(default_factory=dict)
    unknown: set[str] = field(default_factory=set)
    refused: dict[str, str] = field(default_factory=dict)


def read(path: Path) -> Told:
    """The journal of a file."""
    told = Told()
    for line in path.read_text(encoding="utf-8").splitlines():
        word, reference, detail = json.loads(line)
        if word == "sent":
            told.sent.add(reference)
        elif word == "acknowledged":
            told.acknowledged[reference] = detail
        elif word == "unknown":
            told.unknown.add(reference)
        else:
            told.refused[reference] = detail
    return told

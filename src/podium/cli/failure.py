"""What can end a command early, and the exit status that tells a script why."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum


class Exit(IntEnum):
    """Exit statuses; those of `--wait` are the first, third and last as in `timeout(1)`."""

    OK = 0
    REFUSED = 1
    USAGE = 2
    UNREACHABLE = 3
    NOT_AUTHENTICATED = 4
    INTERRUPTED = 130


@dataclass(eq=False)
class Failure(Exception):
    """A reason to stop that is shown to the user as one line; `error_code` is the server's, when it gave one."""

    message: str
    status: Exit = Exit.REFUSED
    error_code: int | None = None
    hint: str | None = None

    def __str__(self) -> str:
        """The line for stderr, without line breaks."""
        line = " ".join(self.message.split())
        if self.error_code:
            line += f" (errorCode {self.error_code})"
        if self.hint:
            line += f" - {self.hint}"
        return line

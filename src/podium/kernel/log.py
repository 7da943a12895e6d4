"""The log: one JSON object per line on stderr, or a form for people on a terminal; secrets are cut out of both."""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Mapping, MutableMapping
from datetime import datetime
from typing import Any

import msgspec
import structlog
from structlog.typing import Processor

SECRET_KEY = re.compile(
    r"passw|pwd|secret|authorization|token|credential|cookie|dsn|database_?url"
    r"|(licen[sc]e|api|private|master|machine|data)_?key",
    re.IGNORECASE,
)
CUT = "[removed]"
DEEPEST = 8


class CallLog:
    """Writes one line per call. As JSON it goes straight to stderr: the general way costs more than many calls do.

    The fields are named by the server and hold no secret, so they are not searched for any.
    """

    def __init__(self, *, is_enabled: bool, is_direct: bool) -> None:
        self._is_enabled = is_enabled
        self._is_direct = is_direct
        self._logger = structlog.get_logger("podium.calls")

    def write(self, at: datetime, fields: Mapping[str, object]) -> None:
        """One line, when lines of this level are wanted."""
        if not self._is_enabled:
            return
        if self._is_direct:
            line = {"event": "call", "level": "info", "timestamp": at, **fields}
            sys.stderr.write(msgspec.json.encode(line).decode() + "\n")
        else:
            self._logger.info("call", **fields)


_call_log: list[CallLog] = []


def call_log() -> CallLog:
    """As the last `configure` set it up."""
    return _call_log[-1] if _call_log else CallLog(is_enabled=True, is_direct=False)


def configure(json: bool | None = None, level: str = "INFO") -> None:
    """Set the process's logging up, the standard library's included; may be called again.

    `json` None means JSON unless stderr is a terminal. Raises ValueError for an unknown level.
    """
    number = logging.getLevelNamesMapping().get(level.upper())
    if number is None:
        raise ValueError(f"Unknown log level {level!r}.")
    as_json = not sys.stderr.isatty() if json is None else json
    _call_log[:] = [CallLog(is_enabled=number <= logging.INFO, is_direct=as_json)]
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.StackInfoRenderer(),
        redacted,
    ]
    # tracebacks without local variables, in both forms: those hold what must not be logged
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer(default=str)]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=number, force=True)
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )


def redacted(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """The event without the values whose key names a secret, at any depth."""
    for key, value in event.items():
        event[key] = CUT if SECRET_KEY.search(key) else _redacted(value, 1)
    return event


def _redacted(value: Any, depth: int) -> Any:
    if depth > DEEPEST:
        return CUT
    if isinstance(value, Mapping):
        return {
            key: CUT if SECRET_KEY.search(str(key)) else _redacted(inner, depth + 1) for key, inner in value.items()
        }
    if isinstance(value, list):
        return [_redacted(inner, depth + 1) for inner in value]
    return value

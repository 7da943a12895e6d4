"""Arguments of a job as they are written on the command line."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from podium.cli.failure import Exit, Failure


def parse(pieces: Iterable[str], option: str = "--input") -> dict[str, Any] | None:
    """The arguments that the pieces give together, later ones winning; None when there are no pieces.

    A piece is a JSON object, `@file` with one, `@-` for one on stdin, or `name=value`. A value that is JSON is taken
    as such (`n=3`, `on=true`), any other is text; `name:=value` insists on text (`code:=007`).
    Raises Failure (2) naming the piece; `option` is what the pieces are given with.
    """
    arguments: dict[str, Any] | None = None
    for piece in pieces:
        arguments = (arguments or {}) | _one(piece, option)
    return arguments


def _one(piece: str, option: str) -> dict[str, Any]:
    if piece.lstrip().startswith("{"):
        return _object(piece, option)
    if piece.startswith("@"):
        return _object(_read(piece[1:]), piece)
    name, separator, value = piece.partition("=")
    if name.endswith(":"):
        return {_name(name[:-1], piece, option): value}
    if not separator:
        raise Failure(f"{option} {piece!r} is neither a JSON object, nor @file, nor name=value", Exit.USAGE)
    try:
        return {_name(name, piece, option): json.loads(value, parse_constant=_no_constant)}
    except ValueError:
        return {name: value}


def _name(name: str, piece: str, option: str) -> str:
    if not name.strip():
        raise Failure(f"{option} {piece!r} has no name before the =", Exit.USAGE)
    return name


def _object(text: str, where: str) -> dict[str, Any]:
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except ValueError as error:
        raise Failure(f"{where} is not JSON: {error}", Exit.USAGE) from None
    if not isinstance(value, dict):
        raise Failure(f"{where} must hold a JSON object, not {type(value).__name__}", Exit.USAGE)
    return value


def _read(name: str) -> str:
    if name == "-":
        return sys.stdin.read()
    try:
        return Path(name).expanduser().read_text(encoding="utf-8-sig")
    except OSError as error:
        raise Failure(f"Cannot read {name!r}: {error.strerror}", Exit.USAGE) from None
    except UnicodeDecodeError:
        raise Failure(f"{name!r} is not UTF-8 text", Exit.USAGE) from None


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is not JSON")

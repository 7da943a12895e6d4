"""The published operations as data: one row of a table is one operation, and code binds to it by method and path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Literal

TABLES = ("orchestrator.tsv", "native.tsv", "identity.tsv")
OVERLAY = "overlay.tsv"
COLUMNS = (
    "id", "method", "path", "tag", "success", "scopes", "permissions", "folder", "path_params", "query_params",
    "body_model", "response_model", "consumes", "produces", "deprecated", "context",
)  # fmt: skip

Place = Literal["path", "query"]
WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z0-9]+|[0-9]+")


class ContractError(KeyError):
    """A table that cannot be read, or an operation that no table has."""

    def __str__(self) -> str:
        return str(self.args[0])


class Folder(StrEnum):
    """What an operation wants of the folder headers."""

    REQUIRED = "required"  # no header: 400 #1101
    OPTIONAL = "optional"  # no header: every folder in which the caller has the permission
    NONE = "none"  # the headers are not read


@dataclass(frozen=True, slots=True)
class Param:
    """A typed parameter of the path or the query. `name` is the wire's, `argument` its snake_case form.

    `kind` is one of string, integer (64 bit), boolean, uuid, date-time, file; `many` says that it is a list of these:
    repeated in the query, parted by commas in the path. `default` is the published text or None.
    """

    name: str
    kind: str
    place: Place
    many: bool = False
    required: bool = True
    default: str | None = None
    enum: tuple[str, ...] = ()

    @property
    def argument(self) -> str:
        return snake(self.name)

    @property
    def is_odata(self) -> bool:
        """Whether it is an option such as `$filter`, which the OData reader takes and nobody else."""
        return self.name.startswith("$")


@dataclass(frozen=True, slots=True)
class Row:
    """One operation. `permissions` is the published sentence: `podium.kernel.permission.gate` reads it.

    `success` is the one status of a good answer. `body_model` and `response_model` are names of models, or
    `array<...>`, `map<...>`, `object`, `file`, `form`, a scalar's kind, or blank. The models of the identity
    tables are not among the generated structs.
    """

    id: str
    method: str
    path: str
    tag: str
    success: int
    scopes: frozenset[str]
    permissions: str
    folder: Folder
    path_params: tuple[Param, ...]
    query_params: tuple[Param, ...]
    body_model: str
    response_model: str
    consumes: str
    produces: str
    is_deprecated: bool
    context: str
    confidence: str = ""


class Contract:
    """Every row of the tables, in their order, found by the exact text of method and path."""

    def __init__(self, rows: Iterable[Row]) -> None:
        by_key: dict[tuple[str, str], Row] = {}
        by_id: dict[str, Row] = {}
        for row in rows:
            if (row.method, row.path) in by_key:
                raise ContractError(f"{row.method} {row.path} stands in the tables twice.")
            if row.id in by_id:
                raise ContractError(f"The id {row.id} stands in the tables twice.")
            by_key[row.method, row.path] = by_id[row.id] = row
        self._by_key = MappingProxyType(by_key)
        self._by_id = MappingProxyType(by_id)

    @classmethod
    def load(cls, folder: Path) -> Contract:
        """The tables of a folder, the overlay laid over the published ones; its further rows follow them."""
        overlay = {(cells["method"], cells["path"]): cells for cells in _lines(folder / OVERLAY)}
        merged: list[dict[str, str]] = []
        for table in TABLES:
            for cells in _lines(folder / table):
                over = overlay.pop((cells["method"], cells["path"]), None)
                merged.append(cells if over is None else cells | {name: text for name, text in over.items() if text})
        return cls(_row(cells) for cells in (*merged, *overlay.values()))

    def row(self, method: str, path: str) -> Row:
        """The operation of this method and path, spelled as in the table. Raises ContractError."""
        try:
            return self._by_key[method, path]
        except KeyError:
            raise ContractError(f"No operation {method} {path} in the contract.") from None

    def named(self, operation_id: str) -> Row:
        """The operation of this id. Raises ContractError."""
        try:
            return self._by_id[operation_id]
        except KeyError:
            raise ContractError(f"No operation {operation_id} in the contract.") from None

    def of_context(self, context: str) -> tuple[Row, ...]:
        return tuple(row for row in self if row.context == context)

    def __iter__(self) -> Iterator[Row]:
        return iter(self._by_key.values())

    def __len__(self) -> int:
        return len(self._by_key)

    def __contains__(self, key: object) -> bool:
        return key in self._by_key


def unbound(contract: Iterable[Row], bound_ids: Iterable[str]) -> tuple[Row, ...]:
    """The rows that no function answers yet, in the contract's order."""
    bound = frozenset(bound_ids)
    return tuple(row for row in contract if row.id not in bound)


@lru_cache(maxsize=4096)
def snake(name: str) -> str:
    """A wire name as a Python name: `StartInfo`, `groupIDs`, `$top` -> `start_info`, `group_ids`, `top`."""
    return "_".join(_words(name)).lower()


def _words(name: str) -> list[str]:
    words: list[str] = WORD.findall(name.replace("IDs", "Ids"))
    return words


def _lines(table: Path) -> Iterator[dict[str, str]]:
    header, *lines = table.read_text(encoding="utf-8").splitlines()
    names = header.split("\t")
    if tuple(names[: len(COLUMNS)]) != COLUMNS:
        raise ContractError(f"{table.name} does not start with the columns {' '.join(COLUMNS)}.")
    for number, line in enumerate(lines, start=2):
        cells = line.split("\t")
        if len(cells) != len(names):
            raise ContractError(f"{table.name}:{number} has {len(cells)} cells, not {len(names)}.")
        yield dict(zip(names, cells, strict=True))


def _row(cells: Mapping[str, str]) -> Row:
    try:
        return Row(
            id=cells["id"],
            method=cells["method"],
            path=cells["path"],
            tag=cells["tag"],
            success=int(cells["success"]),
            scopes=frozenset(filter(None, cells["scopes"].split("|"))),
            permissions=cells["permissions"],
            folder=Folder(cells["folder"]),
            path_params=_params(cells["path_params"], "path"),
            query_params=_params(cells["query_params"], "query"),
            body_model=cells["body_model"],
            response_model=cells["response_model"],
            consumes=cells["consumes"],
            produces=cells["produces"],
            is_deprecated=cells["deprecated"] == "yes",
            context=cells["context"],
            confidence=cells.get("confidence", ""),
        )
    except ValueError as error:
        raise ContractError(f"{cells['method']} {cells['path']}: {error}") from None


@lru_cache(maxsize=1024)
def _params(text: str, place: Place) -> tuple[Param, ...]:
    """The cell `name:kind{A|B}="A":optional, ...` as parameters."""
    return tuple(_param(part, place) for part in text.split(", ")) if text else ()


def _param(text: str, place: Place) -> Param:
    name, colon, rest = text.partition(":")
    if not colon:
        raise ValueError(f"the parameter {text!r} has no kind")
    rest, _, need = rest.partition(":")
    rest, has_default, default = rest.partition("=")
    kind, _, members = rest.rstrip("}").partition("{")
    many = kind.startswith("array<")
    return Param(
        name=name,
        kind=kind.removeprefix("array<").removesuffix(">"),
        place=place,
        many=many,
        required=need != "optional",
        default=default.strip('"') if has_default else None,
        enum=tuple(members.split("|")) if members else (),
    )

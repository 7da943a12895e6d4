"""The entity data model of what the node answers under `/odata`, made of the contract's rows and models.

Nothing is declared twice: sets, keys, actions and functions are the bound rows, types are the models that these reach.
The contract does not say which models have a key; a model with a member `Id` has one, and what deviates is in KEYS.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from podium.kernel.contract import Row
from podium.server.openapi.schemas import WRAPPED, innermost

Json = dict[str, Any]

NAMESPACE = "UiPath.Server.Configuration.OData"
QUEUES = "UiPathODataSvc"  # the namespace of the queues' operations
OPEN = "Dictionary"  # the type of objects whose members nobody knows beforehand
# Where the members of a set's type do not tell the key: it is not `Id`, or there is an `Id` that is not the key.
KEYS = {
    "LibraryDto": "Key",
    "ProcessDto": "Key",
    "LicenseNamedUserDto": "Key",
    "LicenseRuntimeDto": "Key",
    "QueueRetentionSettingDto": "QueueDefinitionId",
    "ReleaseRetentionSettingDto": "ReleaseId",
    "TaskRetentionSettingDto": "TaskCatalogId",
}
# The type of sets that have operations and no list of their own.
TYPES = {
    "LicensesNamedUser": "LicenseNamedUserDto",
    "LicensesRuntime": "LicenseRuntimeDto",
    "QueueProcessingRecords": "QueueProcessingRecordDto",
    "Queues": "QueueDefinitionDto",
    "TaskActivities": "TaskActivityDto",
    "TaskNotes": "TaskNoteDto",
}
SCALARS = {
    "string": "Edm.String",
    "integer": "Edm.Int64",
    "number": "Edm.Double",
    "boolean": "Edm.Boolean",
    "uuid": "Edm.Guid",
    "date-time": "Edm.DateTimeOffset",
    "file": "Edm.Stream",
    "object": f"{NAMESPACE}.{OPEN}",
}
FORMATS = {"int32": "Edm.Int32", "int64": "Edm.Int64", "uuid": "Edm.Guid"}
SEGMENT = re.compile(r"(\w+)(?:\((.*)\))?")
BOUND = re.compile(r"(?:(UiPathODataSvc)|UiPath\.Server\.Configuration\.OData)\.(\w+)(?:\(.*\))?")


@dataclass(frozen=True)
class Member:
    """A property or a navigation; `type` is the full name, with `Collection(...)` around it when there are many."""

    name: str
    type: str
    nullable: bool = True
    max_length: int | None = None
    is_navigation: bool = False


@dataclass(frozen=True)
class Type:
    """An entity type when it has a key, else a complex type."""

    name: str
    key: str | None
    members: tuple[Member, ...]


@dataclass(frozen=True)
class Bound:
    """An action or a function of a set or of one of its entities; the first parameter is what it is bound to."""

    name: str
    namespace: str
    is_function: bool
    parameters: tuple[Member, ...]
    returns: str | None


@dataclass
class Model:
    """`sets` maps a set's name to the name of its entity type, `enums` a name to its members."""

    types: dict[str, Type] = field(default_factory=dict)
    enums: dict[str, tuple[str, ...]] = field(default_factory=dict)
    sets: dict[str, str] = field(default_factory=dict)
    bound: list[Bound] = field(default_factory=list)


def model_of(rows: Iterable[Row], models: Mapping[str, Json]) -> Model:
    """The model of these rows; rows outside `/odata` are left out."""
    rows = [row for row in rows if row.path.startswith("/odata/")]
    return _Maker(models).make(rows)


class _Maker:
    """Collects the types that the rows reach."""

    def __init__(self, models: Mapping[str, Json]) -> None:
        self._models = models
        self._model = Model()
        self._waiting: list[str] = []
        self._enum_names: dict[tuple[str, ...], str] = {}

    def make(self, rows: list[Row]) -> Model:
        self._model.sets = dict(sorted(_sets(rows, self._models).items()))
        self._waiting.extend(self._model.sets.values())
        for row in rows:
            if (bound := self._bound(row)) is not None:
                self._model.bound.append(bound)
        while self._waiting:
            name = self._waiting.pop(0)
            if name not in self._model.types:
                self._model.types[name] = self._type(name)
        return self._model

    def _type(self, name: str) -> Type:
        facts = self._models[name]
        key = self._key(name)
        members = tuple(self._member(name, member, fact, member == key) for member, fact in facts.items())
        return Type(name, key, members)

    def _key(self, name: str) -> str | None:
        members = self._models[name]
        if name in KEYS:
            return KEYS[name]
        return "Id" if "Id" in members and members["Id"]["type"] in ("integer", "string") else None

    def _member(self, owner: str, name: str, facts: Json, is_key: bool) -> Member:
        kind = facts["type"]
        type_ = self._kind(kind, facts, (owner, name))
        inner = innermost(kind)
        is_navigation = not kind.startswith("map<") and inner in self._models and self._key(inner) is not None
        nullable = not (is_key or facts["required"] or type_.startswith("Collection("))
        longest = facts.get("maxLength") if type_ == "Edm.String" else None
        return Member(name, type_, nullable, longest, is_navigation)

    def _kind(self, kind: str, facts: Json | None = None, place: tuple[str, str] | None = None) -> str:
        """The full name of a kind of the contract; models on the way are taken up."""
        if match := WRAPPED.fullmatch(kind):
            if match[1] == "map":
                return f"{NAMESPACE}.{OPEN}"
            inner = self._kind(match[2], facts, place)
            return inner if inner.startswith("Collection(") else f"Collection({inner})"
        if kind in self._models:
            self._waiting.append(kind)
            return f"{NAMESPACE}.{kind}"
        facts = facts or {}
        if facts.get("enum") and place is not None and kind == "string":
            return f"{NAMESPACE}.{self._enum(place, tuple(facts['enum']))}"
        return FORMATS.get(facts.get("format", ""), SCALARS[kind])

    def _enum(self, place: tuple[str, str], names: tuple[str, ...]) -> str:
        """The name of the enumeration with these members: that of the place where they are met first."""
        if names not in self._enum_names:
            owner, member = place
            name = owner.removesuffix("Dto").removesuffix("Request") + member[0].upper() + member[1:]
            while name in self._model.enums or name in self._models:
                name += "Kind"
            self._enum_names[names] = name
            self._model.enums[name] = names
        return self._enum_names[names]

    def _bound(self, row: Row) -> Bound | None:
        segments = row.path.split("/")[2:]
        if len(segments) < 2 or row.method not in ("GET", "POST"):
            return None
        owner, name = SEGMENT.fullmatch(segments[0]), BOUND.fullmatch(segments[1])
        if owner is None or name is None or owner[1] not in self._model.sets:
            return None
        type_ = f"{NAMESPACE}.{self._model.sets[owner[1]]}"
        first = Member("bindingParameter", type_ if owner[2] else f"Collection({type_})", nullable=False)
        returns = self._returned(row)
        is_function = row.method == "GET"
        if is_function and returns is None:
            return None
        given = self._path_parameters(row, segments[1]) if is_function else self._body_parameters(row)
        return Bound(name[2], name[1] or NAMESPACE, is_function, (first, *given), returns)

    def _path_parameters(self, row: Row, segment: str) -> list[Member]:
        params = [param for param in row.path_params if f"{{{param.name}}}" in segment]
        kinds = [(param.name, f"array<{param.kind}>" if param.many else param.kind) for param in params]
        return [Member(name, self._kind(kind), nullable=False) for name, kind in kinds]

    def _body_parameters(self, row: Row) -> list[Member]:
        facts = self._models.get(row.body_model, {})
        # A parameter may not have the name of what the action is bound to, and may have an entity for its type.
        members = [self._member(row.body_model, name, fact, False) for name, fact in facts.items()]
        return [Member(member.name, member.type, member.nullable) for member in members]

    def _returned(self, row: Row) -> str | None:
        kind = row.response_model
        if not kind or row.success == 204:
            return None
        wrapped = self._models.get(kind, {})
        if kind.startswith("ODataValueOf") and "value" in wrapped:
            return self._kind(wrapped["value"]["type"], wrapped["value"])
        return self._kind(kind)


def _sets(rows: Iterable[Row], models: Mapping[str, Json]) -> dict[str, str]:
    """Set -> the model of its entities; a list tells it, else the read of one entity, else TYPES."""
    lists: dict[str, str] = {}
    singles: dict[str, str] = {}
    named: dict[str, str] = {}
    for row in rows:
        segments = row.path.split("/")[2:]
        owner = SEGMENT.fullmatch(segments[0])
        if owner is None:
            continue
        if owner[1] in TYPES:
            named[owner[1]] = TYPES[owner[1]]
        if len(segments) == 1 and row.method == "GET" and row.response_model:
            kind = row.response_model
            if owner[2]:
                singles[owner[1]] = kind
            else:
                lists[owner[1]] = innermost(models[kind]["value"]["type"] if kind.startswith("ODataValue") else kind)
    return {name: kind for name, kind in (named | singles | lists).items() if kind in models}

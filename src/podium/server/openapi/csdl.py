"""The entity data model as a CSDL 4.0 document, and the service document that lists the sets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from xml.etree import ElementTree as ET

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Row
from podium.kernel.operation import Operation
from podium.server.openapi.edm import NAMESPACE, OPEN, QUEUES, Bound, Member, Model, Type, model_of
from podium.server.openapi.orchestrator import models

EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
EDM = "http://docs.oasis-open.org/odata/ns/edm"
CONTAINER = "Container"

Element = ET.Element


def metadata(contract: Contract, operations: Iterable[Operation]) -> bytes:
    """The document of the bound operations, as XML. Made once per set of operations."""
    return _metadata(_bound_rows(contract, operations))


def entity_sets(contract: Contract, operations: Iterable[Operation]) -> list[str]:
    """The names of the sets, in their order."""
    return list(_model(_bound_rows(contract, operations)).sets)


def _bound_rows(contract: Contract, operations: Iterable[Operation]) -> tuple[Row, ...]:
    bound = frozenset(operation.row.id for operation in operations)
    return tuple(row for row in contract.of_context("orchestrator") if row.id in bound)


@lru_cache(maxsize=4)
def _model(rows: tuple[Row, ...]) -> Model:
    return model_of(rows, models(resource("contract")))


@lru_cache(maxsize=4)
def _metadata(rows: tuple[Row, ...]) -> bytes:
    model = _model(rows)
    document = Element("edmx:Edmx", {"xmlns:edmx": EDMX, "Version": "4.0"})
    services = _add(document, "edmx:DataServices")
    schema = _add(services, "Schema", xmlns=EDM, Namespace=NAMESPACE)
    for type_ in sorted(model.types.values(), key=lambda type_: (type_.key is None, type_.name)):
        _type(schema, type_)
    _add(schema, "ComplexType", Name=OPEN, OpenType="true")
    for name, members in sorted(model.enums.items()):
        enum = _add(schema, "EnumType", Name=name)
        for number, member in enumerate(members):
            _add(enum, "Member", Name=member, Value=str(number))  # optional, but clients exist that need it
    queues = _add(services, "Schema", xmlns=EDM, Namespace=QUEUES)
    for bound in sorted(model.bound, key=lambda bound: (bound.is_function, bound.name, bound.parameters[0].type)):
        _operation(queues if bound.namespace == QUEUES else schema, bound)
    _container(schema, model)
    ET.indent(document, "")
    return b'<?xml version="1.0" encoding="utf-8"?>\n' + ET.tostring(document, encoding="unicode").encode()


def _add(parent: Element, tag: str, **attributes: str) -> Element:
    return ET.SubElement(parent, tag, attributes)


def _type(schema: Element, type_: Type) -> None:
    made = _add(schema, "ComplexType" if type_.key is None else "EntityType", Name=type_.name)
    if type_.key is not None:
        _add(_add(made, "Key"), "PropertyRef", Name=type_.key)
    for member in type_.members:
        if not member.is_navigation:
            element = _add(made, "Property", Name=member.name, Type=member.type)
            _facets(element, member)
    for member in type_.members:
        if member.is_navigation:
            _add(made, "NavigationProperty", Name=member.name, Type=member.type)


def _facets(element: Element, member: Member) -> None:
    if not member.nullable:
        element.set("Nullable", "false")
    if member.max_length is not None:
        element.set("MaxLength", str(member.max_length))


def _operation(schema: Element, bound: Bound) -> None:
    made = _add(schema, "Function" if bound.is_function else "Action", Name=bound.name, IsBound="true")
    for parameter in bound.parameters:
        _facets(_add(made, "Parameter", Name=parameter.name, Type=parameter.type), parameter)
    if bound.returns is not None:
        _add(made, "ReturnType", Type=bound.returns)


def _container(schema: Element, model: Model) -> None:
    container = _add(schema, "EntityContainer", Name=CONTAINER)
    sets_of: dict[str, list[str]] = {}
    for name, type_ in model.sets.items():
        sets_of.setdefault(f"{NAMESPACE}.{type_}", []).append(name)
    for name, type_ in model.sets.items():
        made = _add(container, "EntitySet", Name=name, EntityType=f"{NAMESPACE}.{type_}")
        for member in model.types[type_].members:
            target = sets_of.get(member.type.removeprefix("Collection(").removesuffix(")"), ())
            if member.is_navigation and len(target) == 1:
                _add(made, "NavigationPropertyBinding", Path=member.name, Target=target[0])

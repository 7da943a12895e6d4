"""The CSDL document: well-formed by the rules of OData 4.0, whole, and the same for the rows that are bound later."""

from __future__ import annotations

import re
from collections import Counter
from typing import Any, cast
from xml.etree import ElementTree as ET

import pytest

from podium.kernel.config import resource
from podium.kernel.contract import Contract
from podium.kernel.operation import Operation, build
from podium.server.openapi.csdl import EDM, EDMX, entity_sets, metadata
from podium.server.openapi.edm import NAMESPACE, QUEUES
from podium.server.operations import OPERATION_MODULES

CONTRACT = Contract.load(resource("contract"))
NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,127}")
PRIMITIVE = {
    "Edm.String", "Edm.Int32", "Edm.Int64", "Edm.Double", "Edm.Boolean", "Edm.Guid", "Edm.DateTimeOffset", "Edm.Stream"
}  # fmt: skip


class Whole:
    """Stands for the operation of a row that is not bound yet."""

    def __init__(self, row: Any) -> None:
        self.row = row


def tag(name: str) -> str:
    return f"{{{EDM}}}{name}"


BOUND = build(CONTRACT, OPERATION_MODULES)
EVERY = cast("list[Operation]", [Whole(row) for row in CONTRACT.of_context("orchestrator")])
DOCUMENTS = {"bound": metadata(CONTRACT, BOUND), "every row": metadata(CONTRACT, EVERY)}


@pytest.fixture(params=DOCUMENTS)
def document(request: pytest.FixtureRequest) -> ET.Element:
    return ET.fromstring(DOCUMENTS[request.param])  # noqa: S314 - our own text


def schema(document: ET.Element, namespace: str = NAMESPACE) -> ET.Element:
    found = document.find(f".//{tag('Schema')}[@Namespace='{namespace}']")
    assert found is not None
    return found


def types(document: ET.Element) -> dict[str, ET.Element]:
    """Full name -> the declaration of every type."""
    kinds = ("EntityType", "ComplexType", "EnumType")
    return {f"{NAMESPACE}.{e.get('Name')}": e for kind in kinds for e in schema(document).findall(tag(kind))}


def plain(type_: str) -> str:
    return type_.removeprefix("Collection(").removesuffix(")")


class TestDocument:
    def test_it_is_an_edmx_of_version_4(self, document: ET.Element) -> None:
        assert (document.tag, document.get("Version")) == (f"{{{EDMX}}}Edmx", "4.0")

    def test_every_type_that_is_named_is_declared_once(self, document: ET.Element) -> None:
        declared = [element.get("Name") for element in schema(document) if element.tag != tag("Action")]
        declared = [name for name in declared if f"{NAMESPACE}.{name}" in types(document)]
        assert [name for name, times in Counter(declared).items() if times > 1] == []
        named = {plain(e.get("Type", "")) for e in document.iter() if e.get("Type") is not None}
        assert named - set(types(document)) - PRIMITIVE == set()

    def test_names_are_identifiers_and_unique_in_their_type(self, document: ET.Element) -> None:
        for full, type_ in types(document).items():
            names = [member.get("Name", "") for member in type_ if member.tag != tag("Key")]
            assert all(NAME.fullmatch(name) for name in names), full
            assert len(set(names)) == len(names), full

    def test_every_entity_type_has_a_key_that_is_never_null(self, document: ET.Element) -> None:
        for type_ in schema(document).findall(tag("EntityType")):
            reference = type_.find(f"{tag('Key')}/{tag('PropertyRef')}")
            assert reference is not None
            key = type_.find(f"{tag('Property')}[@Name='{reference.get('Name')}']")
            assert key is not None, type_.get("Name")
            assert key.get("Nullable") == "false"
            assert key.get("Type") in PRIMITIVE

    def test_navigations_lead_to_entities_and_properties_do_not(self, document: ET.Element) -> None:
        declared = types(document)
        for type_ in declared.values():
            for member in type_:
                target = declared.get(plain(member.get("Type", "")))
                is_entity = target is not None and target.tag == tag("EntityType")
                assert is_entity is (member.tag == tag("NavigationProperty")), member.attrib

    def test_every_set_is_of_an_entity_type_and_bindings_lead_to_sets(self, document: ET.Element) -> None:
        container = schema(document).find(tag("EntityContainer"))
        assert container is not None
        names = {element.get("Name") for element in container}
        assert len(names) == len(container)
        for element in container:
            assert types(document)[element.get("EntityType", "")].tag == tag("EntityType")
            assert {binding.get("Target") for binding in element} <= names

    def test_operations_are_bound_and_functions_return(self, document: ET.Element) -> None:
        for namespace in (NAMESPACE, QUEUES):
            for operation in schema(document, namespace):
                if operation.tag not in (tag("Action"), tag("Function")):
                    continue
                first = operation.find(tag("Parameter"))
                assert first is not None
                assert types(document)[plain(first.get("Type", ""))].tag == tag("EntityType")
                assert operation.tag == tag("Action") or operation.find(tag("ReturnType")) is not None

    def test_no_two_operations_are_the_same(self, document: ET.Element) -> None:
        """An action is told from others by what it is bound to, a function by its parameters as well."""
        seen: Counter[tuple[object, ...]] = Counter()
        for namespace in (NAMESPACE, QUEUES):
            for operation in schema(document, namespace):
                if operation.tag in (tag("Action"), tag("Function")):
                    parameters = operation.findall(tag("Parameter"))
                    names = [parameter.get("Name") for parameter in parameters]
                    told = names if operation.tag == tag("Function") else []
                    seen[(namespace, operation.get("Name"), parameters[0].get("Type"), *told)] += 1
        assert [key for key, times in seen.items() if times > 1] == []

    def test_enumerations_number_their_members(self, document: ET.Element) -> None:
        for enum in schema(document).findall(tag("EnumType")):
            assert [member.get("Value") for member in enum] == [str(number) for number in range(len(enum))]


class TestFacts:
    def job(self) -> ET.Element:
        return types(ET.fromstring(DOCUMENTS["bound"]))[f"{NAMESPACE}.JobDto"]  # noqa: S314 - our own text

    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("Id", {"Type": "Edm.Int64", "Nullable": "false"}),
            ("Key", {"Type": "Edm.Guid"}),
            ("CreationTime", {"Type": "Edm.DateTimeOffset"}),
            ("State", {"Type": f"{NAMESPACE}.JobState"}),
            ("EntryPointPath", {"Type": "Edm.String", "MaxLength": "512"}),
            ("Robot", {"Type": f"{NAMESPACE}.SimpleRobotDto"}),
        ],
    )
    def test_members_of_a_job(self, name: str, expected: dict[str, str]) -> None:
        found = self.job().find(f"*[@Name='{name}']")
        assert found is not None
        assert {key: text for key, text in found.attrib.items() if key != "Name"} == expected

    def test_the_sets_are_those_that_something_answers(self) -> None:
        bound = set(entity_sets(CONTRACT, BOUND))
        assert {"Jobs", "Releases", "Folders", "Users", "RobotLogs"} <= bound
        assert bound <= set(entity_sets(CONTRACT, EVERY))

    def test_an_action_has_the_members_of_its_body_for_parameters(self) -> None:
        root = ET.fromstring(DOCUMENTS["bound"])  # noqa: S314 - our own text
        action = schema(root).find(f"{tag('Action')}[@Name='StopJobs']")
        assert action is not None
        given = {parameter.get("Name"): parameter.get("Type") for parameter in action.findall(tag("Parameter"))}
        assert given["bindingParameter"] == f"Collection({NAMESPACE}.JobDto)"
        assert given["jobIds"] == "Collection(Edm.Int64)"

    def test_it_is_made_once(self) -> None:
        assert metadata(CONTRACT, BOUND) is metadata(CONTRACT, BOUND)

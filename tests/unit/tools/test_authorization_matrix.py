"""The rules by which the matrix of callers and operations is computed."""

from __future__ import annotations

import pytest

from podium.kernel.config import resource
from podium.kernel.contract import Contract
from tools.authorization_exceptions import EXCEPTIONS, RULES
from tools.authorization_matrix import IN, KINDS, NOT_KNOWN, NOT_SEEN, REFUSED, cell, matrix, page, strays

CONTRACT = Contract.load(resource("contract"))
BY_NAME = {kind.name: kind for kind in KINDS}


@pytest.mark.parametrize(
    ("operation", "caller", "expected"),
    [
        ("Status_Get", "anonymous", IN),
        ("Jobs_Get", "anonymous", NOT_KNOWN),
        ("Jobs_Get", "expired token", NOT_KNOWN),
        ("Jobs_Get", "application without scope", REFUSED),
        ("Jobs_Get", "application with another scope", REFUSED),
        ("Jobs_Get", "application with the scope", IN),
        ("Jobs_Get", "administrator of another organization", REFUSED),
        ("Assets_Post", "viewer of another folder", NOT_SEEN),
        ("Assets_Post", "viewer of the folder", REFUSED),
        ("Assets_Post", "administrator of the folder", IN),
        ("AuditLogs_Get", "administrator of the folder", REFUSED),
        ("AuditLogs_Get", "administrator of the tenant", IN),
        ("Tenants_Get", "administrator of the tenant", REFUSED),
        ("Tenants_Get", "administrator of the organization", IN),
        ("Tenants_Get", "application with the scope", IN),
        ("Robots_Heartbeat", "robot", IN),
        ("Robots_Heartbeat", "administrator of the host", NOT_KNOWN),
        ("User_Post", "administrator of the tenant", REFUSED),
        ("User_Post", "administrator of the host", IN),
        ("User_Post", "robot", NOT_KNOWN),
    ],
)
def test_a_cell(operation: str, caller: str, expected: str) -> None:
    assert cell(CONTRACT, CONTRACT.named(operation), BY_NAME[caller]) == expected


def test_every_operation_has_a_cell_for_every_caller() -> None:
    made = matrix(CONTRACT)
    assert len(made) == len(list(CONTRACT))
    assert {value for line in made.values() for value in line.values()} == {IN, NOT_KNOWN, REFUSED, NOT_SEEN}
    assert page(CONTRACT).count("\n") == len(made) + 1


def test_every_exception_is_of_an_operation_and_a_caller_and_changes_something() -> None:
    assert list(strays(CONTRACT, EXCEPTIONS)) == []
    assert list(strays(CONTRACT, {"Nothing": {"robot": IN}})) == ["Nothing: no such operation"]
    assert list(strays(CONTRACT, {"Jobs_Get": {"nobody": IN}})) == ["Jobs_Get: no such caller as 'nobody'"]


def test_every_exception_has_its_reason() -> None:
    assert all(rule.why and rule.operations and rule.callers for rule in RULES)

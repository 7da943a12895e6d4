"""Writes docs/reference/authorization.csv, who may call what: `python tools/authorization_matrix.py [--check]`.

One line per operation of the contract, one column per kind of caller, computed from the contract's scopes, permissions
and folder rules and from the default roles. tests/api/authorization/test_matrix.py sends every bound operation as every
kind of caller and compares. What an operation decides further by itself stands in EXCEPTIONS, with the reason.
"""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]

from podium.kernel.config import resource  # noqa: E402 - the package may not be installed yet
from podium.kernel.contract import Contract, Folder, Row  # noqa: E402
from podium.kernel.permission import allows, compile_gate, scope_allows  # noqa: E402
from podium.orchestrator.access.rules import (  # noqa: E402
    AUTOMATION_USER,
    DEFAULT_ROLES,
    FOLDER_ADMINISTRATOR,
    FOLDER_PERMISSIONS,
    MACHINE_IN_FOLDER,
    MACHINE_IN_TENANT,
    TENANT_PERMISSIONS,
)
from tools.authorization_exceptions import EXCEPTIONS  # noqa: E402

PAGE = ROOT / "docs" / "reference" / "authorization.csv"

IN, NOT_KNOWN, REFUSED, NOT_SEEN = "in", "401", "403", "404"
"""Cells: let in, whatever the answer is then; no caller; a caller without the right; not seen (404, or 400 for a folder)."""

OTHER_SCOPES = ("OR.Webhooks.Read", "OR.License.Read")
"""The scope of the application that has a wrong one: the first that the operation does not list."""

NOTHING = frozenset[str]()
_ROLES = {role.name: role.permissions for role in DEFAULT_ROLES}
VIEWER = frozenset(name for name in FOLDER_PERMISSIONS if name.endswith(".View"))


@dataclass(frozen=True)
class Kind:
    """A kind of caller, and what it has in the tenant and the folder that the request is about.

    `here` None: does not reach the folder. `elsewhere`: the permissions in other folders.
    """

    name: str
    tenant: frozenset[str] = NOTHING
    here: frozenset[str] | None = None
    elsewhere: frozenset[str] = NOTHING
    is_organization_administrator: bool = False


KINDS = (
    Kind("anonymous"),
    Kind("expired token"),
    Kind("application without scope", here=NOTHING),
    Kind("application with another scope", here=NOTHING),
    Kind("administrator of another organization", is_organization_administrator=True),
    Kind("administrator of another tenant"),
    Kind("viewer of another folder", elsewhere=VIEWER),
    Kind("user of another folder", elsewhere=_ROLES[AUTOMATION_USER]),
    Kind("administrator of another folder", elsewhere=_ROLES[FOLDER_ADMINISTRATOR]),
    Kind("viewer of the folder", here=VIEWER),
    Kind("robot", MACHINE_IN_TENANT, MACHINE_IN_FOLDER),
    Kind("user of the folder", here=_ROLES[AUTOMATION_USER]),
    Kind("administrator of the folder", here=_ROLES[FOLDER_ADMINISTRATOR]),
    Kind("application with the scope", here=NOTHING),
    Kind("administrator of the organization", is_organization_administrator=True),
    Kind("administrator of the tenant", TENANT_PERMISSIONS, FOLDER_PERMISSIONS, FOLDER_PERMISSIONS),
    Kind("administrator of the host", TENANT_PERMISSIONS, FOLDER_PERMISSIONS, FOLDER_PERMISSIONS, True),
)
"""In the order in which the test sends: who may do the least comes first, so that what is there stays there."""


def scopes_of(kind: Kind, row: Row) -> frozenset[str] | None:
    """The scopes of the token with which such an application calls the operation; None: every scope."""
    match kind.name:
        case "application without scope":
            return NOTHING
        case "application with another scope":
            return frozenset(
                {next(one for one in OTHER_SCOPES if not (row.scopes and scope_allows(row.scopes, frozenset({one}))))}
            )
        case "application with the scope":
            return row.scopes or NOTHING
    return None


def cell(contract: Contract, row: Row, kind: Kind) -> str:
    """What the caller gets of the operation."""
    return EXCEPTIONS.get(row.id, {}).get(kind.name) or computed(contract, row, kind)


def computed(contract: Contract, row: Row, kind: Kind) -> str:
    """The same without what the operation decides by itself."""
    gate = compile_gate(row.permissions)
    if gate.anonymous:
        return IN
    if kind.name in ("anonymous", "expired token"):
        return NOT_KNOWN
    scopes = scopes_of(kind, row)
    if scopes is not None and row.scopes and not scope_allows(row.scopes, scopes):
        return REFUSED
    return _of_identity(row, kind) if row.context == "identity" else _of_orchestrator(contract, row, kind, scopes)


def _of_orchestrator(contract: Contract, row: Row, kind: Kind, scopes: frozenset[str] | None) -> str:
    gate = compile_gate(row.permissions)
    if kind.name == "administrator of another organization":
        return REFUSED
    if gate.robot and kind.name != "robot":
        return NOT_KNOWN  # a machine's key is a credential of its own, which no token stands for
    if gate.host_only:
        is_host = kind.is_organization_administrator or kind.name == "application with the scope"
        return IN if is_host else REFUSED
    granted = NOTHING.union(*(permissions_of(contract, scope) for scope in scopes or ()))
    here = None if kind.here is None else kind.here | granted
    if row.folder is not Folder.NONE:
        if here is None:
            return NOT_SEEN
        return IN if allows(gate.need, kind.tenant | granted | here) else REFUSED
    return IN if allows(gate.need, kind.tenant | granted | kind.elsewhere | (here or NOTHING)) else REFUSED


def _of_identity(row: Row, kind: Kind) -> str:
    gate = compile_gate(row.permissions)
    if kind.name == "robot":
        return NOT_KNOWN
    if gate.host_only:
        return REFUSED
    is_administrator = kind.is_organization_administrator or kind.name.startswith("application")
    if not allows(gate.need, frozenset({"Identity.Administrator"}) if is_administrator else NOTHING):
        return REFUSED
    if kind.name == "administrator of another organization":
        if "partitionGlobalId" in {param.name for param in row.path_params}:
            return REFUSED
        return NOT_SEEN if row.path_params else IN
    return IN


@cache
def permissions_of(contract: Contract, scope: str) -> frozenset[str]:
    """What an application may do by a scope: the permissions of the operations that list it."""
    needs = (compile_gate(row.permissions).need for row in contract if scope in row.scopes)
    return NOTHING.union(*(alternative for need in needs for alternative in need))


def matrix(contract: Contract) -> dict[str, dict[str, str]]:
    """The cells of every operation by its id and the kind's name."""
    return {row.id: {kind.name: cell(contract, row, kind) for kind in KINDS} for row in contract}


def page(contract: Contract) -> str:
    """The whole file."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["id", "method", "path", *(kind.name for kind in KINDS)])
    for row in sorted(contract, key=lambda row: (row.context, row.tag.casefold(), row.path, row.method)):
        writer.writerow([row.id, row.method, row.path, *(cell(contract, row, kind) for kind in KINDS)])
    return text.getvalue()


def strays(contract: Contract, exceptions: Mapping[str, Mapping[str, str]]) -> Iterable[str]:
    """Exceptions of operations or callers that there are not, and those that change nothing."""
    rows = {row.id: row for row in contract}
    names = {kind.name: kind for kind in KINDS}
    for id_, cells in exceptions.items():
        if id_ not in rows:
            yield f"{id_}: no such operation"
            continue
        for name, said in cells.items():
            if name not in names:
                yield f"{id_}: no such caller as {name!r}"
            elif computed(contract, rows[id_], names[name]) == said:
                yield f"{id_}: {said} for {name!r} needs no exception"


def main(arguments: Sequence[str]) -> int:
    """The exit status: 1 when the file is out of date."""
    contract = Contract.load(resource("contract"))
    wrong = list(strays(contract, EXCEPTIONS))
    if wrong:
        print("\n".join(wrong), file=sys.stderr)
        return 1
    made = page(contract)
    if "--check" in arguments:
        if PAGE.is_file() and PAGE.read_text(encoding="utf-8") == made:
            return 0
        print(f"{PAGE.relative_to(ROOT)} is not what the contract says: run ./dev generate", file=sys.stderr)
        return 1
    PAGE.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""python-odata, a general OData V4 client: what it makes of `$metadata`, and the lists that it reads by it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.acceptance.programs import Server
from tests.acceptance.tools import Tools, installed, run

PACKAGES = ("python-odata==0.8.1",)
MACHINES = 12

PROGRAM = """
import json, sys
import requests
from odata import ODataService

url, token = sys.argv[1:]
session = requests.Session()
session.trust_env = False
session.headers["Authorization"] = "Bearer " + token
service = ODataService(url, session=session, reflect_entities=True, quiet_progress=True)
Machine, Folder = service.entities["Machines"], service.entities["Folders"]
paged = requests.Session()
paged.trust_env = False
paged.headers.update(session.headers)
paged.headers["Prefer"] = "odata.maxpagesize=5"
walking = ODataService(url, session=paged, reflect_entities=True, quiet_progress=True)
some = service.query(Machine).filter(Machine.Name.startswith("robot-0")).order_by(Machine.Name.desc())
one = service.query(Machine).filter(Machine.Name == "robot-03").first()
print(json.dumps({
    "sets": sorted(service.entities),
    "of_jobs": [name for name in ("StartJobs", "GetByKey", "NoSuchThing") if hasattr(service.entities["Jobs"], name)],
    "some": [machine.Name for machine in some],
    "limited": [machine.Name for machine in some.limit(2)],
    "one": [type(one.Id).__name__, one.Name, one.Scope.name],
    "of_scope": len(service.query(Machine).filter(Machine.Scope == one.Scope).all()),
    "pages": [machine.Name for machine in walking.query(walking.entities["Machines"]).order_by("Name asc")],
    "folders": [folder.DisplayName for folder in service.query(Folder)],
}))
"""


@pytest.fixture(scope="module")
def seen(tools: Tools, server: Server) -> dict[str, Any]:
    """What the client has found on a server with a few machines."""
    token = server.sign_in()
    for number in range(MACHINES):
        server.call("POST", "/odata/Machines", json={"Name": f"robot-{number:02}"})
    client = installed(tools.cache, tools.uv, PACKAGES)
    command = [str(client / "bin" / "python"), "-c", PROGRAM, f"{server.tenant_url}/orchestrator_/odata/", token]
    said = run(command, tools.environment)
    found: dict[str, Any] = json.loads(said.strip().splitlines()[-1])
    return found


class TestAGeneralClient:
    def test_it_knows_the_sets_and_the_operations(self, seen: dict[str, Any]) -> None:
        assert {"Jobs", "Releases", "Assets", "Folders", "Machines", "RobotLogs", "Users"} <= set(seen["sets"])
        assert seen["of_jobs"] == ["StartJobs", "GetByKey"]

    def test_it_filters_sorts_and_limits(self, seen: dict[str, Any]) -> None:
        names = [f"robot-{number:02}" for number in reversed(range(10))]
        assert (seen["some"], seen["limited"]) == (names, names[:2])

    def test_it_reads_members_as_their_types(self, seen: dict[str, Any]) -> None:
        assert seen["one"] == ["int", "robot-03", "Default"]

    def test_it_compares_with_a_value_of_an_enumeration(self, seen: dict[str, Any]) -> None:
        assert seen["of_scope"] >= MACHINES

    def test_it_follows_the_links_from_page_to_page(self, seen: dict[str, Any]) -> None:
        names = [f"robot-{number:02}" for number in range(MACHINES)]
        assert [name for name in seen["pages"] if name.startswith("robot-")] == names

    def test_it_lists_folders(self, seen: dict[str, Any]) -> None:
        assert "Shared" in seen["folders"]

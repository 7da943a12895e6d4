"""The vendor's command line publishes and starts, the vendor's robot runs; neither knows of Podium."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.acceptance.programs import Program, Server, running
from tests.acceptance.tools import Tools
from tests.acceptance.workspace_jobs import WorkspaceJobs


@pytest.fixture(scope="module")
def robot(tools: Tools, server: Server) -> Iterator[Program]:
    """`uipath-robot`, connected as the administrator."""
    variables = {
        "UIPATH_URL": server.tenant_url,
        "UIPATH_ACCESS_TOKEN": server.sign_in(),
        "UIPATH_ORGANIZATION_ID": "default",
        "UIPATH_TENANT_ID": "default",
    }
    with running("uipath-robot", [tools.program("uipath-robot")], tools.environment | variables) as program:
        yield program


class TestUipathRobot(WorkspaceJobs):
    """`uipath` 2.14.44 and `uipath-robot` 0.0.20."""

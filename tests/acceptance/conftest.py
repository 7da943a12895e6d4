"""Real clients against a real server, on a real port."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.acceptance.workspace_jobs")

from tests.acceptance.programs import Server, open_folder, running_server  # noqa: E402 - after the rewriting is asked for
from tests.acceptance.tools import Tools, install  # noqa: E402
from tests.acceptance.workspace_jobs import Workbench  # noqa: E402


@pytest.fixture(scope="session")
def tools() -> Tools:
    """The vendor's clients and uv."""
    return install()


@pytest.fixture(scope="module")
def server(tools: Tools) -> Iterator[Server]:
    """A server without robots, new for each file."""
    with running_server(tools.environment, "--no-robot") as running:
        yield running


@pytest.fixture(scope="module")
def workbench(tools: Tools, server: Server) -> Iterator[Workbench]:
    """A developer's folder and command line."""
    variables = {"UIPATH_URL": server.tenant_url, "UIPATH_ACCESS_TOKEN": server.sign_in()}
    with open_folder("workbench") as folder:
        yield Workbench(tools, server, tools.environment | variables, folder)

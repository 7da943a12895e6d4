"""The route table finds every row of the contract, however the client writes the address."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.config import resource
from podium.kernel.contract import Contract, Row
from podium.server.dispatch import Dispatcher, MethodNotAllowed, split_segment

CONTRACT = Contract.load(resource("contract"))
ROWS = CONTRACT.of_context("orchestrator")
ROUTES = Dispatcher((row.method, row.path, row.id) for row in ROWS)
IDENTITY = CONTRACT.of_context("identity")
IDENTITY_ROUTES = Dispatcher((row.method, row.path, row.id) for row in IDENTITY)


@pytest.mark.parametrize(("rows", "routes"), [(ROWS, ROUTES), (IDENTITY, IDENTITY_ROUTES)], ids=["ours", "identity"])
def test_every_row_is_found_in_any_letter_case(rows: tuple[Row, ...], routes: Dispatcher[str]) -> None:
    for row in rows:
        values = {param.name: f"v{position}" for position, param in enumerate(row.path_params)}
        path = row.path
        for name, value in values.items():
            path = path.replace(f"{{{name}}}", value)
        for spelled in (path, path.lower(), path.upper()):
            found = routes.find(row.method, spelled)
            assert found is not None
            assert found.target == row.id
            assert {name: value.lower() for name, value in found.parameters.items()} == values


class TestParameters:
    def test_quotes_are_removed_and_doubled_ones_are_one(self) -> None:
        found = ROUTES.find("DELETE", "/odata/Processes('It''s(1), a:1.0')")
        assert found is not None
        assert found.parameters == {"key": "It's(1), a:1.0"}

    def test_order_and_blanks_of_named_ones_do_not_matter(self) -> None:
        path = "/odata/Robots/UiPath.Server.Configuration.OData.GetFolderRobots( machineId = 7 ,folderId=5)"
        found = ROUTES.find("GET", path)
        assert found is not None
        assert found.parameters == {"folderId": "5", "machineId": "7"}

    def test_empty_parentheses_are_dropped(self) -> None:
        found = ROUTES.find("GET", "/odata/Jobs()")
        assert found is not None
        assert (found.target, found.parameters) == ("Jobs_Get", {})

    def test_a_whole_segment_may_be_one(self) -> None:
        found = ROUTES.find("GET", "/api/JobTriggers/GetPayload/a(b)")
        assert found is not None
        assert found.parameters == {"inboxId": "a(b)"}

    @given(st.text())
    def test_a_quoted_text_comes_back_as_it_was(self, text: str) -> None:
        quoted = text.replace("'", "''")
        assert split_segment(f"Processes('{quoted}')") == ("Processes", [("", text)])


class TestMisses:
    @pytest.mark.parametrize("path", ["/odata/Nothing", "/odat", "/", "/odata/Jobs(5)/Nothing", "/odata/Jobs(a=1,b=2)"])
    def test_none_for_an_unknown_path(self, path: str) -> None:
        assert ROUTES.find("GET", path) is None

    def test_another_method_is_told_which_are_allowed(self) -> None:
        with pytest.raises(MethodNotAllowed) as refused:
            ROUTES.find("DELETE", "/odata/Jobs")
        assert refused.value.allowed == ["GET"]

    @given(st.text(st.sampled_from("/odatJbs()='\",.1x"), max_size=40))
    def test_no_text_breaks_the_search(self, text: str) -> None:
        with suppress(MethodNotAllowed):
            found = ROUTES.find("GET", "/" + text)
            assert found is None or found.target in {row.id for row in ROWS}


def test_two_rows_of_one_route_are_refused() -> None:
    with pytest.raises(ValueError, match="same route"):
        Dispatcher([("GET", "/odata/Jobs({key})", 1), ("GET", "/odata/jobs({id})", 2)])

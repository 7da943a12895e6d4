"""The tables of the contract and what reads them."""

from __future__ import annotations

import re
import time
from pathlib import Path

import pytest

from podium.kernel.contract import COLUMNS, Contract, ContractError, Folder, Param, Row, snake, unbound
from podium.wire import WIRE_TYPES

FOLDER = Path(__file__).parents[3] / "contract"
CONTRACT = Contract.load(FOLDER)
ACTIONS = "UiPath.Server.Configuration.OData."
LISTS_WITHOUT_FOLDER = (
    "Jobs_Get",
    "Releases_Get",
    "Releases_ListReleases",
    "Sessions_Get",
    "RobotLogs_Get",
    "ProcessSchedules_Get",
    "Robots_Get",
    "TestSets_Get",
    "TestSetExecutions_Get",
    "QueueDefinitions_Get",
    "QueueItems_Get",
    "Assets_GetFiltered",
    "Jobs_GetByKeyByIdentifier",
)
ANONYMOUS = {
    "Account_Authenticate",
    "Auth_Token",
    "Metadata_Get",
    "Metadata_GetService",
    "Status_Get",
    "Status_Version",
    "Translations_GetTranslations",
    "Settings_GetAuthenticationSettings",
    "Settings_GetLanguages",
    "Settings_GetTimezones",
    "Settings_GetUpdateSettings",
}
MODEL = re.compile(r"\b[A-Z]\w+")


def table(tmp_path: Path, **rows: str) -> Path:
    """A folder of tables with the given lines."""
    for name in ("orchestrator", "overlay", "native", "identity"):
        (tmp_path / f"{name}.tsv").write_text("\t".join(COLUMNS) + "\n" + rows.get(name, ""), encoding="utf-8")
    return tmp_path


def line(**cells: str) -> str:
    known = {"method": "GET", "path": "/x", "success": "200", "folder": "none", "id": "X_Get"} | cells
    return "\t".join(known.get(name, "") for name in COLUMNS) + "\n"


class TestTheTables:
    def test_all_430_published_operations_are_there(self) -> None:
        published = (FOLDER / "orchestrator.tsv").read_text(encoding="utf-8").count("\n") - 1
        assert published == 430
        assert len(CONTRACT) > 700

    def test_every_path_parameter_is_typed(self) -> None:
        for row in CONTRACT:
            assert set(re.findall(r"\{(\w+)\}", row.path)) == {param.name for param in row.path_params}

    def test_no_two_paths_differ_by_case_or_parameter_name_only(self) -> None:
        forms = [(row.method, re.sub(r"\{\w+\}", "{}", row.path).lower()) for row in CONTRACT]
        assert len(forms) == len(set(forms))

    def test_every_model_of_the_orchestrator_has_a_struct(self) -> None:
        for row in CONTRACT.of_context("orchestrator"):
            named = MODEL.findall(f"{row.body_model} {row.response_model}")
            assert all(name in WIRE_TYPES for name in named), (row.id, named)

    @pytest.mark.parametrize("operation_id", LISTS_WITHOUT_FOLDER)
    def test_a_list_that_crosses_folders_works_without_a_header(self, operation_id: str) -> None:
        assert CONTRACT.named(operation_id).folder is Folder.OPTIONAL

    @pytest.mark.parametrize("operation_id", ["Jobs_StartJobs", "Queues_StartTransaction", "Assets_Get", "Buckets_Get"])
    def test_folder_work_needs_a_header(self, operation_id: str) -> None:
        assert CONTRACT.named(operation_id).folder is Folder.REQUIRED

    @pytest.mark.parametrize(
        "operation_id", ["Processes_UploadPackage", "Machines_Get", "Folders_Get", "Attachments_Post"]
    )
    def test_tenant_work_reads_no_header(self, operation_id: str) -> None:
        assert CONTRACT.named(operation_id).folder is Folder.NONE

    def test_only_the_known_operations_are_open_to_everyone(self) -> None:
        found = {row.id for row in CONTRACT.of_context("orchestrator") if row.permissions == "anonymous"}
        assert found == ANONYMOUS

    def test_nobody_forgot_a_permission(self) -> None:
        assert all(row.permissions for row in CONTRACT)

    def test_it_loads_quickly(self) -> None:
        best = min(_timed() for _ in range(3))
        assert best < 0.25  # 20 ms on an idle machine


def _timed() -> float:
    start = time.thread_time()
    Contract.load(FOLDER)
    return time.thread_time() - start


class TestLoad:
    def test_a_row_is_read_with_its_types(self) -> None:
        row = CONTRACT.row(
            "GET", f"/odata/Sessions/{ACTIONS}GetMachineSessionRuntimesByFolderId(folderId={{folderId}})"
        )
        assert (row.success, row.scopes) == (200, frozenset({"OR.Robots", "OR.Robots.Read"}))
        assert row.path_params == (Param("folderId", "integer", "path"),)
        assert row.path_params[0].argument == "folder_id"

    def test_a_parameter_has_enumeration_and_default(self, tmp_path: Path) -> None:
        folder = table(
            tmp_path,
            native=line(
                query_params='kind:string{A|B}="A":optional, ids:array<integer>:required, n:integer=0:optional'
            ),
        )
        kind, ids, n = Contract.load(folder).row("GET", "/x").query_params
        assert (kind.enum, kind.default, kind.required) == (("A", "B"), "A", False)
        assert (ids.kind, ids.many, ids.required) == ("integer", True, True)
        assert (n.default, n.place) == ("0", "query")

    def test_the_overlay_rules_where_it_says_something(self, tmp_path: Path) -> None:
        folder = table(
            tmp_path,
            orchestrator=line(permissions="Jobs.View", folder="", tag="Jobs"),
            overlay=line(success="", folder="optional", id="", tag="") + line(path="/y", id="Y_Get"),
        )
        contract = Contract.load(folder)
        row = contract.row("GET", "/x")
        assert (row.permissions, row.folder, row.success, row.tag) == ("Jobs.View", Folder.OPTIONAL, 200, "Jobs")
        assert contract.row("GET", "/y").id == "Y_Get"

    @pytest.mark.parametrize(
        ("lines", "message"),
        [
            (line() + line(id="Other"), "GET /x stands in the tables twice"),
            (line() + line(path="/y"), "X_Get stands in the tables twice"),
            ("a\tb\n", "cells"),
            (line(folder="perhaps"), "perhaps"),
            (line(success="ok"), "ok"),
            (line(query_params="odd"), "odd"),
        ],
    )
    def test_a_broken_table_stops_the_start(self, tmp_path: Path, lines: str, message: str) -> None:
        with pytest.raises(ContractError, match=re.escape(message)):
            Contract.load(table(tmp_path, native=lines))

    def test_columns_out_of_place_stop_the_start(self, tmp_path: Path) -> None:
        folder = table(tmp_path)
        (folder / "native.tsv").write_text("method\tid\n", encoding="utf-8")
        with pytest.raises(ContractError, match="columns"):
            Contract.load(folder)


class TestLookUp:
    def test_an_unknown_path_is_named(self) -> None:
        with pytest.raises(ContractError, match=r"No operation GET /odata/Nothing"):
            CONTRACT.row("GET", "/odata/Nothing")

    def test_an_unknown_id_is_named(self) -> None:
        with pytest.raises(ContractError, match="Nothing_Get"):
            CONTRACT.named("Nothing_Get")

    def test_the_method_counts(self) -> None:
        assert ("GET", "/odata/Jobs") in CONTRACT
        assert ("PUT", "/odata/Jobs") not in CONTRACT

    def test_what_is_not_bound_is_listed_in_order(self) -> None:
        rows: list[Row] = list(CONTRACT)
        assert unbound(rows[:3], {rows[1].id}) == (rows[0], rows[2])


@pytest.mark.parametrize(
    ("wire", "python"),
    [
        ("StartInfo", "start_info"),
        ("groupIDs", "group_ids"),
        ("$top", "top"),
        ("Id", "id"),
        ("takeHint", "take_hint"),
        ("HttpURL", "http_url"),
    ],
)
def test_a_wire_name_has_a_python_name(wire: str, python: str) -> None:
    assert snake(wire) == python

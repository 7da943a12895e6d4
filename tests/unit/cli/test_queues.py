"""`podium queues`: what is asked of the server, what people read, and files that are sent once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.cli import queue_files
from podium.cli.queue_files import read_lines, types_of
from tests.unit.cli.conftest import Asked, Podium, Wire

QUEUE = {
    "Id": 7,
    "Key": "11111111-2222-4333-8444-555555555555",
    "Name": "Invoices",
    "MaxNumberOfRetries": 2,
    "EnforceUniqueReference": True,
    "OrganizationUnitId": 5,
    "OrganizationUnitFullyQualifiedName": "Shared",
}
ITEM = {
    "Id": 31,
    "Key": "a0f30c8f-7e6a-4b6b-9a38-1f2e3d4c5b6a",
    "Reference": "INV-1",
    "Status": "Failed",
    "ReviewStatus": "None",
    "Priority": "Normal",
    "RetryNumber": 1,
    "OrganizationUnitId": 5,
    "OrganizationUnitFullyQualifiedName": "Shared",
    "CreationTime": "2031-05-06T07:08:00Z",
    "StartProcessing": "2031-05-06T07:09:00Z",
    "EndProcessing": "2031-05-06T07:09:02Z",
    "SpecificContent": {"total": "12.50"},
    "ProcessingException": {"Type": "BusinessException", "Reason": "the total\nis wrong " + "x" * 80},
    "Job": {"HostMachineName": "robot-1"},
}
QUEUES = ("GET", "/odata/QueueDefinitions")
ITEMS = ("GET", "/odata/QueueItems")
ADD_MANY = ("POST", "/odata/Queues/UiPathODataSvc.BulkAddQueueItems")
EXECUTE = ("POST", "/api/podium/QueueItems/ExecuteBulk")


@pytest.fixture(autouse=True)
def queue(wire: Wire) -> None:
    wire.answers[QUEUES] = 200, {"value": [QUEUE]}


class Shelf:
    """Takes batches of items as the server does: each key once."""

    def __init__(self, wire: Wire) -> None:
        self.items: list[dict[str, Any]] = []
        self.keys: list[str] = []
        self.lost = 0
        wire.answers[ADD_MANY] = self._take

    def _take(self, request: Asked) -> tuple[int, Any]:
        key, said = request.headers["idempotency-key"], request.json
        assert (said["queueName"], request.headers["x-uipath-organizationunitid"]) == ("Invoices", "5")
        if key not in self.keys:
            self.keys.append(key)
            self.items += said["queueItems"]
        if self.lost:
            self.lost -= 1
            raise ConnectionAbortedError
        return 200, {"Success": True, "FailedItems": []}


@pytest.fixture
def shelf(wire: Wire) -> Shelf:
    return Shelf(wire)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "invoices.csv"
    path.write_text("Reference,total,Priority\nINV-1,12.50,High\nINV-2,8,\n", encoding="utf-8")
    return path


class TestList:
    def test_what_waits_is_shown_beside_the_name(self, wire: Wire, podium: Podium) -> None:
        status = {"Id": 7, "ItemsToProcess": 30, "ItemsInProgress": 2, "SuccessfulTransactionsNo": 4}
        path = "/odata/QueueProcessingRecords/UiPathODataSvc.RetrieveQueuesProcessingStatus"
        wire.answers["GET", path] = (200, {"value": [status]})
        heading, row = podium("queues", "list").out.splitlines()
        assert heading.split("  ")[0] == "Id"
        assert row.split() == ["7", "Invoices", "Shared", "30", "2", "4", "2", "yes"]

    def test_no_queues_say_how_to_make_one(self, wire: Wire, podium: Podium) -> None:
        wire.answers[QUEUES] = 200, {"value": []}
        assert podium("queues", "list").err == "No queues. `podium queues create NAME` makes one.\n"


class TestNaming:
    def test_1_for_a_queue_that_is_not_there(self, wire: Wire, podium: Podium) -> None:
        wire.answers[QUEUES] = 200, {"value": []}
        ended = podium("queues", "items", "Nothing", "--folder", "Shared")
        assert ended.status == 1
        assert ended.err.startswith("Error: There is no queue 'Nothing' in folder 'Shared'")

    def test_2_when_several_folders_have_one_of_that_name(self, wire: Wire, podium: Podium) -> None:
        other = QUEUE | {"Id": 8, "OrganizationUnitFullyQualifiedName": "Finance"}
        wire.answers[QUEUES] = 200, {"value": [QUEUE, other]}
        ended = podium("queues", "show", "Invoices")
        assert ended.status == 2
        assert "Shared, Finance" in ended.err

    def test_a_queue_is_also_known_by_its_id(self, wire: Wire, podium: Podium) -> None:
        wire.answers[ITEMS] = 200, {"value": []}
        podium("queues", "items", "7")
        assert wire.of("GET", "/odata/QueueDefinitions")[0].query["$filter"] == "Name eq '7' or Id eq 7"


class TestCreate:
    @pytest.mark.parametrize(("retries", "is_retried"), [("0", False), ("2", True)])
    def test_it_retries_as_often_as_it_is_told(
        self, wire: Wire, podium: Podium, retries: str, is_retried: bool
    ) -> None:
        wire.answers["POST", "/odata/QueueDefinitions"] = 201, QUEUE
        assert podium("queues", "create", "Invoices", "-r", retries, "--unique-reference").status == 0
        (asked,) = wire.of("POST", "/odata/QueueDefinitions")
        assert asked.headers["x-uipath-folderpath"] == "Shared"
        assert (asked.json["MaxNumberOfRetries"], asked.json["AcceptAutomaticallyRetry"]) == (int(retries), is_retried)
        assert asked.json["EnforceUniqueReference"] is True


class TestShow:
    def test_items_by_status_and_the_oldest_that_waits(self, wire: Wire, podium: Podium) -> None:
        counts = {"count": 33, "countByStatus": {"New": 30, "Failed": 3}}
        wire.answers["POST", "/api/podium/QueueItems/PreviewBulk"] = 200, counts
        wire.answers[ITEMS] = lambda asked: (
            200,
            {"value": [{"CreationTime": "2021-05-06T07:08:00Z"}] if "'New'" in asked.query["$filter"] else []},
        )
        said = dict(line.split(maxsplit=1) for line in podium("queues", "show", "Invoices").out.splitlines())
        assert (said["New"], said["InProgress"], said["Failed"]) == ("30", "0", "3")
        assert "2021-05-0" in said["Oldest"]
        assert said["Oldest"].endswith(" d ago)")
        assert "Longest" not in said


class TestItems:
    def test_a_row_tells_who_and_why_in_one_line(self, wire: Wire, podium: Podium) -> None:
        wire.answers[ITEMS] = 200, {"value": [ITEM]}
        ended = podium("queues", "items", "Invoices", "--status", "failed")
        _, row = ended.out.splitlines()
        assert row.split()[:5] == ["31", "INV-1", "Failed", "Normal", "2"]
        assert "robot-1  the total is wrong xxx" in row
        assert row.endswith("x...")
        assert (
            wire.of("GET", "/odata/QueueItems")[0].query["$filter"] == "QueueDefinitionId eq 7 and Status eq 'Failed'"
        )

    def test_one_item_is_shown_whole_with_its_attempts(self, wire: Wire, podium: Podium) -> None:
        wire.answers[ITEMS] = 200, {"value": [ITEM]}
        first = ITEM | {"Id": 30, "RetryNumber": 0, "Status": "Retried"}
        path = "/odata/QueueItems(31)/UiPathODataSvc.GetItemProcessingHistory"
        wire.answers["GET", path] = 200, {"value": [ITEM, first]}
        record, _, attempts = podium("queues", "item", "31").out.partition("\n\n")
        assert "BusinessException: the total" in record
        assert "x" * 80 in record
        assert '{"total": "12.50"}' in record
        assert [line.split()[:3] for line in attempts.splitlines()[1:]] == [
            ["30", "1", "Retried"],
            ["31", "2", "Failed"],
        ]

    def test_1_for_an_item_that_is_not_there(self, wire: Wire, podium: Podium) -> None:
        wire.answers[ITEMS] = 200, {"value": []}
        assert podium("queues", "item", "99").status == 1


class TestAdd:
    def test_the_content_is_what_was_given(self, wire: Wire, podium: Podium) -> None:
        wire.answers["POST", "/odata/Queues/UiPathODataSvc.AddQueueItem"] = 201, ITEM
        pieces = ("-c", "total=12.5", "-c", "supplier=Acme", "-c", "code:=007")
        assert podium("queues", "add", "Invoices", *pieces, "-r", "INV-1", "--priority", "high").status == 0
        (asked,) = wire.of("POST", "AddQueueItem")
        assert asked.json["itemData"] == {
            "Name": "Invoices",
            "Priority": "High",
            "Reference": "INV-1",
            "SpecificContent": {"total": 12.5, "supplier": "Acme", "code": "007"},
        }

    def test_2_names_the_option_that_is_wrong(self, wire: Wire, podium: Podium) -> None:
        ended = podium("queues", "add", "Invoices", "-c", "nonsense")
        assert (ended.status, wire.asked) == (2, [])
        assert "--content 'nonsense'" in ended.err


class TestImport:
    def test_columns_are_members_or_content(self, shelf: Shelf, podium: Podium, file: Path) -> None:
        assert podium("queues", "import", "Invoices", str(file)).out == "2 items added to Invoices\n"
        assert shelf.items == [
            {"Reference": "INV-1", "Priority": "High", "SpecificContent": {"total": "12.50"}},
            {"Reference": "INV-2", "SpecificContent": {"total": "8"}},
        ]

    def test_the_same_command_after_a_lost_connection_adds_nothing_twice(
        self, shelf: Shelf, podium: Podium, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queue_files, "ITEMS_OF_BATCH", 1)
        shelf.lost = 1
        ended = podium("queues", "import", "Invoices", str(file))
        assert ended.status == 3
        assert "Give the same command again" in ended.err
        assert podium("queues", "import", "Invoices", str(file)).status == 0
        assert [item["Reference"] for item in shelf.items] == ["INV-1", "INV-2"]

    def test_what_was_there_already_is_told(self, wire: Wire, podium: Podium, file: Path) -> None:
        wire.headers["Idempotency-Replayed"] = "true"
        wire.answers[ADD_MANY] = 200, {"FailedItems": []}
        first, second = podium("queues", "import", "Invoices", str(file)).out.splitlines()
        assert first == "0 items added to Invoices"
        assert second.startswith("2 were there from an earlier import of this file")

    def test_again_adds_the_file_once_more(self, shelf: Shelf, podium: Podium, file: Path) -> None:
        for _ in range(2):
            podium("queues", "import", "Invoices", str(file), "--again")
        assert len(shelf.items) == 4

    def test_another_queue_of_that_name_gets_the_file_too(
        self, wire: Wire, shelf: Shelf, podium: Podium, file: Path
    ) -> None:
        podium("queues", "import", "Invoices", str(file))
        wire.answers[QUEUES] = 200, {"value": [QUEUE | {"Key": "99999999-2222-4333-8444-555555555555"}]}
        podium("queues", "import", "Invoices", str(file))
        assert len(shelf.items) == 4

    def test_1_with_the_lines_that_were_refused(self, wire: Wire, podium: Podium, file: Path) -> None:
        refusal = {"Ordinal": 2, "ErrorCode": "DuplicateReference", "ErrorMessage": "Seen before."}
        wire.answers[ADD_MANY] = 200, {"FailedItems": [refusal]}
        ended = podium("queues", "import", "Invoices", str(file))
        assert (ended.status, ended.out) == (1, "1 item added to Invoices\n")
        assert ended.err == "Line 3: Seen before.\nError: 1 of 2 lines were refused\n"

    @pytest.mark.parametrize(
        ("name", "text", "words"),
        [
            ("a.csv", "", "no heading"),
            ("a.csv", "a,a\n1,2\n", "same heading"),
            ("a.csv", "a,\n1,2\n", "Column 2 has no heading"),
            ("a.csv", "a,b\n1,2\n3\n", "Line 3 has 1 cells"),
            ("a.csv", 'a\n"1\n', "Line 2 is not CSV"),
            ("a.ndjson", '{"a": 1}\nnonsense\n', "Line 2 is not JSON"),
            ("a.ndjson", "[1]\n", "Line 1 is not a JSON object"),
            ("a.txt", "a\n", "neither .csv"),
            ("a.csv", b"a\n\xff\n", "not UTF-8"),
        ],
    )
    def test_2_and_nothing_is_sent_of_a_file_with_a_fault(
        self, wire: Wire, podium: Podium, tmp_path: Path, name: str, text: str | bytes, words: str
    ) -> None:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        ended = podium("queues", "import", "Invoices", str(path))
        assert (ended.status, wire.asked) == (2, [])
        assert words in ended.err

    def test_a_large_file_goes_in_batches(
        self, shelf: Shelf, podium: Podium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(queue_files, "BYTES_OF_BATCH", 200)
        path = tmp_path / "many.ndjson"
        path.write_text("".join(f'{{"Reference": "{number}", "n": {number}}}\n' for number in range(50)))
        assert podium("queues", "import", "Invoices", str(path)).out == "50 items added to Invoices\n"
        assert len(shelf.keys) > 5
        assert [item["SpecificContent"]["n"] for item in shelf.items] == list(range(50))


class TestLines:
    def test_json_lines_are_items_or_their_content(self, tmp_path: Path) -> None:
        path = tmp_path / "a.ndjson"
        path.write_text('{"Reference": "R", "SpecificContent": {"a": 1}}\n\n{"reference": "S", "a": 2, "b": null}\n')
        assert [tuple(line) for line in read_lines(path, {}, None, None)] == [
            (1, {"Reference": "R", "SpecificContent": {"a": 1}}),
            (3, {"Reference": "S", "SpecificContent": {"a": 2, "b": None}}),
        ]

    def test_cells_are_of_the_type_that_the_schema_asks_for(self, tmp_path: Path) -> None:
        schema = {"properties": {"n": {"type": "integer"}, "x": {"type": "number"}, "on": {"type": "boolean"}}}
        path = tmp_path / "a.csv"
        path.write_text("n,x,on,SpecificContent/Priority,text\n3,1.5,TRUE,p,4\nmany,2,no,q,5\n")
        first, second = [
            line.item["SpecificContent"] for line in read_lines(path, types_of(json.dumps(schema)), "n", None)
        ]
        assert first == {"n": 3, "x": 1.5, "on": True, "Priority": "p", "text": "4"}
        assert second == {"n": "many", "x": 2, "on": "no", "Priority": "q", "text": "5"}

    @pytest.mark.parametrize("schema", [None, "", "nonsense", "[]", '{"properties": 3}', '{"properties": {"a": true}}'])
    def test_a_schema_that_says_nothing_leaves_text(self, schema: object) -> None:
        assert types_of(schema) == {}

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
    @given(
        st.lists(st.fixed_dictionaries({"a": st.text(), "b": st.text(min_size=1)}), max_size=5),
        st.sampled_from([",", ";", "\t"]),
    )
    def test_whatever_a_cell_holds_arrives(self, tmp_path: Path, rows: list[dict[str, str]], delimiter: str) -> None:
        import csv

        path = tmp_path / "a.csv"
        with path.open("w", encoding="utf-8", newline="", errors="replace") as file:
            writer = csv.DictWriter(file, ["a", "b"], delimiter=delimiter, quoting=csv.QUOTE_ALL)
            writer.writeheader()
            writer.writerows(rows)
        found = [line.item["SpecificContent"] for line in read_lines(path, {}, None, delimiter)]
        expected = [{name: text.encode(errors="replace").decode() for name, text in row.items()} for row in rows]
        assert found == expected


class TestRetry:
    def test_everything_that_failed(self, wire: Wire, podium: Podium) -> None:
        wire.answers[EXECUTE] = 200, {"count": 3, "changed": 3, "unchanged": 0, "failed": 0, "failures": []}
        assert podium("queues", "retry", "Invoices", "--failed").out == "3 of 3 items wait for another attempt\n"
        (asked,) = wire.of("POST", "ExecuteBulk")
        assert asked.json == {
            "queueId": 7,
            "filter": "(Status eq 'Failed') and (ReviewStatus eq 'None' or ReviewStatus eq 'InReview')",
            "action": "Retry",
        }

    def test_1_when_one_of_those_that_were_named_is_left(self, wire: Wire, podium: Podium) -> None:
        failures = [{"count": 1, "reason": "in a state that does not allow it", "itemIds": [4]}]
        wire.answers[EXECUTE] = 200, {"count": 2, "changed": 1, "unchanged": 0, "failed": 1, "failures": failures}
        ended = podium("queues", "retry", "Invoices", "3", "4")
        assert ended.status == 1
        assert "1 left: in a state that does not allow it\n" in ended.err
        assert wire.of("POST", "ExecuteBulk")[0].json["filter"] == "(Id eq 3 or Id eq 4)"

    def test_2_without_saying_which_or_saying_both(self, wire: Wire, podium: Podium) -> None:
        assert podium("queues", "retry", "Invoices").status == 2
        assert podium("queues", "retry", "Invoices", "3", "--failed").status == 2
        assert wire.asked == []

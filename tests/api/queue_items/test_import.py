"""Items from files, and into files."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import parse_qsl

import pytest

from podium.orchestrator.queue_items import transfer

from .stored import ITEMS, Stored

Json = dict[str, Any]
IMPORT = "/api/podium/QueueItems/Import"
EXPORT = "/api/podium/QueueItems/Export"
CSV = "text/csv; charset=utf-8"
NDJSON = "application/x-ndjson"
SCHEMA = '{"type":"object","properties":{"Amount":{"type":"number"},"Paid":{"type":["boolean","null"]}}}'


async def send(
    api: Any, folder: Any, text: str | bytes, kind: str = CSV, *, key: str | None = None, **params: str
) -> Any:
    content = text.encode() if isinstance(text, str) else text
    params = {"queueName": "Orders", **params}
    headers = {"content-type": kind} | ({} if key is None else {"idempotency-key": key})
    return await api.request("POST", IMPORT, content=content, folder=folder, params=params, headers=headers)


async def items(api: Any, folder: Any) -> list[Json]:
    return list((await api.get(ITEMS, folder=folder))["value"])


class TestImportItems:
    async def test_200_with_an_item_for_each_line_of_csv(self, api: Any, stored: Stored, folder: Any) -> None:
        await stored.queue(folder, SpecificDataJsonSchema=SCHEMA)
        text = (
            "\ufeffreference,Priority,DueDate,Customer,Amount,Paid,SpecificContent/Priority\r\n"
            'A-1,high,2026-04-01T00:00:00Z,"Acme, Inc.\nBerlin",12.5,TRUE,1st\r\n'
            "\r\n"
            "A-2,,,Größe,7,,\r\n"
        )
        answer = await send(api, folder, text)
        assert answer.json == {"success": True, "rows": 2, "added": 2, "failed": 0, "errors": []}
        first, second = await items(api, folder)
        assert (first["Reference"], first["Priority"], first["Status"]) == ("A-1", "High", "New")
        assert first["DueDate"] == "2026-04-01T00:00:00.000000Z"
        assert first["SpecificContent"] == {
            "Customer": "Acme, Inc.\nBerlin",
            "Amount": 12.5,
            "Paid": True,
            "Priority": "1st",
        }
        assert (second["Priority"], second["DueDate"]) == ("Normal", None)
        assert second["SpecificContent"] == {"Customer": "Größe", "Amount": 7, "Priority": ""}

    @pytest.mark.parametrize("commit", ["AllOrNothing", "ProcessAllIndependently"])
    async def test_200_a_repeated_file_is_added_once(self, api: Any, stored: Stored, folder: Any, commit: str) -> None:
        await stored.queue(folder)
        text = "Reference\nA-1\nA-2\n"
        answers = await asyncio.gather(*(send(api, folder, text, key="k1", commitType=commit) for _ in range(3)))
        assert [answer.json["added"] for answer in answers] == [2, 2, 2]
        assert sorted(answer.headers.get("idempotency-replayed", "") for answer in answers) == ["", "true", "true"]
        assert (await send(api, folder, text, key="k2", commitType=commit)).json["added"] == 2
        assert len(await items(api, folder)) == 4

    async def test_200_a_repeated_file_with_refused_lines_tells_them_again(
        self, api: Any, stored: Stored, folder: Any
    ) -> None:
        await stored.queue(folder, EnforceUniqueReference=True)
        text = "Reference\nA-1\nA-1\n"
        first, again = [await send(api, folder, text, key="k1", commitType="ProcessAllIndependently") for _ in range(2)]
        assert (first.json["added"], first.json["failed"]) == (1, 1)
        assert again.json == first.json
        whole = [await send(api, folder, text, key="k2") for _ in range(2)]
        assert [(answer.json["success"], answer.json["added"]) for answer in whole] == [(False, 0), (False, 0)]
        assert len(await items(api, folder)) == 1

    async def test_422_for_another_file_with_the_same_key(self, api: Any, stored: Stored, folder: Any) -> None:
        await stored.queue(folder)
        assert (await send(api, folder, "Reference\nA-1\n", key="k1")).status == 200
        assert (await send(api, folder, "Reference\nA-2\n", key="k1")).status == 422
        assert (
            await send(api, folder, "Reference\nA-1\n", key="k1", commitType="ProcessAllIndependently")
        ).status == 422
        assert [item["Reference"] for item in await items(api, folder)] == ["A-1"]

    async def test_a_refused_file_leaves_its_key_free(self, api: Any, stored: Stored, folder: Any) -> None:
        await stored.queue(folder)
        assert (await send(api, folder, b"Reference\n\xff\n", key="k1")).status == 400
        assert (await send(api, folder, "Reference\nA-1\n", key="k1")).json["added"] == 1

    async def test_200_with_an_item_for_each_line_of_json(self, api: Any, stored: Stored, folder: Any) -> None:
        await stored.queue(folder)
        lines = [
            {"Reference": "A-1", "SpecificContent": {"Amount": 3}},
            {"reference": "A-2", "priority": "Low", "Unknown": 1},
        ]
        text = "\n\n".join(map(json.dumps, lines)) + "\n"
        answer = await send(api, folder, text, NDJSON)
        assert (answer.status, answer.json["added"]) == (200, 2), answer.text
        found = [(item["Reference"], item["Priority"], item["SpecificContent"]) for item in await items(api, folder)]
        assert found == [("A-1", "Normal", {"Amount": 3}), ("A-2", "Low", None)]

    @pytest.mark.parametrize(("commit", "kept"), [("AllOrNothing", []), ("processAllIndependently", ["A-1", "A-3"])])
    async def test_200_tells_the_lines_that_were_refused(
        self, api: Any, stored: Stored, folder: Any, commit: str, kept: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer, "AT_ONCE", 2)
        await stored.queue(folder, EnforceUniqueReference=True, SpecificDataJsonSchema=SCHEMA)
        text = (
            "Reference,Amount,Priority\n"  # 1
            "A-1,1,\n"
            "A-1,2,\n"  # 3: seen before
            "A-2,many,\n"  # 4: no number
            "A-2,1\n"  # 5: a cell too few
            '"A-3",3,Low\n'
            ",4,\n"  # 7: no reference
            "A-4,5,Urgent\n"  # 8: no priority
        )
        answer = await send(api, folder, text, commitType=commit)
        assert answer.status == 200, answer.text
        told = answer.json
        assert [(error["line"], error["errorCode"]) for error in told["errors"]] == [
            (3, 1016),
            (4, 1015),
            (5, 1015),
            (7, 1850),
            (8, 1015),
        ]
        assert (told["success"], told["rows"], told["failed"], told["added"]) == (False, 7, 5, len(kept))
        assert "Amount" in told["errors"][1]["message"]
        assert "Priority" in told["errors"][4]["message"]
        assert [item["Reference"] for item in await items(api, folder)] == kept

    async def test_200_seals_what_an_encrypted_queue_gets(self, api: Any, stored: Stored, folder: Any) -> None:
        await stored.queue(folder, Encrypted=True)
        assert (await send(api, folder, "Pin\n4711\n")).json["added"] == 1
        assert (await items(api, folder))[0]["SpecificContent"] == {"Pin": "4711"}
        rows = await api.node.rows("SELECT 1 FROM orchestrator.queue_item_contents WHERE tenant_id = $1", api.tenant_id)
        assert rows == []

    @pytest.mark.parametrize("delimiter", ["semicolon", "tab"])
    async def test_200_with_another_delimiter(self, api: Any, stored: Stored, folder: Any, delimiter: str) -> None:
        await stored.queue(folder)
        mark = {"semicolon": ";", "tab": "\t"}[delimiter]
        answer = await send(api, folder, f"Reference{mark}Amount\nA,b{mark}1,5\n", delimiter=delimiter)
        assert answer.json["added"] == 1
        (item,) = await items(api, folder)
        assert (item["Reference"], item["SpecificContent"]) == ("A,b", {"Amount": "1,5"})

    @pytest.mark.parametrize(
        ("text", "kind", "status", "named"),
        [
            ("", CSV, 400, "no header"),
            ("a,,b\n1,2,3\n", CSV, 400, "Column 2"),
            ("a,a\n1,2\n", CSV, 400, "same column"),
            ('a\n"open\n', CSV, 400, "Line 2"),
            (b"a\n\xff\xfe\n", CSV, 400, "UTF-8"),
            ('{"Reference": "A"}\n' + " " * 1_048_577, NDJSON, 400, "Line 2"),
            ("a\n1\n", "application/json", 415, "text/csv"),
        ],
    )
    async def test_4xx_for_a_file_that_cannot_be_read(
        self, api: Any, stored: Stored, folder: Any, text: str | bytes, kind: str, status: int, named: str
    ) -> None:
        await stored.queue(folder)
        answer = await send(api, folder, text, kind, commitType="ProcessAllIndependently")
        assert (answer.status, named in answer.text) == (status, True), answer.text
        assert await items(api, folder) == []

    async def test_413_for_too_many_lines_or_bytes_adds_nothing(
        self, api: Any, stored: Stored, folder: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await stored.queue(folder)
        monkeypatch.setattr(transfer, "MOST_ROWS", 2)
        answer = await send(api, folder, "a\n1\n2\n3\n", commitType="ProcessAllIndependently")
        assert answer.status == 413
        monkeypatch.setattr(transfer, "MOST_BYTES", 5)
        assert (await send(api, folder, "a\n1\n2\n")).status == 413
        assert await items(api, folder) == []

    async def test_leaves_no_file_behind(self, api: Any, stored: Stored, folder: Any) -> None:
        await stored.queue(folder)
        files = api.node.config.data_dir / "blobs"
        before = {path for path in files.rglob("*") if path.is_file()}
        await send(api, folder, "a\n1\n")
        await send(api, folder, 'a\n"open\n')
        assert {path for path in files.rglob("*") if path.is_file()} == before

    async def test_404_for_a_queue_that_the_folder_does_not_show(self, api: Any, folder: Any) -> None:
        assert (await send(api, folder, "a\n1\n")).status == 404


class TestExportItems:
    async def test_200_with_lines_that_can_be_imported_again(self, api: Any, stored: Stored, folder: Any) -> None:
        queue = await stored.queue(folder, Encrypted=True)
        await stored.item(queue, {"Text": "two\nlines", "n": 1}, reference="A-1", priority=0)
        await stored.item(queue, {"n": 2}, reference="A-2")
        answer = await api.request("GET", EXPORT, folder=folder, params={"queueName": "Orders"})
        assert answer.headers["content-type"].startswith("application/x-ndjson")
        assert "link" not in answer.headers
        assert [json.loads(line)["Reference"] for line in answer.text.splitlines()] == ["A-1", "A-2"]
        await stored.queue(folder, "Copy")
        told = await send(api, folder, answer.content, NDJSON, queueName="Copy")
        assert told.json["added"] == 2, told.text
        copies = [item for item in await items(api, folder) if item["QueueDefinitionId"] != queue["Id"]]
        assert [item["SpecificContent"] for item in copies] == [{"Text": "two\nlines", "n": 1}, {"n": 2}]
        assert copies[0]["Priority"] == "High"

    async def test_200_in_parts_that_follow_each_other(
        self, api: Any, stored: Stored, queue: Json, folder: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(transfer, "PAGE", 2)
        monkeypatch.setattr(transfer, "MOST_OUT", 4)
        made = [await stored.item(queue, {"n": n}, state="New" if n % 5 else "Failed") for n in range(12)]
        params = {"queueName": "orders", "$filter": "Status eq 'New'"}
        found: list[int] = []
        parts = 0
        while True:
            answer = await api.request("GET", EXPORT, folder=folder, params=params)
            found += [json.loads(line)["Id"] for line in answer.text.splitlines()]
            parts += 1
            if "link" not in answer.headers:
                break
            params = dict(parse_qsl(answer.headers["link"].partition("?")[2].partition(">")[0]))
        assert found == [id_ for n, id_ in enumerate(made) if n % 5]
        assert parts == 3

    async def test_200_without_lines_still_says_what_it_is(self, api: Any, queue: Json, folder: Any) -> None:
        answer = await api.request("GET", EXPORT, folder=folder, params={"queueName": "Orders"})
        assert (answer.status, answer.content) == (200, b"")
        assert answer.headers["content-type"].startswith("application/x-ndjson")

    async def test_400_for_a_filter_that_cannot_be_read(self, api: Any, queue: Json, folder: Any) -> None:
        await api.get(EXPORT, folder=folder, params={"queueName": "Orders", "$filter": "Nothing eq 1"}, expect=400)

    async def test_404_for_a_queue_that_the_folder_does_not_show(self, api: Any, queue: Json, given: Any) -> None:
        await api.get(EXPORT, folder=await given.folder("Elsewhere"), params={"queueName": "Orders"}, expect=404)

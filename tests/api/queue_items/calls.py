"""How tests call the hot operations of queues, in one folder."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.conftest import Caller, Response

QUEUES = "/odata/Queues"
SVC = "UiPathODataSvc"

Json = dict[str, Any]


class Desk:
    """A caller at a queue of a folder: adds items, takes them, tells results."""

    def __init__(self, caller: Caller, queue: Mapping[str, Any], headers: Mapping[str, str] | None = None) -> None:
        self.caller = caller
        self.queue = queue
        self.headers = dict(headers or {})

    def as_caller(self, caller: Caller) -> Desk:
        """Somebody else at the same queue."""
        return Desk(caller, self.queue)

    def with_headers(self, **headers: str) -> Desk:
        """The same caller with more headers; `_` stands for `-`."""
        return Desk(self.caller, self.queue, {name.replace("_", "-"): value for name, value in headers.items()})

    async def post(self, path: str, body: object) -> Response:
        return await self.caller.request("POST", path, body, folder=self.queue["FolderId"], headers=self.headers)

    async def try_add(self, **members: object) -> Response:
        data = {"Name": self.queue["Name"]} | members
        return await self.post(f"{QUEUES}/{SVC}.AddQueueItem", {"itemData": data})

    async def add(self, **members: object) -> Json:
        return good(await self.try_add(**members), 201)

    async def try_add_all(self, items: list[Json], commit: str | None = None) -> Response:
        body = {"queueName": self.queue["Name"], "commitType": commit, "queueItems": items}
        return await self.post(f"{QUEUES}/{SVC}.BulkAddQueueItems", body)

    async def add_all(self, items: list[Json], commit: str | None = None) -> Json:
        return good(await self.try_add_all(items, commit), 200)

    async def try_take(self, **members: object) -> Response:
        data = {"Name": self.queue["Name"]} | members
        return await self.post(f"{QUEUES}/{SVC}.StartTransaction", {"transactionData": data})

    async def take(self, **members: object) -> Json:
        return good(await self.try_take(**members), 200)

    async def try_end(self, item: Mapping[str, Any], *, is_successful: bool = True, **members: object) -> Response:
        body = {"transactionResult": {"IsSuccessful": is_successful} | members}
        return await self.post(f"{QUEUES}({item['Id']})/{SVC}.SetTransactionResult", body)

    async def end(self, item: Mapping[str, Any], *, is_successful: bool = True, **members: object) -> Json:
        return good(await self.try_end(item, is_successful=is_successful, **members), 200)

    async def fail(self, item: Mapping[str, Any], type_: str = "ApplicationException", **members: object) -> Json:
        said = {"Reason": "the host did not answer", "Type": type_}
        return await self.end(item, is_successful=False, ProcessingException=said, **members)

    async def try_progress(self, item: Mapping[str, Any], text: str | None) -> Response:
        path = f"/odata/QueueItems({item['Id']})/{SVC}.SetTransactionProgress"
        return await self.post(path, {"progress": text})

    async def read(self, item: Mapping[str, Any] | int) -> Json:
        id_ = item if isinstance(item, int) else item["Id"]
        found: Json = await self.caller.get(f"/odata/QueueItems({id_})", folder=self.queue["FolderId"])
        return found

    async def all(self, **where: object) -> list[Json]:
        """Every item of the queue, by id."""
        query = f"$filter=QueueDefinitionId eq {self.queue['Id']}&$orderby=Id"
        found = await self.caller.get(f"/odata/QueueItems?{query}", folder=self.queue["FolderId"])
        rows: list[Json] = found["value"]
        return [row for row in rows if all(row[name] == value for name, value in where.items())]

    async def events(self, type_: str) -> list[Json]:
        """Payloads of the events of that type, oldest first."""
        sql = "SELECT payload FROM kernel.outbox WHERE tenant_id = $1 AND type = $2 ORDER BY id"
        return [json.loads(row["payload"]) for row in await self.caller.node.rows(sql, self.caller.tenant_id, type_)]


def good(answer: Response, status: int) -> Json:
    assert answer.status == status, f"{answer.status}: {answer.text}"
    found: Json = answer.json
    return found


def refusal(answer: Response) -> tuple[int, int]:
    """Status and code of a refusal."""
    return answer.status, answer.json["errorCode"]

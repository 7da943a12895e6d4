"""Adders and workers of a queue that repeat a call, with its Idempotency-Key, until they are told what became of it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid5

from tests.bench.load import Answer, Connection, Lost, request
from tests.bench.world import PREFIX
from tests.faults.queue_ledger import Ledger, Verdict

ANSWER_S = 20.0
LOOK_S = 0.02
BULK = 10
WORKERS_OF = UUID("6f6f3d22-6c86-4d2b-9d0a-0c5c1d6c7b11")
ADD, BULK_ADD, TAKE = (
    f"/odata/Queues/UiPathODataSvc.{name}" for name in ("AddQueueItem", "BulkAddQueueItems", "StartTransaction")
)
EXCEPTIONS: dict[Verdict, str] = {"application": "ApplicationException", "business": "BusinessException"}


def told(answer: Answer) -> str:
    """Status and message of a refusal, without what differs each time."""
    try:
        return f"{answer.status} {json.loads(answer.body)['message'][:120]}"
    except (ValueError, KeyError, TypeError):
        return f"{answer.status} {answer.body[:120]!r}"


class Caller:
    """Sends requests to the nodes, each time to one of them by chance, until one answers."""

    def __init__(self, ports: Sequence[int], ledger: Ledger, seed: int) -> None:
        self._ports = ports
        self._connection: Connection | None = None
        self.ledger = ledger
        self.dice = random.Random(seed)  # noqa: S311 - a repeatable choice, no secret

    async def once(self, sent: bytes) -> Answer | None:
        """The answer to one attempt; None when there was none."""
        try:
            if self._connection is None or not self._connection.is_open or self.dice.random() < 0.05:
                self.close()
                self._connection = await Connection.open(self.dice.choice(self._ports))
            async with asyncio.timeout(ANSWER_S):
                return await self._connection.ask(sent)
        except (Lost, TimeoutError):
            self.close()
            return None

    async def ask(self, sent: bytes) -> Answer:
        """The answer that says what became of the call: not lost, not 503."""
        while True:
            answer = await self.once(sent)
            if answer is None:
                self.ledger.repeated += 1
                await asyncio.sleep(LOOK_S)
            elif answer.status == 503:
                self.ledger.unavailable += 1
                await asyncio.sleep(LOOK_S)
            else:
                if answer.status >= 500:
                    self.ledger.wrong[told(answer)] += 1
                return answer

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class Queue:
    """A queue in a folder: the requests on it."""

    def __init__(self, token: str, folder_id: int, name: str) -> None:
        self._headers = {"Authorization": f"Bearer {token}", "X-UIPATH-OrganizationUnitId": str(folder_id)}
        self.name = name

    def post(self, path: str, body: object, *, key: str | None = None, worker: str | None = None) -> bytes:
        """A request; `worker` is the holder of the lease."""
        headers = dict(self._headers)
        if key is not None:
            headers["Idempotency-Key"] = key
        if worker is not None:
            headers["x-uipath-jobkey"] = str(uuid5(WORKERS_OF, worker))
        return request("POST", f"{PREFIX}{path}", headers, json.dumps(body).encode())

    def item(self, reference: str, dice: random.Random) -> dict[str, Any]:
        """A new item's data."""
        priority = dice.choice(("High", "Normal", "Low"))
        return {"Name": self.name, "Reference": reference, "Priority": priority, "SpecificContent": {"of": reference}}

    def result(self, item_id: int, verdict: Verdict, *, key: str | None, worker: str) -> bytes:
        """The request that ends a transaction."""
        said: dict[str, Any] = {"IsSuccessful": verdict == "success", "OperationId": f"op-{item_id}"}
        if verdict == "success":
            said["Output"] = {"done": item_id}
        else:
            said["ProcessingException"] = {"Reason": "by plan", "Type": EXCEPTIONS[verdict]}
        path = f"/odata/Queues({item_id})/UiPathODataSvc.SetTransactionResult"
        return self.post(path, {"transactionResult": said}, key=key, worker=worker)


class Adder(Caller):
    """Adds its share of the items, one by one or in bulk; sends some calls again long after they were answered."""

    def __init__(
        self, queue: Queue, ports: Sequence[int], ledger: Ledger, seed: int, references: Sequence[str]
    ) -> None:
        super().__init__(ports, ledger, seed)
        self._queue = queue
        self._left = list(references)

    async def run(self) -> None:
        """Until every reference is added."""
        late: list[tuple[bytes, Answer]] = []
        while self._left:
            count = BULK if self.dice.random() < 0.05 else 1
            names, self._left = self._left[:count], self._left[count:]
            sent, answer = await self._add(names)
            if self.dice.random() < 0.1:
                late.append((sent, answer))
            if len(late) > 20:
                await self._again(*late.pop(0))
        for pair in late:
            await self._again(*pair)
        self.close()

    async def _add(self, names: Sequence[str]) -> tuple[bytes, Answer]:
        items = [self._queue.item(name, self.dice) for name in names]
        key = f"add-{names[0]}"
        self.ledger.sent.update(names)
        if len(items) == 1:
            sent = self._queue.post(ADD, {"itemData": items[0]}, key=key)
        else:
            body = {"queueName": self._queue.name, "commitType": "AllOrNothing", "queueItems": items}
            sent = self._queue.post(BULK_ADD, body, key=key)
        answer = await self.ask(sent)
        if answer.status not in (200, 201):
            self.ledger.wrong[f"an add was answered {told(answer)}"] += 1
        elif len(items) == 1:
            self.ledger.added[names[0]] = json.loads(answer.body)["Id"]
        elif json.loads(answer.body)["Success"]:
            self.ledger.added.update(dict.fromkeys(names, 0))
        return sent, answer

    async def _again(self, sent: bytes, first: Answer) -> None:
        answer = await self.ask(sent)
        if (answer.status, answer.body) != (first.status, first.body):
            self.ledger.wrong["an add that came twice was answered otherwise the second time"] += 1


class Worker(Caller):
    """Takes items and ends them; repeats results, sends contrary ones late, and tries to end what others hold."""

    def __init__(
        self, queue: Queue, ports: Sequence[int], ledger: Ledger, seed: int, name: str, frozen_share: float
    ) -> None:
        super().__init__(ports, ledger, seed)
        self._queue = queue
        self._frozen_share = frozen_share
        self._turns = 0
        self.name = name
        self.held: list[int] = []
        self.is_ending = False

    async def run(self) -> None:
        """Until it is told to end and nothing is left to take."""
        while True:
            self._turns += 1
            sent = self._queue.post(
                TAKE,
                {"transactionData": {"Name": self._queue.name}},
                key=f"{self.name}-{self._turns}",
                worker=self.name,
            )
            answer = await self.ask(sent)
            if answer.status == 200:
                await self._work(json.loads(answer.body)["Id"])
            elif answer.status != 204:
                self.ledger.wrong[f"a take was answered {told(answer)}"] += 1
            elif self.is_ending:
                break
            else:
                await asyncio.sleep(LOOK_S)
        self.close()

    async def _work(self, item_id: int) -> None:
        self.ledger.take(item_id, self.name)
        if self.dice.random() < self._frozen_share:
            self.held.append(item_id)
            return
        if self.dice.random() < 0.05:
            thief = self._queue.result(item_id, "success", key=None, worker=f"{self.name}-thief")
            await self._refused(thief, "a result of somebody else")
        verdict: Verdict = self.dice.choices(("success", "application", "business"), (8, 1, 1))[0]
        answer = await self.ask(self._queue.result(item_id, verdict, key=f"end-{item_id}", worker=self.name))
        if answer.status != 200:
            self.ledger.wrong[f"a result was answered {told(answer)}"] += 1
            return
        self.ledger.result(item_id, verdict)
        if self.dice.random() < 0.1:
            again = await self.ask(self._queue.result(item_id, verdict, key=None, worker=self.name))
            if again.status != 200:
                self.ledger.wrong[f"a result that came twice was answered {again.status}"] += 1
        if self.dice.random() < 0.1:
            other: Verdict = "business" if verdict != "business" else "success"
            await self._refused(self._queue.result(item_id, other, key=None, worker=self.name), "a contrary result")

    async def late(self, item_id: int) -> None:
        """The result of an item whose lease has ended meanwhile; on a connection of its own, for the worker goes on."""
        sent = self._queue.result(item_id, "success", key=f"late-{item_id}", worker=self.name)
        other = Caller(self._ports, self.ledger, item_id)
        answer = await other.ask(sent)
        other.close()
        if answer.status != 409:
            self.ledger.wrong[f"a late result was answered {told(answer)}"] += 1

    async def _refused(self, sent: bytes, what: str) -> None:
        answer = await self.ask(sent)
        if answer.status != 409:
            self.ledger.wrong[f"{what} was answered {told(answer)}"] += 1

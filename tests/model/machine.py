"""Random steps on a server and on the pure world; after each one both must say the same."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection
from datetime import datetime, timedelta
from typing import Any, TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from tests.conftest import Caller, Node
from tests.model.pure_world import PRIORITIES, Asset, Folder, Item, Queue, World

ODATA, SVC = "UiPath.Server.Configuration.OData.", "UiPathODataSvc."
NAMES = st.sampled_from(("Alpha", "alpha", "Beta", "Ärger", "ÄRGER", "O'Neil", "100 %", "日本"))
REFERENCES = st.one_of(st.none(), st.sampled_from(("r1", "R1", "r2", "r20", "über", "ÜBER")))
HOLDERS = tuple(f"00000000-0000-4000-8000-00000000000{number}" for number in range(3))
PICK = st.integers(0, 10_000)
HOURS = st.one_of(st.none(), st.sampled_from((-1, 1, 3, 30)))

T = TypeVar("T")


def picked(things: Collection[T], number: int) -> T:
    """One of the things; the same number finds the same one as long as nothing changes."""
    return list(things)[number % len(things)]


class Steps(RuleBasedStateMachine):
    """One tenant for each run. `node` and `wait` are set by the test that runs it; `steps` counts over all runs."""

    node: Node
    wait: Callable[[Awaitable[Any]], Any]
    steps = 0

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.api = Caller(self.node, "model")

    # to the server and back

    def ask(self, method: str, path: str, body: object = None, **options: Any) -> Any:
        return self.wait(self.api.request(method, path, body, **options))

    def agree(self, answer: Any, expected: int) -> bool:
        """Whether the call was a good one; both sides must think so."""
        assert answer.status == expected, f"{answer.status}, the model says {expected}: {answer.text[:500]}"
        return expected < 400

    @property
    def now(self) -> datetime:
        return self.node.clock()

    @initialize()
    def begin(self) -> None:
        answer = self.ask("GET", "/odata/Folders")
        for row in answer.json["value"]:
            self.world.folders[row["Id"]] = Folder(row["Id"], row["DisplayName"], row["ParentId"])

    # folders

    @rule(parent=st.one_of(st.none(), PICK), name=NAMES)
    def make_folder(self, parent: int | None, name: str) -> None:
        above = None if parent is None else picked(self.world.folders, parent)
        answer = self.ask("POST", "/odata/Folders", {"DisplayName": name, "ParentId": above})
        if self.agree(answer, self.world.can_make_folder(above, name)):
            id_ = answer.json["Id"]
            self.world.folders[id_] = Folder(id_, name, above)

    @rule(folder=PICK, name=NAMES)
    def rename_folder(self, folder: int, name: str) -> None:
        id_ = picked(self.world.folders, folder)
        body = {"DisplayName": name, "ParentId": self.world.folders[id_].parent, "Id": id_}
        self.agree(self.ask("PUT", f"/odata/Folders({id_})", body), self.world.rename_folder(id_, name))

    @rule(folder=PICK, below=st.one_of(st.none(), PICK))
    def move_folder(self, folder: int, below: int | None) -> None:
        id_ = picked(self.world.folders, folder)
        to = None if below is None else picked(self.world.folders, below)
        query = "" if to is None else f"?targetParentId={to}"
        answer = self.ask("PUT", f"/odata/Folders({id_})/{ODATA}MoveFolder{query}")
        assert answer.status == self.world.move_folder(id_, to) or answer.status == 200, answer.text

    @precondition(lambda self: len(self.world.folders) > 1)
    @rule(folder=PICK)
    def delete_folder(self, folder: int) -> None:
        id_ = picked(self.world.folders, folder)
        if len(self.world.below(id_)) < len(self.world.folders):
            self.agree(self.ask("DELETE", f"/odata/Folders({id_})"), self.world.delete_folder(id_))

    # assets

    @rule(folder=PICK, name=NAMES, value=st.text(max_size=5))
    def make_asset(self, folder: int, name: str, value: str) -> None:
        id_ = picked(self.world.folders, folder)
        text = value.replace("\0", "").encode("utf-8", "ignore").decode() or "v"
        body = {"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": text}
        expected = 409 if self.world.is_taken(self.world.assets.values(), [id_], name) else 201
        answer = self.ask("POST", "/odata/Assets", body, folder=id_)
        if self.agree(answer, expected):
            made = answer.json["Id"]
            self.world.assets[made] = Asset(made, name, text, {id_})

    @precondition(lambda self: self.world.assets)
    @rule(asset=PICK, name=NAMES)
    def change_asset(self, asset: int, name: str) -> None:
        it = picked(self.world.assets.values(), asset)
        body = {"Id": it.id, "Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": "changed"}
        answer = self.ask("PUT", f"/odata/Assets({it.id})", body, folder=min(it.folders))
        if self.agree(answer, self.world.rename(self.world.assets.values(), it, name)):
            it.value = "changed"

    @precondition(lambda self: self.world.assets)
    @rule(asset=PICK, added=st.lists(PICK, max_size=2), removed=st.lists(PICK, max_size=2))
    def share_asset(self, asset: int, added: list[int], removed: list[int]) -> None:
        it = picked(self.world.assets.values(), asset)
        self._share("Assets", "AssetIds", self.world.assets.values(), it, added, removed)

    @precondition(lambda self: self.world.assets)
    @rule(asset=PICK)
    def delete_asset(self, asset: int) -> None:
        it = picked(self.world.assets.values(), asset)
        self.agree(self.ask("DELETE", f"/odata/Assets({it.id})", folder=max(it.folders)), 204)
        del self.world.assets[it.id]

    @precondition(lambda self: self.world.assets)
    @rule(asset=PICK, folder=PICK)
    def read_asset(self, asset: int, folder: int) -> None:
        it, where = picked(self.world.assets.values(), asset), picked(self.world.folders, folder)
        answer = self.ask("GET", f"/odata/Assets({it.id})", folder=where)
        if self.agree(answer, 200 if where in it.folders else 404):
            assert (answer.json["Name"], answer.json["StringValue"]) == (it.name, it.value)

    def _share(
        self,
        set_: str,
        ids: str,
        things: Collection[Asset | Queue],
        it: Asset | Queue,
        added: list[int],
        removed: list[int],
    ) -> None:
        to = {picked(self.world.folders, number) for number in added}
        from_ = {picked(self.world.folders, number) for number in removed}
        body = {ids: [it.id], "ToAddFolderIds": sorted(to), "ToRemoveFolderIds": sorted(from_)}
        answer = self.ask("POST", f"/odata/{set_}/{ODATA}ShareToFolders", body)
        self.agree(answer, self.world.share(things, it, to, from_))

    # queues

    @rule(
        folder=PICK,
        name=NAMES,
        is_unique=st.booleans(),
        is_retried=st.booleans(),
        again=st.booleans(),
        most=st.integers(0, 2),
    )
    def make_queue(self, folder: int, name: str, is_unique: bool, is_retried: bool, again: bool, most: int) -> None:
        id_ = picked(self.world.folders, folder)
        body = self._definition(name, is_unique, is_retried, again, most)
        expected = 409 if self.world.is_taken(self.world.queues.values(), [id_], name) else 201
        answer = self.ask("POST", "/odata/QueueDefinitions", body, folder=id_)
        if self.agree(answer, expected):
            made = answer.json["Id"]
            self.world.queues[made] = Queue(made, name, {id_}, is_unique, is_retried, again, most)

    @precondition(lambda self: self.world.queues)
    @rule(queue=PICK, name=NAMES, is_retried=st.booleans(), again=st.booleans(), most=st.integers(0, 2))
    def change_queue(self, queue: int, name: str, is_retried: bool, again: bool, most: int) -> None:
        it = picked(self.world.queues.values(), queue)
        body = self._definition(name, it.is_unique, is_retried, again, most)
        answer = self.ask("PUT", f"/odata/QueueDefinitions({it.id})", body, folder=min(it.folders))
        if self.agree(answer, self.world.rename(self.world.queues.values(), it, name)):
            it.is_retried, it.is_retried_when_abandoned, it.max_retries = is_retried, again, most

    @staticmethod
    def _definition(name: str, is_unique: bool, is_retried: bool, again: bool, most: int) -> dict[str, object]:
        return {
            "Name": name,
            "EnforceUniqueReference": is_unique,
            "AcceptAutomaticallyRetry": is_retried,
            "RetryAbandonedItems": again,
            "MaxNumberOfRetries": most,
        }

    @precondition(lambda self: self.world.queues)
    @rule(queue=PICK, added=st.lists(PICK, max_size=2), removed=st.lists(PICK, max_size=2))
    def share_queue(self, queue: int, added: list[int], removed: list[int]) -> None:
        it = picked(self.world.queues.values(), queue)
        self._share("QueueDefinitions", "QueueIds", self.world.queues.values(), it, added, removed)

    @precondition(lambda self: len(self.world.queues) > 2)
    @rule(queue=PICK)
    def delete_queue(self, queue: int) -> None:
        it = picked(self.world.queues.values(), queue)
        self.agree(self.ask("DELETE", f"/odata/QueueDefinitions({it.id})", folder=min(it.folders)), 204)
        self.world.delete_queue(it.id)

    # items

    def _item(
        self, name: str, reference: str | None, priority: str, due: int | None, defer: int | None
    ) -> dict[str, Any]:
        data: dict[str, Any] = {
            "Name": name,
            "Priority": priority,
            "SpecificContent": {"of": reference, "n": len(self.world.items)},
        }
        if reference is not None:
            data["Reference"] = reference
        for member, hours in (("DueDate", due), ("DeferDate", defer)):
            if hours is not None:
                data[member] = (self.now + timedelta(hours=hours)).isoformat()
        return data

    def _added(self, id_: int, queue: Queue, data: dict[str, Any]) -> None:
        due, defer = (datetime.fromisoformat(data[m]) if m in data else None for m in ("DueDate", "DeferDate"))
        self.world.items[id_] = Item(
            id_, queue.id, data.get("Reference"), data["Priority"], due, defer, data["SpecificContent"]
        )

    @precondition(lambda self: self.world.queues)
    @rule(queue=PICK, folder=PICK, reference=REFERENCES, priority=st.sampled_from(PRIORITIES), due=HOURS, defer=HOURS)
    def add_item(
        self, queue: int, folder: int, reference: str | None, priority: str, due: int | None, defer: int | None
    ) -> None:
        it, where = picked(self.world.queues.values(), queue), picked(self.world.folders, folder)
        data = self._item(it.name, reference, priority, due, defer)
        found = self.world.named(self.world.queues.values(), where, it.name)
        answer = self.ask("POST", f"/odata/Queues/{SVC}AddQueueItem", {"itemData": data}, folder=where)
        if not isinstance(found, Queue):
            expected = 404
        elif due is not None and defer is not None and 0 < due <= defer:
            expected = 400
        else:
            expected = self.world.can_add(found, reference)
        if self.agree(answer, expected):
            assert isinstance(found, Queue)
            assert answer.json["SpecificContent"] == data["SpecificContent"]
            self._added(answer.json["Id"], found, data)

    @precondition(lambda self: self.world.queues)
    @rule(
        queue=PICK,
        references=st.lists(REFERENCES, min_size=1, max_size=4),
        commit=st.sampled_from(("AllOrNothing", "StopOnFirstFailure", "ProcessAllIndependently")),
    )
    def add_items(self, queue: int, references: list[str | None], commit: str) -> None:
        it = picked(self.world.queues.values(), queue)
        rows = [self._item(it.name, reference, "Normal", None, None) for reference in references]
        body = {"queueName": it.name, "commitType": commit, "queueItems": rows}
        good: list[dict[str, Any]] = []
        failed: list[int] = []
        seen: set[str] = set()
        for ordinal, row in enumerate(rows, start=1):
            reference = row.get("Reference")
            is_double = it.is_unique and reference is not None and reference.casefold() in seen
            if is_double or self.world.can_add(it, reference) != 201:
                failed.append(ordinal)
            else:
                good.append(row)
                seen.add((reference or "").casefold())
        if failed and commit == "AllOrNothing":
            good = []
        elif failed and commit == "StopOnFirstFailure":
            good, failed = rows[: failed[0] - 1], failed[:1]
        answer = self.ask("POST", f"/odata/Queues/{SVC}BulkAddQueueItems", body, folder=min(it.folders))
        self.agree(answer, 200)
        told = sorted(row["Ordinal"] for row in answer.json["FailedItems"])
        assert (answer.json["Success"], told) == (not failed, failed), answer.text
        known = set(self.world.items)
        new = [row for row in self._listed(it) if row["Id"] not in known]
        assert [row["Reference"] for row in new] == [row.get("Reference") for row in good]
        for row, data in zip(new, good, strict=True):
            self._added(row["Id"], it, data)

    @precondition(lambda self: self.world.queues)
    @rule(queue=PICK, holder=st.sampled_from(HOLDERS), prefix=st.one_of(st.none(), st.just("r2")))
    def take(self, queue: int, holder: str, prefix: str | None) -> None:
        it = picked(self.world.queues.values(), queue)
        data = {"Name": it.name} | ({} if prefix is None else {"Reference": prefix})
        body = {"transactionData": data}
        headers = {"x-uipath-jobkey": holder}
        answer = self.ask("POST", f"/odata/Queues/{SVC}StartTransaction", body, folder=max(it.folders), headers=headers)
        best = self.world.next_of(it, self.now, prefix)
        self.agree(answer, 204 if best is None else 200)
        if best is not None:
            assert answer.json["Id"] == best.id, f"handed out {answer.json}, the model says {best}"
            assert answer.json["Status"] == "InProgress"
            self.world.take(best, holder, self.now)

    @precondition(lambda self: self.world.items)
    @rule(item=PICK, mine=st.booleans(), verdict=st.sampled_from(("success", "application", "business", "postpone")))
    def end(self, item: int, mine: bool, verdict: str) -> None:
        it = self._in_hand(item)
        holder = it.holder if mine and it.holder else HOLDERS[0]
        said: dict[str, Any] = {"IsSuccessful": verdict in ("success", "postpone")}
        later = self.now + timedelta(hours=2)
        if verdict == "postpone":
            said["DeferDate"] = later.isoformat()
        elif verdict != "success":
            said["ProcessingException"] = {"Reason": "x", "Type": f"{verdict.capitalize()}Exception"}
        path = f"/odata/Queues({it.id})/{SVC}SetTransactionResult"
        headers = {"x-uipath-jobkey": holder}
        answer = self.ask("POST", path, {"transactionResult": said}, folder=self._folder_of(it), headers=headers)
        if not self.agree(answer, 200 if self.world.may_end(it, holder) else 409):
            return
        if verdict == "success":
            it.state = "Successful"
        elif verdict == "postpone":
            it.state, it.defer, it.holder = "New", later, None
        elif self.world.fail(it, by_application=verdict == "application"):
            self.world.succeed(it, self._heir(it))

    @precondition(lambda self: self.world.items)
    @rule(item=PICK, text=st.sampled_from(("half", "done")))
    def progress(self, item: int, text: str) -> None:
        it = self._in_hand(item)
        holder = it.holder or HOLDERS[1]
        path = f"/odata/QueueItems({it.id})/{SVC}SetTransactionProgress"
        headers = {"x-uipath-jobkey": holder}
        answer = self.ask("POST", path, {"Progress": text}, folder=self._folder_of(it), headers=headers)
        if self.agree(answer, 200 if self.world.may_end(it, holder) else 409):
            it.progress = text

    @precondition(lambda self: self.world.items)
    @rule(item=PICK)
    def delete_item(self, item: int) -> None:
        it = picked(self.world.items.values(), item)
        answer = self.ask("DELETE", f"/odata/QueueItems({it.id})", folder=self._folder_of(it))
        if self.agree(answer, 204 if it.state not in ("InProgress", "Retried") else 409):
            it.state = "Deleted"

    @precondition(lambda self: self.world.items)
    @rule(item=PICK)
    def retry_by_hand(self, item: int) -> None:
        it = picked(self.world.items.values(), item)
        body = {"status": "Retried", "queueItems": [{"Id": it.id}]}
        answer = self.ask("POST", f"/odata/QueueItems/{SVC}SetItemReviewStatus", body, folder=self._folder_of(it))
        self.agree(answer, 200)
        is_possible = it.state in ("Failed", "Abandoned")
        assert answer.json["Success"] is is_possible, answer.text
        if is_possible:
            it.state = "Retried"
            self.world.succeed(it, self._heir(it, by_hand=True), by_hand=True)

    @rule(hours=st.sampled_from((1, 2, 25)))
    def time_passes(self, hours: int) -> None:
        self.node.clock.forward(hours=hours)
        self.wait(self.node.run_loop("queue_items.abandon"))
        for it in self.world.abandon(self.now):
            self.world.succeed(it, self._heir(it))

    def _in_hand(self, number: int) -> Item:
        """Mostly an item in progress, so that results mostly mean something."""
        busy = [item for item in self.world.items.values() if item.state == "InProgress"]
        return picked(busy, number) if busy and number % 5 else picked(self.world.items.values(), number)

    def _folder_of(self, it: Item) -> int:
        return min(self.world.queues[it.queue].folders)

    def _heir(self, it: Item, *, by_hand: bool = False) -> int:
        """The id of the attempt that follows a retried one."""
        name = "ManualAncestorId" if by_hand else "AncestorId"
        answer = self.ask(
            "GET", "/odata/QueueItems", params={"$filter": f"{name} eq {it.id}"}, folder=self._folder_of(it)
        )
        (row,) = answer.json["value"]
        return int(row["Id"])

    def _listed(self, queue: Queue) -> list[dict[str, Any]]:
        params = {"$filter": f"QueueDefinitionId eq {queue.id}", "$orderby": "Id"}
        answer = self.ask("GET", "/odata/QueueItems", params=params, folder=min(queue.folders))
        assert answer.status == 200, answer.text
        return list(answer.json["value"])

    # everything

    @invariant()
    def one_queue_is_the_same(self) -> None:
        type(self).steps += 1
        if not self.world.queues:
            return
        queue = picked(self.world.queues.values(), self.steps)
        shown = [
            (
                row["Id"],
                row["Status"],
                row["Reference"],
                row["Priority"],
                row["RetryNumber"],
                row["ManualRetryNumber"],
                row["Progress"],
                row["SpecificContent"],
            )
            for row in self._listed(queue)
        ]
        wanted = [
            (
                it.id,
                it.state,
                it.reference,
                it.priority,
                it.retry_number,
                it.manual_retry_number,
                it.progress,
                it.content,
            )
            for it in sorted(self.world.of_queue(queue.id), key=lambda it: it.id)
        ]
        assert shown == wanted

    def teardown(self) -> None:
        """The whole tenant once more, folder by folder."""
        folders = self.ask("GET", "/odata/Folders", params={"$top": 1000}).json["value"]
        assert {(f["Id"], f["DisplayName"], f["ParentId"]) for f in folders} == {
            (f.id, f.name, f.parent) for f in self.world.folders.values()
        }
        for id_ in self.world.folders:
            assets = self.ask("GET", "/odata/Assets", folder=id_).json["value"]
            assert {(a["Id"], a["Name"], a["StringValue"]) for a in assets} == {
                (a.id, a.name, a.value) for a in self.world.assets.values() if id_ in a.folders
            }
            queues = self.ask("GET", "/odata/QueueDefinitions", folder=id_).json["value"]
            assert {(q["Id"], q["Name"], q["MaxNumberOfRetries"]) for q in queues} == {
                (q.id, q.name, q.max_retries) for q in self.world.queues.values() if id_ in q.folders
            }


def run(loop_wait: Callable[[Awaitable[Any]], Any], node: Node) -> type[Steps]:
    """The machine for a node; `loop_wait` runs a coroutine of the node's event loop to its end."""
    return type("StepsOfNode", (Steps,), {"node": node, "wait": staticmethod(loop_wait), "steps": 0})

"""The operations that robots and those who feed them call all day: adding items, taking them, and telling results."""

from __future__ import annotations

from podium import wire
from podium.kernel.call import Call, Item, Reply, given
from podium.kernel.errors import BadRequest, Code
from podium.kernel.keyring import Keyring
from podium.kernel.odata import fetch_one, parse_options
from podium.kernel.operation import operation
from podium.orchestrator.queue_items import adding, adding_many, contents, results, store_reads, taking
from podium.orchestrator.queue_items.callers import EPOCH_HEADER, Who, connection, who
from podium.orchestrator.queue_items.entity import QUEUE_ITEMS
from podium.orchestrator.queue_items.traffic import Traffic

SHAPING = ("$select", "$expand")


@operation("POST", "/odata/Queues/UiPathODataSvc.AddQueueItem", connected=False, audited=False, idempotent=True)
async def add_queue_item(call: Call, body: wire.AddQueueItemRequest) -> Item:
    """Add an item to a queue of the folder."""
    data = given(body.item_data, None)
    if data is None:
        raise _missing("itemData")
    caller = who(call)
    id_, json = await adding.add(call.port(Traffic), caller, given(data.name, None), data)
    return await _item(call, caller, id_, json)


@operation("POST", "/odata/Queues/UiPathODataSvc.BulkAddQueueItems", connected=False, audited=False, idempotent=True)
async def bulk_add_queue_items(call: Call, body: wire.BulkAddQueueItemsRequest) -> dict[str, object]:
    """Add many items to a queue of the folder; tells those that were refused."""
    items = given(body.queue_items, None) or []
    commit = given(body.commit_type, "ProcessAllIndependently")
    refused = await adding_many.add(call.port(Traffic), who(call), given(body.queue_name, None), items, commit)
    return adding_many.answer(items, refused)


@operation("POST", "/odata/Queues/UiPathODataSvc.StartTransaction", connected=False, audited=False, idempotent=True)
async def start_transaction(call: Call, body: wire.QueuesStartTransactionRequest) -> Item | Reply:
    """Hand the best item of a queue to the caller; 204 when none is waiting."""
    data = given(body.transaction_data, None)
    if data is None:
        raise _missing("transactionData")
    caller = who(call)
    started = await taking.start(call.port(Traffic), caller, data)
    if started is None:
        return Reply(204)
    item = await _item(call, caller, started.id, started.json)
    return Item(item.json, item.set_name, headers=((EPOCH_HEADER, str(started.epoch)),))


@operation(
    "POST",
    "/odata/Queues({key})/UiPathODataSvc.SetTransactionResult",
    connected=False,
    audited=False,
    idempotent=True,
)
async def set_transaction_result(
    call: Call, key: int, body: wire.QueueSetTransactionResultRequest
) -> dict[str, object]:
    """End the transaction that the caller has, or put its item off."""
    data = given(body.transaction_result, None)
    if data is None:
        raise _missing("transactionResult")
    await results.report(call.port(Traffic), who(call), key, data)
    return {}


@operation(
    "POST",
    "/odata/QueueItems({key})/UiPathODataSvc.SetTransactionProgress",
    connected=False,
    audited=False,
    idempotent=True,
)
async def set_transaction_progress(
    call: Call, key: int, body: wire.QueueSetTransactionProgressRequest
) -> dict[str, object]:
    """Note how far the caller is with the transaction that it has."""
    await results.set_progress(call.port(Traffic), who(call), key, given(body.progress, None))
    return {}


async def _item(call: Call, caller: Who, id_: int, json: str) -> Item:
    """The answer; read again when the request wants it in another shape."""
    if not any(name in call.query for name in SHAPING):
        return Item(json, "QueueItems")
    traffic = call.port(Traffic)
    async with connection(traffic.db, caller) as db:
        args = [call.tenant_id, [caller.folder_id], id_]
        text = await fetch_one(db, QUEUE_ITEMS, parse_options(call.query), store_reads.ONE, args, now=call.now)
        assert text is not None
        return Item(await contents.open_json(db, call.port(Keyring), call.tenant_id, text), "QueueItems")


def _missing(member: str) -> BadRequest:
    return BadRequest(f"{member} is required.", Code.PARAMETER_MISSING)

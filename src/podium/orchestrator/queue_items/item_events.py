"""Operations that read what happened to items."""

from __future__ import annotations

from podium.kernel.call import Call, Item, Page
from podium.kernel.errors import NotFound
from podium.kernel.odata import CountRule, fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator import scope
from podium.orchestrator.queue_items import rules, store_reads
from podium.orchestrator.queue_items.entity import QUEUE_ITEM_EVENTS


@operation("GET", "/odata/QueueItemEvents")
async def list_events(call: Call) -> Page:
    """Events of all items of the folder."""
    return await _page(call, scope.IN_ONE_FOLDER, [call.tenant_id, [call.folder_id]])


@operation("GET", "/odata/QueueItemEvents({key})")
async def read_event(call: Call, key: int) -> Item:
    """One event."""
    args = [call.tenant_id, [call.folder_id], key]
    text = await fetch_one(call.db, QUEUE_ITEM_EVENTS, parse_options(call.query), store_reads.ONE, args, now=call.now)
    if text is None:
        raise NotFound("QueueItemEvent does not exist.")
    return Item(text, "QueueItemEvents")


@operation(
    "GET",
    "/odata/QueueItemEvents/UiPath.Server.Configuration.OData.GetQueueItemEventsHistory(queueItemId={queueItemId})",
)
async def list_history(call: Call, queue_item_id: int) -> Page:
    """Events of the item and of every other attempt of its chain, oldest first unless another order is asked for."""
    chain = await store_reads.chain_of(call.db, call.tenant_id, call.folder_id, queue_item_id)
    if chain is None:
        raise NotFound(rules.NO_ITEM)
    return await _page(call, store_reads.OF_ITEMS_CHAIN, [call.tenant_id, [call.folder_id], chain])


async def _page(call: Call, where: str, args: list[object]) -> Page:
    options = parse_options(call.query)
    page = await fetch_page(call.db, QUEUE_ITEM_EVENTS, options, where, args, count=CountRule.ON_REQUEST, now=call.now)
    return Page(page.json, "QueueItemEvents", page.total)

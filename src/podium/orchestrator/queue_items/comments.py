"""Operations on the comments of items. A comment belongs to one attempt, and to who wrote it."""

from __future__ import annotations

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import BadRequest, Code, Forbidden, NotFound
from podium.kernel.odata import fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator import scope
from podium.orchestrator.queue_items import rules, store_comments, store_reads, versioned
from podium.orchestrator.queue_items.entity import QUEUE_ITEM_COMMENTS

NO_COMMENT = "QueueItemComment does not exist."


@operation("GET", "/odata/QueueItemComments")
async def list_comments(call: Call) -> Page:
    """Comments on all items of the folder."""
    return await _page(call, scope.IN_ONE_FOLDER, [call.tenant_id, [call.folder_id]])


@operation("GET", "/odata/QueueItemComments({key})")
async def read_comment(call: Call, key: int) -> Item:
    """One comment."""
    return await _item(call, key)


@operation(
    "GET",
    "/odata/QueueItemComments/UiPath.Server.Configuration.OData.GetQueueItemCommentsHistory(queueItemId={queueItemId})",
)
async def list_history(call: Call, queue_item_id: int) -> Page:
    """Comments on the item and on every other attempt of its chain."""
    chain = await store_reads.chain_of(call.db, call.tenant_id, call.folder_id, queue_item_id)
    if chain is None:
        raise NotFound(rules.NO_ITEM)
    return await _page(call, store_reads.OF_ITEMS_CHAIN, [call.tenant_id, [call.folder_id], chain])


@operation("POST", "/odata/QueueItemComments")
async def add_comment(call: Call, body: wire.QueueItemCommentDto) -> Item:
    """A comment of the caller, of this moment, whatever the body says of either."""
    item_id = given(body.queue_item_id, None)
    if item_id is None:
        raise BadRequest("QueueItemId is required.", Code.PARAMETER_MISSING)
    text = _text(body)
    if await store_reads.chain_of(call.db, call.tenant_id, call.folder_id, item_id) is None:
        raise NotFound(rules.NO_ITEM)
    made = await store_comments.add(call.db, call.tenant_id, item_id, text, versioned.author(call), call.now)
    call.describe("Create", entity_id=made, name=f"item {item_id}")
    return await _item(call, made)


@operation("PUT", "/odata/QueueItemComments({key})")
async def change_comment(call: Call, key: int, body: wire.QueueItemCommentDto) -> Item:
    """Another text; item, author and time stay."""
    text = _text(body)
    await _own(call, key)
    await store_comments.change(call.db, call.tenant_id, key, text)
    call.describe("Update", entity_id=key)
    return await _item(call, key)


@operation("DELETE", "/odata/QueueItemComments({key})")
async def delete_comment(call: Call, key: int) -> None:
    """A comment of the caller."""
    await _own(call, key)
    await store_comments.remove(call.db, call.tenant_id, key)
    call.describe("Delete", entity_id=key)


def _text(body: wire.QueueItemCommentDto) -> str:
    text = given(body.text, "").strip()
    if not text:
        raise BadRequest("Text is required.", Code.PARAMETER_MISSING)
    return text


async def _own(call: Call, key: int) -> Record:
    """The comment, locked. Raises NotFound, and Forbidden for a comment of somebody else."""
    comment = await store_comments.to_change(call.db, call.tenant_id, call.folder_id, key)
    if comment is None:
        raise NotFound(NO_COMMENT)
    author = versioned.author(call)
    if author == (None, None) or (comment["user_id"], comment["client_id"]) != author:
        raise Forbidden("Comments are changed and deleted by who wrote them.", Code.ERROR_UPDATING)
    return comment


async def _page(call: Call, where: str, args: list[object]) -> Page:
    page = await fetch_page(call.db, QUEUE_ITEM_COMMENTS, parse_options(call.query), where, args, now=call.now)
    return Page(page.json, "QueueItemComments", page.total)


async def _item(call: Call, key: int) -> Item:
    args = [call.tenant_id, [call.folder_id], key]
    options = parse_options(call.query)
    text = await fetch_one(call.db, QUEUE_ITEM_COMMENTS, options, store_reads.ONE, args, now=call.now)
    if text is None:
        raise NotFound(NO_COMMENT)
    return Item(text, "QueueItemComments")

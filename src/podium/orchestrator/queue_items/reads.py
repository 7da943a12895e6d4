"""Operations that read items."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from podium.kernel.call import Call, Folder, Item, Page
from podium.kernel.errors import Forbidden, NotFound
from podium.kernel.keyring import Keyring
from podium.kernel.odata import MAX_ROWS, CountRule, Entity, Options, PageText, fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator import scope
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.queue_items import contents, rules, store_reads
from podium.orchestrator.queue_items.entity import QUEUE_ITEMS, QUEUE_ITEMS_ACROSS, REVIEWERS

NARROW_ROWS = 10_000
HEAVY = frozenset(
    {
        "*",
        "specificdata",
        "specificcontent",
        "outputdata",
        "output",
        "analyticsdata",
        "analytics",
        "progress",
        "processingexception",
    }
)
TO_READ = frozenset({"Queues.View", "Transactions.View"})
TO_REVIEW = frozenset({"Transactions.Edit"})


@operation("GET", "/odata/QueueItems")
async def list_items(
    call: Call, mandatory_permissions: list[str] | None = None, at_least_one_permissions: list[str] | None = None
) -> Page:
    """Items of the folder's queues; without a folder each once per folder that shows its queue and may be read.

    The two lists narrow the folders further: to those where the caller has all of the first and one of the second.
    """
    if call.folder is not None:
        return await _page(call, QUEUE_ITEMS, scope.IN_ONE_FOLDER, [call.tenant_id, [call.folder_id]])
    folders = folders_with(call, TO_READ)
    wanted, one_of = frozenset(mandatory_permissions or ()), frozenset(at_least_one_permissions or ())
    ids = [
        folder.id
        for folder in folders
        if wanted <= (held := call.reach.within(folder)) and (not one_of or one_of & held)
    ]
    return await _page(call, QUEUE_ITEMS_ACROSS, scope.IN_FOLDERS, [call.tenant_id, ids])


@operation("GET", "/odata/QueueItems({key})")
async def read_item(call: Call, key: int) -> Item:
    """One item of the folder."""
    return await item(call, key)


@operation("GET", "/odata/QueueItems({key})/UiPath.Server.Configuration.OData.GetItemLastRetry")
async def read_last_retry(call: Call, key: int) -> Item:
    """The newest attempt of the item's chain, which may be the item itself."""
    return await _item(call, store_reads.LAST_OF_ITEM, key)


@operation("GET", "/odata/QueueItems/UiPathODataSvc.GetItemLastRetryByKey(key={key})")
async def read_last_retry_by_key(call: Call, key: UUID) -> Item:
    """The newest attempt of the chain with that key."""
    return await _item(call, store_reads.LAST_OF_KEY, key)


@operation("GET", "/odata/QueueItems({key})/UiPathODataSvc.GetItemProcessingHistory")
async def list_attempts(call: Call, key: int) -> Page:
    """Every attempt of the item's chain, oldest first unless another order is asked for."""
    chain = await store_reads.chain_of(call.db, call.tenant_id, call.folder_id, key)
    if chain is None:
        raise NotFound(rules.NO_ITEM)
    return await _page(call, QUEUE_ITEMS, store_reads.OF_CHAIN, [call.tenant_id, [call.folder_id], chain])


@operation("GET", "/odata/QueueItems/UiPath.Server.Configuration.OData.GetReviewers")
async def list_reviewers(call: Call) -> Page:
    """Who may be made the reviewer of an item: the principals that may edit transactions in the folder."""
    ids = await reviewer_ids(call)
    options = parse_options(call.query)
    args = [call.tenant_id, sorted(ids)]
    page = await fetch_page(call.db, REVIEWERS, options, store_reads.AMONG, args, now=call.now)
    return Page(page.json, "SimpleUserDto", page.total)


async def item(call: Call, item_id: int) -> Item:
    """The folder's item as the request's options want it. Raises NotFound."""
    return await _item(call, store_reads.ONE, item_id)


async def reviewer_ids(call: Call) -> set[int]:
    """Ids of the users that may review items of the folder."""
    users = await call.port(AccessResolver).users_with(call.db, call.tenant_id, call.folder_id, TO_REVIEW)
    return {user.id for user in users}


def folders_with(call: Call, permissions: Collection[str]) -> list[Folder]:
    """The folders where the caller holds every one of the permissions. Raises Forbidden when it does nowhere."""
    wanted = frozenset(permissions)
    found = [folder for folder in call.reach.folders.values() if wanted <= call.reach.within(folder)]
    if not found and not wanted <= call.reach.permissions:
        raise Forbidden("You are not authorized!")
    return found


async def _page(call: Call, entity: Entity, where: str, args: list[object]) -> Page:
    options = parse_options(call.query)
    page = await fetch_page(
        call.db,
        entity,
        options,
        where,
        args,
        count=CountRule.ON_REQUEST,
        max_rows=_most_rows(options),
        now=call.now,
    )
    text = await contents.open_json(call.db, call.port(Keyring), call.tenant_id, page.json)
    return Page(PageText(text, page.json.following), "QueueItems", page.total)


def _most_rows(options: Options) -> int:
    """How long a page may be (decision 0021): what a caller selects without any content weighs little."""
    is_narrow = options.select is not None and not options.expand and not HEAVY & {n.lower() for n in options.select}
    return NARROW_ROWS if is_narrow and options.top is not None else MAX_ROWS


async def _item(call: Call, where: str, sought: int | UUID) -> Item:
    args = [call.tenant_id, [call.folder_id], sought]
    text = await fetch_one(call.db, QUEUE_ITEMS, parse_options(call.query), where, args, now=call.now)
    if text is None:
        raise NotFound(rules.NO_ITEM)
    return Item(await contents.open_json(call.db, call.port(Keyring), call.tenant_id, text), "QueueItems")

"""Operations on queue definitions."""

from __future__ import annotations

from uuid import UUID

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page, Reply, given
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.odata import Entity, fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import sharing
from podium.orchestrator.queues import actions, changes, events, rules, store
from podium.orchestrator.queues.entity import QUEUES_IN_FOLDERS, QUEUES_WITH_RETENTION
from podium.orchestrator.queues.store import SHARED

SET = "QueueDefinitions"


@operation("GET", "/odata/QueueDefinitions")
async def list_queues(call: Call) -> Page:
    """Queues of the folder, or of every folder where the caller may view them; each once, however many show it."""
    return await _page(call, call.folders_with("Queues.View"))


@operation("GET", "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetQueuesAcrossFolders")
async def list_queues_across_folders(call: Call, exclude_folder_id: int | None = None) -> Page:
    """Queues of the folders where the caller may view them, but that one; none when there is no such folder."""
    return await _page(call, sharing.readable(call, "Queues", exclude_folder_id))


@operation("GET", "/odata/QueueDefinitions({key})")
async def read_queue(call: Call, key: int) -> Item:
    return await _item(call, QUEUES_IN_FOLDERS, store.ONE, key)


@operation("GET", "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetQueue(id={id})")
async def read_queue_with_retention(call: Call, id: int) -> Item:  # noqa: A002 - the contract's name
    """The queue, and what becomes of its old items."""
    return await _item(call, QUEUES_WITH_RETENTION, store.ONE, id)


@operation("GET", "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetByKey(identifier={identifier})")
async def read_queue_by_key(call: Call, identifier: UUID) -> Item:
    return await _item(call, QUEUES_IN_FOLDERS, store.ONE_OF_KEY, identifier)


@operation("POST", "/odata/QueueDefinitions")
async def create_queue(call: Call, body: wire.QueueDefinitionDto) -> Item:
    return await _item(call, QUEUES_IN_FOLDERS, store.ONE, await _make(call, body))


@operation("POST", "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.CreateQueue")
async def create_queue_with_retention(call: Call, body: wire.QueueDefinitionDto) -> Item:
    """Items of a queue whose body says nothing of retention stay for ever."""
    return await _item(call, QUEUES_WITH_RETENTION, store.ONE, await _make(call, body))


@operation("PUT", "/odata/QueueDefinitions({key})")
async def replace_queue(call: Call, key: int, body: wire.QueueDefinitionDto) -> Item:
    """Everything that can change: a schema that the body leaves out goes."""
    await _replace(call, key, body)
    return await _item(call, QUEUES_IN_FOLDERS, store.ONE, key)


@operation("POST", "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.EditQueue")
async def edit_queue(call: Call, body: wire.QueueDefinitionDto) -> None:
    """As PUT, for the queue whose Id the body names; retention that it does not speak of stays."""
    id_ = given(body.id, None)
    if id_ is None:
        raise BadRequest("Id is required.", Code.PARAMETER_MISSING)
    await _replace(call, id_, body)


@operation("DELETE", "/odata/QueueDefinitions({key})")
async def delete_queue(call: Call, key: int) -> None:
    """From every folder that shows it, and with it its items, which are removed from storage a little later."""
    queue = await _queue(call, key)
    _tell(call, queue, "Delete", "queue.deleted")
    await call.db.execute(store.REMOVE, call.tenant_id, key)


@operation("GET", "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.GetFoldersForQueue(id={id})")
async def list_folders(call: Call, id: int) -> Item:  # noqa: A002 - the contract's name
    """The folders that show the queue where the caller may view it; the total counts the others as well."""
    return await sharing.accessible_folders(call, SHARED, id)


@operation("POST", "/odata/QueueDefinitions/UiPath.Server.Configuration.OData.ShareToFolders")
async def share(call: Call, body: wire.QueueFoldersShareDto) -> None:
    """Show queues in further folders, and in some no more; all of it or nothing."""
    added, removed = given(body.to_add_folder_ids, []), given(body.to_remove_folder_ids, [])
    for queue, folders in await sharing.share(call, SHARED, given(body.queue_ids, []), added, removed):
        call.emit("queue.updated", events.queues(queue), folder_id=folders[0]["id"])


@operation(
    "GET", "/odata/QueueDefinitions({key})/UiPathODataSvc.GetJsonSchemaDefinition(jsonSchemaType='{jsonSchemaType}')"
)
async def read_schema(call: Call, key: int, json_schema_type: str) -> Reply:
    """One of the queue's schemas as a file."""
    types = {name.lower(): at for at, name in enumerate(rules.SCHEMA_TYPES)}
    position = types.get(json_schema_type.strip("'").lower())
    if position is None:
        expected = ", ".join(rules.SCHEMA_TYPES)
        raise BadRequest(f"jsonSchemaType: expected one of {expected}.", Code.PARAMETER_INVALID)
    found = await store.schemas(call.db, call.tenant_id, [call.folder_id], key)
    if found is None:
        raise NotFound(rules.NO_QUEUE)
    text = found[position + 1]
    if text is None:
        raise NotFound(f"The queue {found['name']} has no schema of this type.")
    headers = {"content-disposition": f'attachment; filename="{rules.SCHEMA_TYPES[position]}.json"'}
    return Reply(200, text.encode(), "application/octet-stream", headers)


async def _make(call: Call, body: wire.QueueDefinitionDto) -> int:
    require_members(body)
    made = await actions.make(call, changes.asked(body, changes.DEFAULTS), changes.policies(body))
    _tell(call, await _queue(call, made), "Create", "queue.created")
    return made


async def _replace(call: Call, queue_id: int, body: wire.QueueDefinitionDto) -> None:
    require_members(body)
    queue = await _queue(call, queue_id)
    await actions.replace(call, queue, changes.asked(body, dict(queue)), changes.policies(body))
    _tell(call, await _queue(call, queue_id), "Update", "queue.updated")


async def _page(call: Call, folders: list[int]) -> Page:
    options = parse_options(call.query)
    page = await fetch_page(call.db, QUEUES_IN_FOLDERS, options, store.SHOWN, [call.tenant_id, folders], now=call.now)
    return Page(page.json, SET, page.total)


async def _item(call: Call, entity: Entity, where: str, key: int | UUID) -> Item:
    args = [call.tenant_id, [call.folder_id], key]
    text = await fetch_one(call.db, entity, parse_options(call.query), where, args, now=call.now)
    if text is None:
        raise NotFound(rules.NO_QUEUE)
    return Item(text, SET)


async def _queue(call: Call, queue_id: int) -> Record:
    """The folder's queue, locked. Raises NotFound."""
    rows = await sharing.to_change(call.db, SHARED, call.tenant_id, [call.folder_id], [queue_id])
    if not rows:
        raise NotFound(rules.NO_QUEUE)
    return rows[0]


def _tell(call: Call, queue: Record, action: str, event: str) -> None:
    """Say in audit and events what is done to the queue."""
    call.emit(event, events.queues(queue))
    call.describe(action, component="Queues", entity_id=queue["id"], name=queue["name"])

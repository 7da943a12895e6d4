"""Operations on what becomes of the old items of queues."""

from __future__ import annotations

from collections.abc import Mapping

from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, Page, given
from podium.kernel.errors import NotFound
from podium.kernel.odata import Entity, Kind, Property, fetch_one, fetch_page, parse_options
from podium.kernel.operation import operation
from podium.orchestrator import sharing
from podium.orchestrator.queues import actions, retention_store, rules, store

SET = "QueueRetention"


def _entity(kind: str) -> Entity:
    """Every queue has a row: without a policy its items stay."""
    return Entity(
        name=SET,
        table="orchestrator.queues",
        joins=(
            "LEFT JOIN orchestrator.queue_retention {t}_r"
            f" ON {{t}}_r.tenant_id = {{t}}.tenant_id AND {{t}}_r.queue_id = {{t}}.id AND {{t}}_r.kind = '{kind}'"
        ),
        properties={
            "QueueDefinitionId": Property("{t}.id", Kind.INT),
            "Action": Property("coalesce({t}_r.action, 'None')", Kind.ENUM, enum=rules.ACTIONS),
            "Period": Property("{t}_r.period_days", Kind.INT),
            "BucketId": Property("{t}_r.bucket_id", Kind.INT),
            "Type": Property(f"'{kind}'::text", Kind.ENUM, enum=rules.KINDS),
        },
        key="QueueDefinitionId",
    )


RETENTION: Mapping[str, Entity] = {kind: _entity(kind) for kind in rules.KINDS}


@operation("GET", "/odata/QueueRetention")
async def list_retention(call: Call) -> Page:
    """What becomes of the ended items of the folder's queues."""
    args = [call.tenant_id, [call.folder_id]]
    options = parse_options(call.query)
    page = await fetch_page(call.db, RETENTION["Final"], options, store.SHOWN, args, now=call.now)
    return Page(page.json, SET, page.total)


@operation("GET", "/odata/QueueRetention({key})")
async def read_retention(call: Call, key: int, retention_type: str | None = None) -> Item:
    args = [call.tenant_id, [call.folder_id], key]
    entity = RETENTION[retention_type or "Final"]
    text = await fetch_one(call.db, entity, parse_options(call.query), store.ONE, args, now=call.now)
    if text is None:
        raise NotFound(rules.NO_QUEUE)
    return Item(text, SET)


@operation("PUT", "/odata/QueueRetention({key})")
async def set_retention(
    call: Call, key: int, body: wire.QueueRetentionSettingDto, retention_type: str | None = None
) -> None:
    """Which items it is about is said by retentionType, else by the body's Type; without both, by those that ended."""
    kind = retention_type or given(body.type, "Final")
    policy = rules.policy(kind, given(body.action, "Delete"), given(body.period, None), given(body.bucket_id, None))
    queue = await _queue(call, key)
    await actions.set_policy(call, key, policy, is_encrypted=queue["is_encrypted"])


@operation("DELETE", "/odata/QueueRetention({key})")
async def drop_retention(call: Call, key: int, retention_type: str | None = None) -> None:
    """Back to what holds for queues of which nothing is said: their items stay."""
    await _queue(call, key)
    await retention_store.drop(call.db, call.tenant_id, key, retention_type or "Final")


async def _queue(call: Call, queue_id: int) -> Record:
    """The folder's queue, locked, of which the audit is told. Raises NotFound."""
    rows = await sharing.to_change(call.db, store.SHARED, call.tenant_id, [call.folder_id], [queue_id])
    if not rows:
        raise NotFound(rules.NO_QUEUE)
    call.describe("Update", component="Queues", entity_id=queue_id, name=rows[0]["name"])
    return rows[0]

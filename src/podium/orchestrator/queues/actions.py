"""Finds, makes and changes queues: for the API and for whoever works on their items."""

from __future__ import annotations

from collections.abc import Collection

from asyncpg import Record

from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code, Conflict, Forbidden
from podium.kernel.ids import uuid7
from podium.orchestrator import sharing
from podium.orchestrator.queues import retention_store, rules, store
from podium.orchestrator.queues.rules import Asked, Definition, Policy


async def definition(db: Connection, tenant_id: int, folder_id: int, name: str) -> Definition | None:
    """The folder's queue of that name, compared without regard to case."""
    return await store.named(db, tenant_id, folder_id, rules.name_key(name))


async def definitions(db: Connection, tenant_id: int, ids: Collection[int]) -> dict[int, Definition]:
    """The queues of these ids, in whichever folders; those that are gone are left out."""
    return {found.id: found for found in await store.definitions(db, tenant_id, ids)}


async def is_shown(db: Connection, tenant_id: int, folder_ids: Collection[int], queue_id: int) -> bool:
    """Whether one of the folders shows the queue."""
    return bool(await db.fetchval(store.IS_SHOWN, tenant_id, list(folder_ids), queue_id))


async def check_process_is_free(db: Connection, tenant_id: int, process_id: int, name: str) -> None:
    """Refuse (409 #1012) to lose a process that a queue names as its own."""
    queue = await store.of_process(db, tenant_id, process_id)
    if queue is not None:
        message = f"The process {name} belongs to the queue {queue}: delete the queue, or take its ReleaseId away."
        raise Conflict(message, Code.HAS_DEPENDENT_ITEMS)


async def make(call: Call, asked: Asked, policies: Collection[Policy]) -> int:
    """Id of a new queue in the request's folder. Raises BadRequest, and Conflict for a taken name."""
    db, tenant_id = call.db, call.tenant_id
    await sharing.check_name_is_free(db, store.SHARED, tenant_id, [call.folder_id], asked.name)
    await _check_process(call, asked.process_id)
    id_ = await store.add(db, tenant_id, uuid7(), asked, call.now, call.actor.user_id)
    await sharing.link(db, store.SHARED, tenant_id, id_, asked.name_key, [call.folder_id])
    for policy in policies:
        await set_policy(call, id_, policy, is_encrypted=asked.is_encrypted)
    return id_


async def replace(call: Call, queue: Record, asked: Asked, policies: Collection[Policy]) -> None:
    """Make the locked queue what is asked for.

    Raises BadRequest, and Conflict for a name that is taken in one of its folders or for what cannot change any more.
    """
    db, tenant_id, id_ = call.db, call.tenant_id, queue["id"]
    rules.check_fixed(asked, has_unique_references=queue["has_unique_references"], is_encrypted=queue["is_encrypted"])
    folders = [row["id"] for row in await sharing.folders_of(db, store.SHARED, tenant_id, id_)]
    await sharing.check_name_is_free(db, store.SHARED, tenant_id, folders, asked.name, id_)
    if asked.process_id != queue["process_id"]:
        await _check_process(call, asked.process_id)
    await store.change(db, tenant_id, id_, asked, call.now, call.actor.user_id)
    for policy in policies:
        await set_policy(call, id_, policy, is_encrypted=asked.is_encrypted)


async def set_policy(call: Call, queue_id: int, policy: Policy, *, is_encrypted: bool) -> None:
    """Say what becomes of the queue's old items. Raises BadRequest, and Forbidden for a bucket not to be written to."""
    rules.check_archive(policy, is_encrypted=is_encrypted)
    await _check_bucket(call, policy)
    await retention_store.put(call.db, call.tenant_id, queue_id, policy)


async def _check_process(call: Call, process_id: int | None) -> None:
    if process_id is None:
        return
    readable = sharing.readable(call, "Processes")
    if not await store.has_process(call.db, call.tenant_id, readable, process_id):
        raise BadRequest(f"ReleaseId: the process {process_id} does not exist.", Code.INVALID_ARGUMENT)


async def _check_bucket(call: Call, policy: Policy) -> None:
    """Archived items are written in the name of who asks for it: he must be able to write there himself."""
    if policy.bucket_id is None:
        return
    folders = await retention_store.folders_of_bucket(call.db, call.tenant_id, policy.bucket_id)
    held = [
        call.reach.permissions | call.reach.folders[folder_id].permissions
        for folder_id in folders
        if folder_id in call.reach.folders
    ]
    if not any("Buckets.View" in permissions for permissions in held):
        raise BadRequest(f"BucketId: the bucket {policy.bucket_id} does not exist.", Code.INVALID_ARGUMENT)
    if not any({"Buckets.View", "BlobFiles.Create"} <= permissions for permissions in held):
        raise Forbidden("You are not authorized to write files to the bucket.")

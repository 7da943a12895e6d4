"""Uploaded packages: the file is read and proven first, then feed, processes, events and audit change at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import msgspec

from podium import wire
from podium.kernel import audit, outbox
from podium.kernel.blobs import Blobs
from podium.kernel.call import Call, Page
from podium.kernel.db import Connection
from podium.kernel.errors import ApiError, BadRequest, Conflict, NotFound, TooLarge
from podium.orchestrator.packages import actions
from podium.orchestrator.packages.actions import Feed
from podium.orchestrator.packages.nupkg import Package, read_package
from podium.orchestrator.packages.uploads import MAX_FILES, Form, Upload, discard, read_form
from podium.orchestrator.processes import actions as processes

SET_NAME = "Collection(UiPath.Server.Configuration.OData.BulkItemDtoOfString)"
ROOM_FOR_HEADERS = 1024 * 1024  # bytes of a form that are no file
MIXED = 207

Read = Package | ApiError


async def take_in(call: Call, feed_text: str | None) -> Page:
    """The versions that the form brings, with a status of its own each; the refusal itself of a file that came alone.

    One that is refused leaves neither row nor file. The body is read without a database connection.
    """
    limit = call.services.config.package_limit_bytes
    declared = call.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > MAX_FILES * limit + ROOM_FOR_HEADERS:
        raise TooLarge(f"A package may have at most {limit} bytes.")
    if feed_text:
        async with call.services.db.acquire() as connection:
            call.db = connection
            await actions.feed_for(call, actions.feed_in(feed_text), "Create")
    blobs = call.port(Blobs)
    form = await read_form(call.stream(), call.headers.get("content-type"), blobs, limit_bytes=limit)
    is_committing = False
    try:
        read = [await _read(upload, blobs) for upload in form.files]
        async with call.services.db.transaction() as connection:
            call.db = connection
            feed = await actions.feed_for(call, actions.feed_in(feed_text or form.texts.get("feedid")), "Create")
            outcomes = [await _keep(call, feed, upload, each) for upload, each in zip(form.files, read, strict=True)]
            await _finish(call, connection, outcomes)
            is_committing = True
    except BaseException:
        if not is_committing:  # after that the rows may be there, and a row without its file would be worse
            await discard(blobs, form)
        raise
    refused = [upload for upload, each in zip(form.files, outcomes, strict=True) if isinstance(each, ApiError)]
    await discard(blobs, Form(refused))
    items = [_item(upload, each) for upload, each in zip(form.files, outcomes, strict=True)]
    return Page(msgspec.json.encode(items).decode(), SET_NAME, status=MIXED if refused else None)


async def _read(upload: Upload, blobs: Blobs) -> Read:
    path = await blobs.open(upload.stored.name)
    try:
        return await asyncio.to_thread(read_package, path, upload.filename)
    except BadRequest as error:
        return error


async def _keep(call: Call, feed: Feed, upload: Upload, read: Read) -> actions.PackageVersion | ApiError:
    """The new version, carried to the processes that follow it; or why there is none."""
    if isinstance(read, ApiError):
        return read
    try:
        async with call.db.transaction():  # a savepoint: what is refused takes back only itself
            package = await actions.add_package(
                call.db, call.tenant_id, feed.id, read, upload.stored, call.now, user_id=call.actor.user_id
            )
            followed = await processes.follow_package(
                call.db, call.tenant_id, feed, package, call.now, call.actor.user_id
            )
    except (BadRequest, Conflict, NotFound) as error:
        return error
    processes.tell(call, followed)
    return package


async def _finish(call: Call, db: Connection, outcomes: Sequence[actions.PackageVersion | ApiError]) -> None:
    """Events and audit row of what was kept. Raises the refusal of a file that came alone."""
    kept = [each for each in outcomes if not isinstance(each, ApiError)]
    if len(outcomes) == 1 and isinstance(outcomes[0], ApiError):
        raise outcomes[0]
    if not kept:
        return
    ids = ",".join(str(each.row_id) for each in kept)
    names = ", ".join(f"{each.id}:{each.version}" for each in kept)
    call.describe("Upload", component="Packages", entity_id=ids, name=names)
    if call.events:
        await outbox.add(db, call.tenant_id, call.actor.user_id, call.now, call.events)
    await audit.add(call)


def _item(upload: Upload, outcome: actions.PackageVersion | ApiError) -> wire.BulkItemDtoOfString:
    if isinstance(outcome, ApiError):
        body = {"message": outcome.message, "errorCode": outcome.code}
        status: wire.BulkItemDtoOfStringStatus = "Conflict" if isinstance(outcome, Conflict) else "BadRequest"
        return _answer(upload.filename or "", status, body)
    return _answer(f"{outcome.id}:{outcome.version}", "OK", {"Id": outcome.id, "Version": outcome.version})


def _answer(key: str, status: wire.BulkItemDtoOfStringStatus, body: dict[str, object]) -> wire.BulkItemDtoOfString:
    return wire.BulkItemDtoOfString(key=key, status=status, body=msgspec.json.encode(body).decode())

"""Makes and finds attachments: asked by the API, by StartJobs for large input, by robots for large output."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from podium.kernel.blobs import Blobs, Stored
from podium.kernel.db import Connection
from podium.orchestrator.attachments import store

MAX_ATTACHMENT_BYTES = 500 * 1024 * 1024


class Found(NamedTuple):
    """An attachment; `blob` None until its content has been uploaded."""

    name: str
    blob: str | None
    content_type: str | None
    category: str | None
    job_key: UUID | None


def target(id_: UUID) -> str:
    """The name under which blob addresses know an attachment."""
    return f"attachment:{id_}"


async def add(
    db: Connection,
    tenant_id: int,
    name: str,
    now: datetime,
    *,
    category: str | None = None,
    job_key: UUID | None = None,
    folder_id: int | None = None,
    user_id: int | None = None,
) -> UUID:
    """Id of a new attachment without content yet. Ids are random: whoever knows one was told it."""
    id_ = uuid4()
    await db.execute(store.ADD, tenant_id, id_, folder_id, name, category, job_key, now, user_id)
    return id_


async def keep_text(
    db: Connection,
    blobs: Blobs,
    tenant_id: int,
    text: str,
    *,
    name: str,
    category: str,
    user_id: int | None,
    now: datetime,
) -> UUID:
    """Id of a new attachment that holds the text, UTF-8."""

    async def pieces() -> AsyncIterator[bytes]:
        yield text.encode()

    written = await blobs.write(pieces(), limit_bytes=MAX_ATTACHMENT_BYTES)
    id_ = uuid4()
    await db.execute(
        store.ADD_STORED,
        tenant_id,
        id_,
        name,
        category,
        written.name,
        written.size_bytes,
        "application/json",
        now,
        user_id,
    )
    return id_


async def find(db: Connection, tenant_id: int, id_: UUID) -> Found | None:
    """The attachment of the tenant."""
    row = await db.fetchrow(store.FIND, tenant_id, id_)
    return None if row is None else Found(*row)


async def exists(db: Connection, tenant_id: int, id_: UUID) -> bool:
    """Whether the tenant has the attachment."""
    return await find(db, tenant_id, id_) is not None


async def stored(
    db: Connection, tenant_id: int, id_: UUID, content: Stored, content_type: str | None, now: datetime
) -> tuple[bool, str | None]:
    """Give the attachment its content; whether there is such an attachment, and the blob that this one replaces."""
    row = await db.fetchrow(store.STORED, tenant_id, id_, content.name, content.size_bytes, content_type, now)
    return (False, None) if row is None else (True, row["replaced"])

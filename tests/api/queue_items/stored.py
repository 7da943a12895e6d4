"""Items put into the database as they stand after some life of theirs, and queues made through the API."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

from podium.kernel.keyring import Keyring
from podium.orchestrator.queue_items import contents
from podium.orchestrator.queue_items.entity import STATES
from podium.orchestrator.queue_items.rules import reference_key

Json = dict[str, Any]

ODATA = "UiPath.Server.Configuration.OData"
SVC = "UiPathODataSvc"
ITEMS = "/odata/QueueItems"
UNKNOWN = 999_999_999

ADD = """
INSERT INTO orchestrator.queue_items (tenant_id, key, unique_key, queue_id, state, priority, rank, due_at, defer_at,
  reference, reference_key, progress, output, exception_type, retry_number, created_at, started_at, ended_at)
VALUES ($1, $2, $3, $4, $5, $6::int, $6::int + CASE WHEN $7::timestamptz IS NULL THEN 3 ELSE 0 END,
  coalesce($7::timestamptz, 'infinity'), $8, $9, $10, $11, $12::jsonb, $13, $14, $15, $16, $17) RETURNING id
"""
CONTENT = "INSERT INTO orchestrator.queue_item_contents VALUES ($1, $2, $3::jsonb)"
SEALED = "INSERT INTO orchestrator.queue_item_secrets VALUES ($1, $2, $3, $4)"


class Stored:
    """Makes queues and items in one tenant."""

    def __init__(self, api: Any) -> None:
        self.api = api

    async def queue(self, folder: Any, name: str = "Orders", **members: Any) -> Json:
        """A queue, as the wire shows it."""
        made: Json = await self.api.post("/odata/QueueDefinitions", {"Name": name, **members}, folder=folder)
        return made

    async def item(
        self,
        queue: Json,
        content: Json | None = None,
        *,
        state: str = "New",
        key: UUID | str | None = None,
        priority: int = 1,
        due_at: datetime | None = None,
        defer_at: datetime | None = None,
        reference: str | None = None,
        progress: str | None = None,
        output: Json | None = None,
        exception_type: str | None = None,
        retry_number: int = 0,
    ) -> int:
        """Id of an item of the queue; what an encrypted queue's item holds is sealed."""
        node, tenant, now = self.api.node, self.api.tenant_id, self.api.node.clock()
        started = now - timedelta(minutes=5) if state not in ("New", "Deleted") else None
        ended = now if state not in ("New", "InProgress") else None
        sealed = queue["Encrypted"]
        rows = await node.rows(
            ADD,
            tenant,
            UUID(str(key)) if key else uuid4(),
            uuid4(),
            queue["Id"],
            STATES.index(state),
            priority,
            due_at,
            defer_at,
            reference,
            None if reference is None else reference_key(reference),
            progress,
            None if output is None or sealed else json.dumps(output),
            exception_type,
            retry_number,
            now,
            started,
            ended,
        )
        id_ = int(rows[0]["id"])
        for part, value in (("content", content), ("output", output)):
            if value is not None and sealed:
                text = contents.seal(node.port(Keyring), tenant, id_, part, json.dumps(value))
                await node.rows(SEALED, tenant, id_, part, text)
        if content is not None and not sealed:
            await node.rows(CONTENT, tenant, id_, json.dumps(content))
        return id_

    async def shown(self, item_id: int, folder: Any) -> Json:
        """The item as the wire shows it."""
        found: Json = await self.api.get(f"{ITEMS}({item_id})", folder=folder)
        return found

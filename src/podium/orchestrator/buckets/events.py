"""Payloads of bucket.created, bucket.updated and bucket.deleted: nothing of the files, nor of where they are."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import msgspec
from asyncpg import Record


def bucket(row: Record, folder_keys: Collection[UUID]) -> dict[str, object]:
    """The payload for one bucket, with the keys of the folders that show it."""
    payload = {
        "key": row["key"],
        "name": row["name"],
        "description": row["description"],
        "folderKeys": list(folder_keys),
        "tags": msgspec.Raw(row["tags"].encode()),
    }
    return {name: value for name, value in payload.items() if value is not None}

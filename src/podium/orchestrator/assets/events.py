"""Payloads of asset.created, asset.updated and asset.deleted: what the asset is, nothing of its values."""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

import msgspec
from asyncpg import Record


def asset(row: Record, folder_keys: Collection[UUID]) -> dict[str, object]:
    """The payload for one asset, with the keys of the folders that show it."""
    payload = {
        "key": row["key"],
        "name": row["name"],
        "description": row["description"],
        "assetType": row["value_type"],
        "assetScope": row["value_scope"],
        "folderKeys": list(folder_keys),
        "tags": msgspec.Raw(row["tags"].encode()),
    }
    return {name: value for name, value in payload.items() if value is not None}

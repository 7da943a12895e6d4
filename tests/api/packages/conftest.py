"""Uploads as clients send them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

ODATA = "UiPath.Server.Configuration.OData"
Upload = Callable[..., Awaitable[Any]]


@pytest.fixture
def upload(api: Any) -> Upload:
    """Sends archives by file name; the whole answer."""

    async def send(*files: tuple[str, bytes], feed: str | None = None, by: Any = None, **fields: str) -> Any:
        return await (by or api).request(
            "POST",
            f"/odata/Processes/{ODATA}.UploadPackage",
            params={"feedId": feed} if feed else None,
            files=[
                (f"file{n}", (name, content, "application/octet-stream")) for n, (name, content) in enumerate(files)
            ],
            data=fields or None,
        )

    return send


@pytest.fixture
def blobs(node: Any) -> Callable[[], int]:
    """How many files the store holds, half-written ones too."""
    folder: Path = node.config.data_dir / "blobs"
    return lambda: sum(path.is_file() for path in folder.rglob("*"))

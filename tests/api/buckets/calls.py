"""What tests of buckets send: addresses of operations, and the ways to write and to read a file by its address."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

ODATA = "UiPath.Server.Configuration.OData"
BUCKETS = "/odata/Buckets"
UNKNOWN = 999_999_999

Json = dict[str, Any]


def of(bucket: Mapping[str, Any], operation: str = "") -> str:
    return f"{BUCKETS}({bucket['Id']})" + (f"/{ODATA}.{operation}" if operation else "")


def listing(bucket: Mapping[str, Any]) -> str:
    return f"/api/Buckets/{bucket['Id']}/ListFiles"


async def access(api: Any, bucket: Json, folder: Any, operation: str, path: str, **more: Any) -> Json:
    found: Json = await api.get(of(bucket, operation), params={"path": path, **more}, folder=folder)
    return found


async def put(api: Any, uri: str, content: bytes, headers: Mapping[str, str] | None = None) -> Any:
    """The answer to a write by somebody who has nothing but the address."""
    return await api.with_headers({}).request("PUT", uri, content=content, headers=headers)


async def fetch(api: Any, uri: str, method: str = "GET", **headers: str) -> Any:
    """The answer to a read by such a one; `headers` with `_` for `-`."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await api.with_headers({}).request(method, uri, headers=sent)


async def write(api: Any, bucket: Json, folder: Any, path: str, content: bytes = b"x", **more: Any) -> Any:
    """Upload a file and expect that it is taken."""
    found = await access(api, bucket, folder, "GetWriteUri", path, **more)
    assert (found["Verb"], found["RequiresAuth"]) == ("PUT", False)
    headers = dict(zip(found["Headers"]["Keys"], found["Headers"]["Values"], strict=True))
    answer = await put(api, found["Uri"], content, headers)
    assert answer.status in (200, 201), answer.text
    return answer


async def read(api: Any, bucket: Json, folder: Any, path: str) -> bytes | None:
    """The content of a file; None when there is none."""
    found = await access(api, bucket, folder, "GetReadUri", path)
    answer = await fetch(api, found["Uri"])
    assert answer.status in (200, 404), answer.text
    return bytes(answer.content) if answer.status == 200 else None


async def paths(api: Any, bucket: Json, folder: Any, **params: Any) -> list[str]:
    """What GetFiles shows."""
    found = await api.get(of(bucket, "GetFiles"), params={"recursive": "true", **params}, folder=folder)
    return [row["FullPath"] for row in found["value"]]

"""Style sheets, scripts and pictures of the pages."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import NamedTuple

from podium.kernel.call import Call, Reply
from podium.kernel.errors import NotFound
from podium.kernel.operation import operation

FOLDER = Path(__file__).parent / "assets"
TYPES: Mapping[str, str] = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml; charset=utf-8",
}
FOREVER = "public, max-age=31536000, immutable"
SHORT = "public, max-age=300"


class Asset(NamedTuple):
    """A file with the version that its links carry."""

    content: bytes
    content_type: str
    version: str


@cache
def assets() -> Mapping[str, Asset]:
    """Every asset by its name; they do not change while the server runs."""
    found = {}
    for path in sorted(FOLDER.iterdir()):
        if path.suffix in TYPES:
            content = path.read_bytes()
            found[path.name] = Asset(content, TYPES[path.suffix], hashlib.sha256(content).hexdigest()[:12])
    return found


def version_of(name: str) -> str:
    """The version of an asset. Raises KeyError for an unknown one."""
    return assets()[name].version


@operation("GET", "/web/assets/{name}", connected=False)
async def asset(call: Call, name: str) -> Reply:
    """The file; kept by browsers for good when the link names its version. Raises NotFound."""
    found = assets().get(name)
    if found is None:
        raise NotFound("There is no such asset.")
    lasting = FOREVER if call.query.get("v") == found.version else SHORT
    return Reply(200, found.content, found.content_type, headers={"cache-control": lasting})

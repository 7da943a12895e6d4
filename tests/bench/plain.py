"""The measure of the framework: the same answer from an ASGI application that is one dictionary, on the same server."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from podium.kernel.config import Config
from podium.server.process import _uvicorn

JSON = [(b"content-type", b"application/json; charset=utf-8")]
ANSWER = {"ok": True}


def answers() -> dict[tuple[str, str], Any]:
    """What the paths answer."""
    return {("GET", "/readyz"): {"status": "ready"}, ("GET", "/plain"): ANSWER}


def make_app() -> Any:
    """The application."""
    known = answers()

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            for kind in ("startup", "shutdown"):
                await receive()
                await send({"type": f"lifespan.{kind}.complete"})
            return
        found = known.get((scope["method"], scope["path"]))
        body = msgspec.json.encode(found)
        headers = [(b"content-length", str(len(body)).encode()), *JSON]
        await send({"type": "http.response.start", "status": 404 if found is None else 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    return app


def main() -> None:
    """Serve on the port of the command line, with the settings of the product's own server."""
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    _uvicorn(Config(data_dir=Path(), port=parser.parse_args().port), make_app()).run()


if __name__ == "__main__":
    main()

"""The ASGI application: health, metrics, blobs and documents by Starlette, everything else by the turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from podium.kernel.errors import Unavailable
from podium.server import metrics
from podium.server.blob_api import BlobApi
from podium.server.compose import Composition
from podium.server.openapi import document
from podium.server.render import Answer
from podium.server.request import Disconnected, Receive, Request, Scope, Send

API_VERSION = (b"api-supported-versions", b"18.0")
SAFE = ((b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer"))


class Api:
    """The ASGI end of the turn."""

    def __init__(self, composition: Callable[[], Composition]) -> None:
        self._composition = composition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        try:
            answer = await self._composition().turn.answer(request)
        except Disconnected:
            return
        if answer.file is not None:
            await _send_file(answer, scope, receive, send)
        else:
            await _send(answer, send)


async def _send(answer: Answer, send: Send) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode()), API_VERSION, *SAFE]
    if answer.body:
        headers.append((b"content-type", answer.content_type.encode()))
    headers.extend((name.lower().encode(), value.encode()) for name, value in answer.headers)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_file(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    assert answer.file is not None
    headers = {"api-supported-versions": "18.0", "x-content-type-options": "nosniff", **dict(answer.headers)}
    response = FileResponse(answer.file.path, media_type=answer.content_type, headers=headers)
    await response(scope, receive, send)


def make_app(start: Callable[[], AbstractAsyncContextManager[Composition]]) -> Starlette:
    """The application; `start` builds the composition when the server starts and ends it when it stops."""
    holder: dict[str, Composition] = {}

    def composition() -> Composition:
        return holder["composition"]

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        async with start() as made:
            holder["composition"] = made
            yield

    async def healthz(_: WebRequest) -> Response:
        return PlainTextResponse("ok")

    async def readyz(_: WebRequest) -> Response:
        try:
            async with composition().services.db.acquire() as connection:
                await connection.fetchval("SELECT 1")
        except Unavailable as error:
            return JSONResponse({"status": "unavailable", "reason": error.message}, 503, error.headers)
        return JSONResponse({"status": "ready"})

    async def exposition(_: WebRequest) -> Response:
        return Response(metrics.exposition(), media_type="text/plain; version=0.0.4")

    async def swagger(_: WebRequest) -> Response:
        return Response(document(composition().contract, composition().operations), media_type="application/json")

    blobs: Any = BlobApi(composition)
    return Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/livez", healthz),
            Route("/readyz", readyz),
            Route("/metrics", exposition),
            Route("/swagger/v18.0/swagger.json", swagger),
            Mount("/blobs", blobs),
            Mount("/", Api(composition)),
        ],
        lifespan=lifespan,
    )

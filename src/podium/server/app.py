"""The ASGI application: health, metrics, blobs and documents by Starlette, everything else by the turn."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request as WebRequest
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route

from podium.identity.issuer import Issuer
from podium.kernel.errors import Unavailable
from podium.server import metrics
from podium.server.addresses import IDENTITY, resolve
from podium.server.blob_api import BlobApi
from podium.server.compose import Composition
from podium.server.openapi import document
from podium.server.pages.headers import HSTS
from podium.server.render import Answer, orchestrator_error
from podium.server.request import Disconnected, Receive, Request, Scope, Send

API_VERSION = (b"api-supported-versions", b"18.0")
OPEN_TO_PAGES = frozenset(
    (
        "/connect/token",
        "/connect/userinfo",
        "/connect/revocation",
        "/.well-known/openid-configuration",
        "/.well-known/openid-configuration/jwks",
    )
)
NO_SNIFFING = (b"x-content-type-options", b"nosniff")
NO_REFERRER = (b"referrer-policy", b"no-referrer")
STRICT_TRANSPORT = (b"strict-transport-security", HSTS.encode())


class Api:
    """The ASGI end of the turn."""

    def __init__(self, composition: Callable[[], Composition]) -> None:
        self._composition = composition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        request = Request(scope, receive)
        made = self._composition()
        is_https = made.services.config.public_url.startswith("https:")
        try:
            shared = await cross_origin(made, request) if "origin" in request.headers else ()
            if shared and request.method == "OPTIONS":
                answer = Answer(204, "", b"")
            else:
                answer = await made.turn.answer(request)
        except Disconnected:
            return
        except Unavailable as error:  # of the look for the origin; the turn answers its own
            answer, shared = orchestrator_error(error, request.trace_id), ()
        if shared:
            said = {name for name, _ in answer.headers}
            answer = answer._replace(headers=(*answer.headers, *(one for one in shared if one[0] not in said)))
        if answer.file is not None:
            await _send_file(answer, scope, receive, send)
        else:
            await _send(answer, send, is_https=is_https)


async def cross_origin(made: Composition, request: Request) -> tuple[tuple[str, str], ...]:
    """What lets a page of a registered origin call the open endpoints of identity (decision 44); nothing for others."""
    address = resolve(request.path)
    if address.context != IDENTITY or address.path.lower() not in OPEN_TO_PAGES:
        return ()
    issuer = made.services.ports[Issuer]
    assert isinstance(issuer, Issuer)
    origin = request.headers["origin"]
    if not await issuer.clients.allows_origin(origin, made.services.clock()):
        return ()
    return (
        ("access-control-allow-origin", origin),
        ("access-control-allow-methods", "GET, POST, OPTIONS"),
        ("access-control-allow-headers", "authorization, content-type"),
        ("access-control-max-age", "600"),
        ("vary", "origin"),
    )


async def _send(answer: Answer, send: Send, *, is_https: bool) -> None:
    headers = [(b"content-length", str(len(answer.body)).encode()), API_VERSION, NO_SNIFFING]
    if answer.body or not answer.content_type.startswith("application/json"):  # an empty file has a kind, too
        headers.append((b"content-type", answer.content_type.encode()))
    headers.extend((name.lower().encode(), value.encode()) for name, value in answer.headers)
    said = {name for name, _ in headers}
    if b"referrer-policy" not in said:
        headers.append(NO_REFERRER)
    if is_https and b"strict-transport-security" not in said:
        headers.append(STRICT_TRANSPORT)
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


async def _send_file(answer: Answer, scope: Scope, receive: Receive, send: Send) -> None:
    assert answer.file is not None
    headers = {"api-supported-versions": "18.0", "x-content-type-options": "nosniff", **dict(answer.headers)}
    response = FileResponse(answer.file.path, media_type=answer.content_type, headers=headers)
    await response(scope, receive, send)


class Front:
    """Sends what is for the API past the web framework's router, and the little rest through it."""

    OWN = frozenset({"healthz", "livez", "readyz", "metrics", "swagger", "blobs"})

    def __init__(self, shell: Starlette, api: Api) -> None:
        self.shell = shell
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].split("/", 2)[1] not in self.OWN:
            await self._api(scope, receive, send)
        else:
            await self.shell(scope, receive, send)


def make_app(start: Callable[[], AbstractAsyncContextManager[Composition]]) -> Front:
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
    shell = Starlette(
        routes=[
            Route("/healthz", healthz),
            Route("/livez", healthz),
            Route("/readyz", readyz),
            Route("/metrics", exposition),
            Route("/swagger/v18.0/swagger.json", swagger),
            Mount("/blobs", blobs),
        ],
        lifespan=lifespan,
    )
    return Front(shell, Api(composition))

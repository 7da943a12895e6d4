"""`/blobs/{token}`: reads and writes of stored files by signed address; no other credential is looked at."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC
from email.utils import format_datetime
from typing import TYPE_CHECKING
from uuid import UUID

from starlette.responses import FileResponse, JSONResponse, Response

from podium.kernel.blobs import Blobs, Grant, verify
from podium.kernel.errors import ApiError, Forbidden, NotFound
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.attachments import actions as attachments
from podium.orchestrator.blob_links import BlobLinks
from podium.orchestrator.buckets import actions as buckets
from podium.orchestrator.buckets import rules as buckets_rules
from podium.orchestrator.exports import actions as exports
from podium.server import ranges
from podium.server.render import disposition
from podium.server.request import Disconnected, Receive, Request, Scope, Send

if TYPE_CHECKING:
    from podium.server.compose import Composition


class BlobApi:
    """The ASGI end of blob addresses."""

    def __init__(self, composition: Callable[[], Composition]) -> None:
        self._composition = composition

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except Disconnected:
            return
        except ApiError as error:
            response = JSONResponse({"message": error.message, "errorCode": error.code}, error.status, error.headers)
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        made = self._composition()
        services = made.services
        token = request.path.rpartition("/")[2]
        verb = "GET" if request.method == "HEAD" else request.method
        now = services.clock()
        links = services.ports[BlobLinks]
        assert isinstance(links, BlobLinks)
        grant = verify(links.key, token, verb=verb, now=now)
        access = services.ports[AccessResolver]
        assert isinstance(access, AccessResolver)
        if not await access.is_open(grant.tenant):
            raise Forbidden("The tenant is closed.")
        blobs = services.ports[Blobs]
        assert isinstance(blobs, Blobs)
        if grant.blob.startswith("bucket:") and verb in ("GET", "PUT"):
            return await (self._read_file(request, grant) if verb == "GET" else self._write_file(request, grant))
        if verb == "GET":
            return await self._read(grant, blobs)
        if verb == "PUT":
            return await self._write(request, grant, blobs)
        raise NotFound("A blob is read by GET and written by PUT.")

    async def _read(self, grant: Grant, blobs: Blobs) -> Response:
        kind, _, name = grant.blob.partition(":")
        found: tuple[str, str, str | None] | None = None
        async with self._composition().services.db.acquire() as connection:
            if kind == "attachment":
                attachment = await attachments.find(connection, grant.tenant, UUID(name))
                if attachment is not None and attachment.blob is not None:
                    found = attachment.blob, attachment.name, attachment.content_type
            elif kind == "export":
                found = await exports.blob_of(connection, grant.tenant, int(name))
        if found is None:
            raise NotFound("The file does not exist or has no content yet.")
        blob, file_name, content_type = found
        headers = {"content-disposition": disposition(file_name), "x-content-type-options": "nosniff"}
        return FileResponse(
            await blobs.open(blob), media_type=content_type or "application/octet-stream", headers=headers
        )

    async def _read_file(self, request: Request, grant: Grant) -> Response:
        bucket_id, path = buckets.of_target(grant.blob.removeprefix("bucket:"))
        found = await buckets.content(self._composition().services, grant.tenant, bucket_id, path)
        headers = {
            "content-type": found.content_type or "application/octet-stream",
            "content-disposition": disposition(buckets_rules.file_name(path)),
            "x-content-type-options": "nosniff",
            "accept-ranges": "bytes",
        }
        if found.etag is not None:
            headers["etag"] = found.etag
        if found.modified_at is not None:
            headers["last-modified"] = format_datetime(found.modified_at.astimezone(UTC), usegmt=True)
        if found.file is not None:
            return FileResponse(found.file, headers=headers)
        assert found.read is not None
        return ranges.response(request, found.size_bytes, headers, found.read)

    async def _write_file(self, request: Request, grant: Grant) -> Response:
        bucket_id, path = buckets.of_target(grant.blob.removeprefix("bucket:"))
        given = request.headers.get("content-type", "")
        content_type = grant.content_type or buckets_rules.clean_content_type(given)
        services = self._composition().services
        etag = await buckets.receive(
            services, grant.tenant, bucket_id, path, request.stream(), content_type, services.clock()
        )
        return Response(status_code=201, headers={"etag": etag} if etag else None)

    async def _write(self, request: Request, grant: Grant, blobs: Blobs) -> Response:
        kind, _, name = grant.blob.partition(":")
        if kind != "attachment":
            raise NotFound("This address cannot be written.")
        content_type = grant.content_type or request.headers.get("content-type")
        content = await blobs.write(request.stream(), limit_bytes=attachments.MAX_ATTACHMENT_BYTES)
        services = self._composition().services
        async with services.db.transaction() as connection:
            known, replaced = await attachments.stored(
                connection, grant.tenant, UUID(name), content, content_type, services.clock()
            )
        if not known:
            await blobs.delete(content.name)
            raise NotFound("The file does not exist.")
        if replaced:
            await blobs.delete(replaced)
        return Response(status_code=201, headers={"etag": f'"{content.sha256.hex()}"'})

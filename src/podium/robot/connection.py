"""The HTTP calls of the robot protocol, with the agent's credentials.

Every call either answers, or raises Unreachable (try again later: nothing is known to be wrong with the request)
or Refused (the server understood and said no).
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import logging
import time
from collections.abc import AsyncIterator
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec

from podium.robot.messages import BlobAccess, FileAccess
from podium.robot.settings import Settings

log = logging.getLogger(__name__)
T = TypeVar("T")

PROTOCOL_VERSION = "26.0"  # the vendor's robot release whose protocol this is; servers compare it with minimum versions
CAPABILITIES = "agent/python,agent/pythonagent,function/python,api,process/python"
TOKEN_SCOPE = "OrchestratorApiUserAccess"  # noqa: S105
TOKEN_MARGIN_S = 60.0
LARGEST_PACKAGE_BYTES = 1 << 30
LARGEST_INPUT_BYTES = 256 << 20
UPLOAD_CHUNK_BYTES = 1 << 20
PATIENCE_BEYOND_WAIT_S = 15.0


class Unreachable(Exception):
    """No answer, or one that says nothing about the request (5xx, 408, 429)."""


class Refused(Exception):
    """An answer that says no; `status` is the HTTP status."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(f"HTTP {status}: {text[:500]}")
        self.status = status

    @property
    def is_lost_lease(self) -> bool:
        return self.status in {409, 410}

    @property
    def is_about_content(self) -> bool:
        """The same request will never be taken (unlike 401, 403, 404, which an administrator may mend)."""
        return self.status in {400, 413, 415, 422}


class Connection:
    """The way to one server. Used from one event loop; calls may run at the same time.

    `online` is set while the last call got an answer; whoever waits to repeat a call may wait for it.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._base = f"{settings.url.rstrip('/')}/orchestrator_"
        address = urlsplit(settings.url)
        self._token_url = f"{address.scheme}://{address.netloc}/identity_/connect/token"
        self._token: str | None = None
        self._token_ends = 0.0
        self._token_lock = asyncio.Lock()
        self._http = httpx.AsyncClient(timeout=httpx.Timeout(30.0, connect=5.0))
        self.online = asyncio.Event()
        machine = base64.b64encode(settings.name.encode()).decode()
        user = base64.b64encode(settings.service_user.encode()).decode()
        self._headers = {
            "X-ROBOT-VERSION": PROTOCOL_VERSION,
            "X-ROBOT-MACHINE": settings.name.encode("ascii", "replace").decode(),
            "X-ROBOT-MACHINE-ENCODED": machine,
            "X-ROBOT-AGENT": "OS=Linux",
            "X-ROBOT-CAPABILITIES": CAPABILITIES,
            "X-ROBOT-SERVICE-USERNAME-ENCODED": user,
        }
        if settings.machine_key:
            self._headers["X-ROBOT-LICENSE"] = settings.machine_key

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def token(self) -> str | None:
        """A bearer token good for another minute; None when the agent has a machine key instead."""
        if not self._settings.client_id:
            return None
        async with self._token_lock:
            if self._token is None or time.monotonic() > self._token_ends - TOKEN_MARGIN_S:
                await self._renew_token()
            return self._token

    async def _renew_token(self) -> None:
        form = {
            "grant_type": "client_credentials",
            "client_id": self._settings.client_id,
            "client_secret": self._settings.client_secret,
            "scope": TOKEN_SCOPE,
        }
        answer = await self._send(self._http.build_request("POST", self._token_url, data=form))
        granted = decoded(answer, TokenAnswer)
        self._token = granted.access_token
        self._token_ends = time.monotonic() + max(granted.expires_in, 2 * TOKEN_MARGIN_S)

    async def _send(self, request: httpx.Request) -> httpx.Response:
        try:
            answer = await self._http.send(request)
        except httpx.RequestError as error:
            self.online.clear()
            raise Unreachable(f"{request.url.host}: {error or type(error).__name__}") from error
        self._judge(answer)
        return answer

    def _judge(self, answer: httpx.Response) -> None:
        """Keeps `online`, and raises for everything but success (redirections too)."""
        status, text = answer.status_code, answer.text if answer.is_error else ""
        if status in {502, 503, 504}:
            self.online.clear()
        else:
            self.online.set()
        if 200 <= status < 300:
            return
        if status in {408, 429} or (status >= 500 and status != 501):
            raise Unreachable(f"HTTP {status}: {text[:500]}")
        raise Refused(status, text)

    async def _call(
        self, method: str, path: str, *, authorization: str | None = None, timeout: float = 30.0, **content: Any
    ) -> httpx.Response:
        """One call below the tenant; a refused bearer token is renewed once. `authorization` replaces the token."""
        for is_last in (False, True):
            headers = dict(self._headers)
            token = None if authorization else await self.token()
            if authorization or token:
                headers["Authorization"] = authorization or f"Bearer {token}"
            request = self._http.build_request(
                method, self._base + path, headers=headers, timeout=httpx.Timeout(timeout, connect=5.0), **content
            )
            try:
                return await self._send(request)
            except Refused as refusal:
                if refusal.status != 401 or token is None or is_last:
                    raise
                self._token = None
        raise AssertionError("unreachable: the last turn returns or raises")

    async def start_service(self, running_jobs: list[str]) -> None:
        body = {"serviceUserName": self._settings.service_user, "runningJobs": running_jobs}
        await self._call("POST", "/api/robotsservice/StartService", json=body)

    async def stop_service(self) -> None:
        await self._call("POST", "/api/robotsservice/StopService", json={})

    async def heartbeat(self, reports: list[Any]) -> bytes:
        """The commands that wait, as the undecoded answer; `reports` are of jobs that run."""
        body = {
            "commandState": "All",
            "heartbeats": msgspec.to_builtins(reports),
            "serviceUserName": self._settings.service_user,
        }
        return (await self._call("POST", "/api/robotsservice/HeartbeatV2", json=body)).content

    async def commands(self, wait_s: float, running_jobs: list[str], free_slots: int) -> bytes:
        """The commands that wait, or come within `wait_s`; Refused 404 or 501 where the server has no long poll."""
        body = {
            "commandState": "All",
            "waitSeconds": wait_s,
            "runningJobs": running_jobs,
            "freeSlots": free_slots,
            "serviceUserName": self._settings.service_user,
        }
        patience = wait_s + PATIENCE_BEYOND_WAIT_S
        return (await self._call("POST", "/api/robotsservice/Commands", json=body, timeout=patience)).content

    async def submit_state(self, report: dict[str, Any]) -> None:
        await self._call("POST", "/api/robotsservice/SubmitJobState", json=[report])

    async def submit_logs(self, robot_key: str, entries: list[str]) -> None:
        """At most 50 entries, each a JSON text."""
        await self._call("POST", "/api/Logs/SubmitLogs", json=entries, authorization=f"UiRobot {robot_key}")

    async def suspend(self, description: str, state: bytes) -> None:
        """Hands a suspended job's state to the server; `description` is the suspendJobDto as JSON text."""
        parts = {
            "file": ("state.db", state, "application/octet-stream"),
            "suspendJobDto": (None, description, "text/plain"),
        }
        await self._call("POST", "/api/robotsservice/SuspendPersistentJob", files=parts)

    async def persistent_state(self, persistence_id: str, resume_version: int) -> bytes | None:
        """What the job saved when it was suspended; None when the server has nothing."""
        query: dict[str, str | int] = {"persistenceId": persistence_id, "resumeVersion": resume_version}
        try:
            answer = await self._call("GET", "/api/robotsservice/GetPersistentJob", params=query)
        except Refused as refusal:
            if refusal.status == 404:
                return None
            raise
        return answer.content

    async def input_text(self, job_key: str) -> bytes:
        """The arguments of a job that are too large for its command."""
        answer = await self._call("GET", "/api/robotsservice/GetInputFileAccess", params={"jobKey": job_key})
        blob = decoded(answer, FileAccess).blob_file_access
        request = self._blob_request(blob)
        content = bytearray()
        async for chunk in self._chunks(request, LARGEST_INPUT_BYTES):
            content += chunk
        return bytes(content)

    async def upload_output(self, job_key: str, path: Path) -> str:
        """Uploads the file as the job's output; the id to report it with."""
        query = {"jobKey": job_key, "fileName": "output.json"}
        answer = await self._call("GET", "/api/robotsservice/GetOutputFileAccess", params=query)
        access = decoded(answer, FileAccess)
        headers = {
            "Content-Type": "application/json",
            "Content-Length": str(await asyncio.to_thread(size_of, path)),
            "x-ms-blob-type": "BlockBlob",
        }
        await self._send(self._blob_request(access.blob_file_access, headers=headers, content=file_chunks(path)))
        return access.id

    async def download_package(self, package_id: str, version: str, feed_id: str | None, target: Path) -> str:
        """Writes the package to the file; its SHA-256 as lower-case hex."""
        key = quote(f"{package_id}:{version}", safe=":")
        path = f"/odata/Processes/UiPath.Server.Configuration.OData.DownloadPackage(key='{key}')"
        headers = dict(self._headers)
        token = await self.token()
        if token:
            headers["Authorization"] = f"Bearer {token}"
        query = {"feedId": feed_id} if feed_id else None
        digest = hashlib.sha256()
        with target.open("wb") as file:
            request = self._http.build_request("GET", self._base + path, headers=headers, params=query, timeout=60.0)
            async for chunk in self._chunks(request, LARGEST_PACKAGE_BYTES):
                digest.update(chunk)
                file.write(chunk)
        return digest.hexdigest()

    def _blob_request(self, blob: BlobAccess, **content: Any) -> httpx.Request:
        """A request without our credentials: the address may lead to another host."""
        if not blob.uri.startswith(("https://", "http://")):
            raise Refused(422, "The address of a file is no absolute http(s) address.")
        headers = content.pop("headers", {}) | blob.header_fields()
        try:
            return self._http.build_request(blob.verb, blob.uri, headers=headers, timeout=60.0, **content)
        except httpx.InvalidURL as error:
            raise Refused(422, f"The address of a file is not usable: {error}") from error

    async def _chunks(self, request: httpx.Request, limit_bytes: int) -> AsyncIterator[bytes]:
        received = 0
        try:
            answer = await self._http.send(request, stream=True)
            try:
                if answer.is_error:
                    await answer.aread()
                self._judge(answer)
                async for chunk in answer.aiter_bytes():
                    received += len(chunk)
                    if received > limit_bytes:
                        raise Refused(413, f"The file is larger than {limit_bytes} bytes.")
                    yield chunk
            finally:
                await answer.aclose()
        except httpx.RequestError as error:
            self.online.clear()
            raise Unreachable(f"{request.url.host}: {error or type(error).__name__}") from error


class TokenAnswer(msgspec.Struct):
    """The part of a token endpoint's answer that counts; `expires_in` is in seconds."""

    access_token: str
    expires_in: float = 3600.0


def decoded(answer: httpx.Response, kind: type[T]) -> T:
    """The answer's body; Unreachable when it is not what the protocol says (a proxy's page, say)."""
    try:
        return msgspec.json.decode(answer.content, type=kind)
    except msgspec.DecodeError as error:
        raise Unreachable(f"{answer.url.path} answered something else: {error}") from error


def size_of(path: Path) -> int:
    return path.stat().st_size


async def file_chunks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(UPLOAD_CHUNK_BYTES):
            yield chunk

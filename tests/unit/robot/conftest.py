"""A server that plays the other side of the robot protocol over real sockets, and agents that talk to it."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import time
import uuid
import zipfile
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from podium.robot.agent import Agent
from podium.robot.settings import Settings

MACHINE_KEY = "6f0c1c2e-9d5b-4f0a-8a37-machine-key"
ROBOT_KEY = "0b9c4c0e-5f6b-4b5e-9a0b-2f5f7a7f1111"
BASE = "/acme/main/orchestrator_"
FINAL = {"Successful", "Faulted", "Stopped", "Suspended"}


def package_of(files: dict[str, str | bytes]) -> bytes:
    """A package with these files below `content/`."""
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("demo.nuspec", "<package/>")
        for name, text in files.items():
            archive.writestr(f"content/{name}", text)
    return memory.getvalue()


@dataclass
class Asked:
    """One request as it arrived."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class Peer:
    """The server side: jobs to hand out, and all that the agent said about them.

    A start command is repeated until the first report of its job, like a stop until the final one.
    """

    port: int = 0
    has_long_poll: bool = True
    asked: list[Asked] = field(default_factory=list)
    packages: dict[str, bytes] = field(default_factory=dict)
    starts: dict[str, dict[str, Any]] = field(default_factory=dict)
    stops: dict[str, dict[str, Any]] = field(default_factory=dict)
    reports: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    logs: list[dict[str, Any]] = field(default_factory=list)
    blobs: dict[str, bytes] = field(default_factory=dict)
    states: dict[str, bytes] = field(default_factory=dict)
    suspensions: list[dict[str, Any]] = field(default_factory=list)
    lost: set[str] = field(default_factory=set)
    trouble: dict[str, list[int]] = field(default_factory=dict)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _talks: dict[asyncio.Task[Any], asyncio.StreamWriter] = field(default_factory=dict)
    _is_open: bool = False

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/acme/main"

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, limit=1 << 20)
        self._is_open = True
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """From now on connections are refused, and the open ones are cut."""
        assert self._server is not None
        self._server.close()
        self._is_open = False
        self._news.set()
        for writer in self._talks.values():
            writer.transport.abort()
        await asyncio.gather(*self._talks)
        await self._server.wait_closed()

    # -- what a test does ----------------------------------------------------------------------------------------

    def add_package(self, files: dict[str, str | bytes], *, name: str = "Demo", version: str = "1.0.0") -> str:
        """Its SHA-256."""
        content = package_of(files)
        self.packages[f"{name}:{version}"] = content
        return hashlib.sha256(content).hexdigest()

    def start(self, *, arguments: dict[str, Any] | None = None, key: str | None = None, **data: Any) -> str:
        """Hands out a job; its key."""
        key = key or str(uuid.uuid4())
        command = command_for(
            key, "StartProcess", inputArguments=json.dumps(arguments) if arguments is not None else None, **data
        )
        self.starts[key] = command
        self._news.set()
        return key

    def stop(self, key: str, strategy: str = "SoftStop", **data: Any) -> None:
        self.stops[key] = command_for(key, "StopProcess", stopStrategy=strategy, **data)
        self._news.set()

    def states_of(self, key: str) -> list[str]:
        return [report["jobState"] for report in self.reports.get(key, [])]

    def messages_of(self, key: str) -> list[tuple[str, str]]:
        """Level and text of the job's log lines, in the order of their times."""
        entries = sorted((entry for entry in self.logs if entry["jobId"] == key), key=lambda entry: entry["timeStamp"])
        return [(entry["level"], entry["message"]) for entry in entries]

    async def until(self, is_met: Callable[[], bool], *, limit_s: float = 20) -> None:
        """Waits for the condition; fails after the limit with what was said so far."""
        ends = time.monotonic() + limit_s
        while not is_met():
            assert time.monotonic() < ends, f"reports {self.reports}, logs {self.logs[-20:]}"
            await asyncio.sleep(0.02)

    async def final(self, key: str, *, limit_s: float = 20) -> dict[str, Any]:
        """The job's final report, when it comes."""
        await self.until(lambda: bool(FINAL & set(self.states_of(key))), limit_s=limit_s)
        return next(report for report in self.reports[key] if report["jobState"] in FINAL)

    def to(self, path: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.path.lower().endswith(path.lower())]

    # -- the protocol --------------------------------------------------------------------------------------------

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._talks[task] = writer
        try:
            while asked := await read_request(reader):
                self.asked.append(asked)
                status, body = await self._answer(asked)
                head = f"HTTP/1.1 {status} X\r\nContent-Length: {len(body)}\r\n\r\n"
                writer.write(head.encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            del self._talks[task]
            writer.transport.abort()

    async def _answer(self, asked: Asked) -> tuple[int, bytes]:
        path = asked.path.lower().removeprefix(BASE)
        name = path.rpartition("/")[2].partition("(")[0]
        if self.trouble.get(name):
            return self.trouble[name].pop(0), b"{}"
        if path.startswith("/blob/"):
            return self._blob(asked)
        if path == "/identity_/connect/token":
            return 200, b'{"access_token": "machine-token", "expires_in": 3600}'
        if name == "submitlogs":
            return self._take_logs(asked)
        if not self._is_known(asked):
            return 401, b'{"message": "unknown machine", "errorCode": 1203}'
        if name == "commands":
            return await self._commands(asked)
        if name == "heartbeatv2":
            return self._heartbeat([])
        if name == "submitjobstate":
            return self._take_report(asked)
        return self._files(name, asked)

    def _is_known(self, asked: Asked) -> bool:
        given = asked.headers.get("x-robot-license"), asked.headers.get("authorization")
        return given in {(MACHINE_KEY, None), (None, "Bearer machine-token")} and "x-robot-machine" in asked.headers

    async def _commands(self, asked: Asked) -> tuple[int, bytes]:
        if not self.has_long_poll:
            return 404, b"{}"
        ends = time.monotonic() + asked.json["waitSeconds"]
        while True:
            self._news.clear()
            status, body = self._heartbeat(asked.json["runningJobs"], asked.json["freeSlots"])
            left = ends - time.monotonic()
            if json.loads(body)["commands"] or left <= 0 or not self._is_open:
                return status, body
            try:
                await asyncio.wait_for(self._news.wait(), left)
            except TimeoutError:
                continue

    def _heartbeat(self, held: list[str], free: int = 1000) -> tuple[int, bytes]:
        new = [
            command
            for key, command in self.starts.items()
            if not self._has_report(command) and (key not in held or command["data"].get("leaseEpoch"))
        ]
        commands = [*self.stops.values(), *new[:free]]
        return 200, json.dumps({"commands": commands, "serviceSettingsStamp": "1"}).encode()

    def _has_report(self, command: dict[str, Any]) -> bool:
        key, epoch = command["data"]["jobKey"], command["data"].get("leaseEpoch")
        return any(report.get("leaseEpoch") == epoch for report in self.reports.get(key, []))

    def _take_report(self, asked: Asked) -> tuple[int, bytes]:
        for report in asked.json:
            if report["jobKey"] in self.lost:
                return 409, b'{"errorCode": 1852}'
            self.reports.setdefault(report["jobKey"], []).append(report)
            if report["jobState"] in FINAL:
                self.stops.pop(report["jobKey"], None)
        return 200, b"{}"

    def _take_logs(self, asked: Asked) -> tuple[int, bytes]:
        if asked.headers.get("authorization") != f"UiRobot {ROBOT_KEY}":
            return 401, b"{}"
        known = {entry["fingerprint"] for entry in self.logs}
        assert len(asked.json) <= 50
        entries = [json.loads(text) for text in asked.json]
        self.logs += [entry for entry in entries if entry["fingerprint"] not in known]
        return 200, b"{}"

    def _blob(self, asked: Asked) -> tuple[int, bytes]:
        assert "authorization" not in asked.headers
        assert "x-robot-license" not in asked.headers
        name = asked.path.rpartition("/")[2]
        if asked.method == "PUT":
            self.blobs[name] = asked.body
            return 201, b""
        return 200, self.blobs[name]

    def _files(self, name: str, asked: Asked) -> tuple[int, bytes]:
        if name.startswith("uipath.server.configuration.odata.downloadpackage"):
            key = asked.path.partition("key='")[2].removesuffix("')")
            return (200, self.packages[key]) if key in self.packages else (404, b'{"message": "no such package"}')
        if name in {"getinputfileaccess", "getoutputfileaccess"}:
            is_input = name == "getinputfileaccess"
            blob = f"{asked.query['jobKey']}-{'in' if is_input else 'out'}"
            access = {
                "uri": f"http://127.0.0.1:{self.port}/blob/{blob}",
                "verb": "GET" if is_input else "PUT",
                "headers": {"keys": ["x-extra"], "values": ["1"]},
            }
            return 200, json.dumps({"id": blob, "name": "x.json", "blobFileAccess": access}).encode()
        if name == "suspendpersistentjob":
            return self._suspend(asked)
        if name == "getpersistentjob":
            state = self.states.get(f"{asked.query['persistenceId']}:{asked.query['resumeVersion']}")
            return (404, b"{}") if state is None else (200, state)
        return (200, b"{}") if name in {"startservice", "stopservice"} else (404, b"{}")

    def _suspend(self, asked: Asked) -> tuple[int, bytes]:
        boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
        parts = {}
        for part in asked.body.split(b"--" + boundary)[1:-1]:
            head, _, content = part.partition(b"\r\n\r\n")
            parts["file" if b'name="file"' in head else "dto"] = content.removesuffix(b"\r\n")
        dto = json.loads(parts["dto"])
        self.suspensions.append(dto)
        self.states[f"{dto['persistenceInstanceId']}:{dto['resumeVersion'] + 1}"] = parts["file"]
        report = {"jobKey": dto["jobId"], "jobState": "Suspended", "leaseEpoch": dto.get("leaseEpoch")}
        self.reports.setdefault(dto["jobId"], []).append(report)
        return 200, b"{}"


async def read_request(reader: asyncio.StreamReader) -> Asked | None:
    """The next request; None at the end of the connection."""
    head = await reader.readuntil(b"\r\n\r\n") if not reader.at_eof() else b""
    if not head:
        return None
    request, *lines = head.decode("latin-1").split("\r\n")
    method, target, _ = request.split(" ")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines if line)}
    assert headers.get("transfer-encoding") is None
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    address = urlsplit(target)
    query = {name: values[0] for name, values in parse_qs(address.query).items()}
    return Asked(method, unquote(address.path), query, headers, body)


def command_for(key: str, kind: str, **data: Any) -> dict[str, Any]:
    """A command as the server writes it."""
    details = {
        "id": str(uuid.uuid4()),
        "type": kind,
        "jobKey": key,
        "processKey": "c11d0000-0000-4000-8000-000000000001",
        "folderId": 3,
        "folderKey": "9a4b0000-0000-4000-8000-000000000002",
        "folderPath": "Finance",
        "fullyQualifiedFolderName": "Finance/Ap",
        "packageId": "Demo",
        "packageVersion": "1.0.0",
        "processName": "Demo process",
    }
    return {
        "robotKey": ROBOT_KEY,
        "robotName": "ada",
        "robotType": 2,
        "machineId": 12,
        "hasLicense": True,
        "isExternalLicensed": False,
        "executionSettings": {},
        "authSettings": {},
        "userDetails": {"key": "7e1a", "email": "jane@example.org"},
        "data": details | data,
    }


@pytest.fixture
async def peer() -> AsyncIterator[Peer]:
    server = Peer()
    await server.open()
    yield server
    await server.close()


@dataclass
class Running:
    """An agent at work in this process."""

    settings: Settings
    stop: asyncio.Event
    task: asyncio.Task[None]

    @property
    def job_folders(self) -> list[Path]:
        return list((self.settings.folder / "jobs").iterdir())

    async def leave(self) -> None:
        self.stop.set()
        await self.task

    async def crash(self) -> None:
        """The agent is gone at once; its jobs' processes are not."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)


@pytest.fixture
async def agent(peer: Peer, tmp_path: Path) -> AsyncIterator[Callable[..., Running]]:
    """Starts an agent on the test's folder; a keyword argument changes a setting."""
    agents: list[Running] = []

    def begin(**changes: Any) -> Running:
        given: dict[str, Any] = {
            "url": peer.url,
            "machine_key": MACHINE_KEY,
            "folder": tmp_path / "robot",
            "name": "tést-host",
            "service_user": "DOM\\jane",
            "stop_grace_s": 0.3,
            "log_flush_s": 0.05,
            "fallback_poll_s": 0.1,
            "goodbye_s": 3.0,
        }
        settings = Settings(**(given | changes))
        stop = asyncio.Event()
        running = Running(settings, stop, asyncio.create_task(Agent(settings).run(stop)))
        agents.append(running)
        return running

    yield begin
    for running in agents:
        if not running.task.done():
            await running.leave()

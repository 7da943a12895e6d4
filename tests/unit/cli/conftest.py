"""A small HTTP server that plays the part of the wire which the command line uses, over real sockets."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest

from podium.cli.main import app

TOKEN = "header.payload.signature"
PREFIX = "/default/default/orchestrator_"
JOB_KEY = "a0f30c8f-7e6a-4b6b-9a38-1f2e3d4c5b6a"


@dataclass(frozen=True)
class Asked:
    """One request as it arrived; `query` holds the decoded parameters."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def form(self) -> dict[str, str]:
        return dict(parse_qsl(self.body.decode()))


@dataclass
class Wire:
    """What the stand-in server answers, and what it was asked."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[int, Any] | Callable[[Asked], tuple[int, Any]]] = field(default_factory=dict)
    releases: list[dict[str, Any]] = field(default_factory=list)
    job_states: list[str] = field(default_factory=lambda: ["Running", "Running", "Successful"])
    lines: list[str] = field(default_factory=lambda: ["one", "two", "three"])
    output: str | None = '{"total": "12.50", "lines": 3}'

    def answer(self, request: Asked) -> tuple[int, Any]:
        """Status and body; the answers that a test set come first."""
        path = request.path.removeprefix(PREFIX)
        if (request.method, path) in self.answers:
            given = self.answers[request.method, path]
            return given(request) if callable(given) else given
        if path == "/api/Account/Authenticate":
            right = request.json["password"] == "right"
            return (
                (200, {"result": TOKEN, "success": True}) if right else (400, {"message": "Wrong.", "errorCode": 1000})
            )
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            return 401, {"message": "You are not authenticated!", "errorCode": 0}
        for (method, pattern), reply in ROUTES.items():
            if method == request.method and re.fullmatch(pattern, path):
                return reply(self, request)
        return 404, {"message": f"No such path: {path}", "errorCode": 1002}

    def of(self, method: str, ending: str) -> list[Asked]:
        """The requests with that method whose path ends so."""
        return [request for request in self.asked if request.method == method and request.path.endswith(ending)]


def job(state: str, **more: Any) -> dict[str, Any]:
    """A job as the wire shows it."""
    row = {"Id": 42, "Key": JOB_KEY, "State": state, "ReleaseName": "invoice_total", "OrganizationUnitId": 5}
    times = {"CreationTime": "2031-05-06T07:08:00Z", "StartTime": None, "EndTime": None}
    if state in {"Successful", "Faulted", "Stopped"}:
        times |= {"StartTime": "2031-05-06T07:08:01Z", "EndTime": "2031-05-06T07:08:04.5Z"}
    return row | times | more


def _job_by_key(wire: Wire, _request: Asked) -> tuple[int, Any]:
    state = wire.job_states.pop(0) if len(wire.job_states) > 1 else wire.job_states[0]
    return 200, job(state, OutputArguments=wire.output if state == "Successful" else None, Info=f"now {state}")


def _logs(wire: Wire, request: Asked) -> tuple[int, Any]:
    since = re.search(r"TimeStamp ge (\S+)", request.query["$filter"])
    rows = [
        {"Id": number, "TimeStamp": f"2031-05-06T07:08:0{number}Z", "Level": "Info", "Message": message}
        for number, message in enumerate(wire.lines, start=1)
    ]
    return 200, {"value": [row for row in rows if since is None or str(row["TimeStamp"]) >= since[1]]}


def _folders(_wire: Wire, request: Asked) -> tuple[int, Any]:
    rows = [{"Id": 5, "FullyQualifiedName": "Shared", "DisplayName": "Shared", "FolderType": "Standard"}]
    wanted = request.query.get("$filter", "")
    return 200, {"value": rows if not wanted or "'Shared'" in wanted else []}


def _made_release(wire: Wire, request: Asked) -> tuple[int, Any]:
    wire.releases.append({"Id": len(wire.releases) + 1, **request.json})
    return 201, wire.releases[-1]


Reply = Callable[[Wire, Asked], tuple[int, Any]]
ROUTES: dict[tuple[str, str], Reply] = {
    ("GET", "/odata/Folders"): _folders,
    ("GET", "/api/PackageFeeds/GetFolderFeed"): lambda _wire, _request: (200, None),
    ("POST", "/odata/Processes/.*UploadPackage"): lambda _wire, _request: (200, {"value": [{"Status": "OK"}]}),
    ("GET", "/odata/Releases"): lambda wire, _request: (200, {"value": wire.releases}),
    ("POST", "/odata/Releases"): _made_release,
    ("PATCH", r"/odata/Releases\(\d+\)"): lambda _wire, _request: (200, {}),
    ("POST", "/odata/Jobs/.*StartJobs"): lambda _wire, _request: (201, {"value": [job("Pending")]}),
    ("POST", "/odata/Jobs/.*StopJobs"): lambda _wire, _request: (200, b""),
    ("GET", r"/odata/Jobs/.*GetByKey\(identifier=[0-9a-f-]+\)"): _job_by_key,
    ("GET", "/odata/Jobs"): lambda _wire, _request: (200, {"value": [job("Running")]}),
    ("GET", "/odata/RobotLogs"): _logs,
}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wire: Wire

    def _serve(self) -> None:
        parts = urlsplit(self.path)
        request = Asked(
            method=self.command,
            path=unquote(parts.path),
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=self.rfile.read(int(self.headers.get("Content-Length") or 0)),
        )
        self.wire.asked.append(request)
        try:
            status, body = self.wire.answer(request)
        except ConnectionAbortedError:  # a test wants the answer to be lost
            self.close_connection = True
            return
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(content)))
        for name, value in self.wire.headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PATCH = _serve  # noqa: N815 - the names that http.server looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the name is inherited
        """Says nothing."""


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Wire]:
    """The stand-in server, with the environment of a command line that is signed in to it."""
    wire = Wire()
    handler = type("Handler", (_Handler,), {"wire": wire})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    wire.url = f"http://127.0.0.1:{server.server_address[1]}"
    for name in ("PODIUM_ORG", "PODIUM_TENANT", "PODIUM_CLIENT_ID", "PODIUM_USER", "PODIUM_PASSWORD"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PODIUM_URL", wire.url)
    monkeypatch.setenv("PODIUM_TOKEN", TOKEN)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setattr("podium.cli.follow.POLL_S", 0.01)
    yield wire
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass(frozen=True)
class Ended:
    """How a command ended and what it wrote."""

    status: int
    out: str
    err: str


Podium = Callable[..., Ended]


@pytest.fixture
def podium(capfd: pytest.CaptureFixture[str]) -> Podium:
    """Runs one command of the command line in this process."""

    def run(*arguments: str) -> Ended:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            app(arguments)
        out, err = capfd.readouterr()
        code = ended.value.code
        return Ended(code if isinstance(code, int) else 0, out, err)

    return run

"""2,000 hostile query options over the real API: an answer or a clear refusal, and never a long wait."""

from __future__ import annotations

import statistics
import time
from collections import Counter
from functools import partial
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.api.odata.attacks import Attack, listed
from tests.builders import Given
from tests.conftest import Caller, Response
from tests.least import least_s

ATTACKS = 2000
SETS = (
    ("/odata/Jobs", "ReleaseName", "CreationTime", "State"),
    ("/odata/Machines", "Name", "UpdateTime", "Type"),
    ("/odata/Folders", "DisplayName", "", "FolderType"),
    ("/odata/RobotLogs", "Message", "TimeStamp", "Level"),
    ("/odata/Users", "UserName", "CreationTime", "Type"),
    ("/odata/Releases", "Name", "CreationTime", "ProcessType"),
    ("/odata/Sessions", "HostMachineName", "ReportingTime", "State"),
    ("/odata/Assets/UiPath.Server.Configuration.OData.GetFiltered", "Name", "CreationTime", "ValueType"),
)
ORDINARY = "$filter=Id gt 0 and Id lt 100&$orderby=Id desc&$select=Id&$top=10&$count=true"
SLOWER = 60.0  # times an ordinary request, on a machine that does something else as well
FLOOR_S = 0.25


async def timed(api: Caller, path: str, query: str) -> tuple[Response, float]:
    """The answer and the seconds that it took; the query string comes to the server as it is, whatever it holds."""
    sent = {"x-uipath-tenantname": api.tenant_name} | await api._credential()
    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "query_string": query.encode(),
        "headers": [(name.encode(), value.encode()) for name, value in sent.items()],
        "client": ("127.0.0.1", 1),
        "scheme": "http",
    }
    messages: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        messages.append(message)

    transport = api.node.http._transport
    assert isinstance(transport, httpx.ASGITransport)
    start = time.perf_counter()
    await transport.app(scope, receive, send)
    took = time.perf_counter() - start
    headers = {name.decode(): value.decode() for name, value in messages[0]["headers"]}
    body = b"".join(message.get("body", b"") for message in messages[1:])
    return Response(messages[0]["status"], headers, body), took


def fault(attack: Attack, answer: Response) -> str | None:
    """What is wrong with the answer."""
    if answer.status == 200:
        return None if isinstance(answer.json.get("value"), list) else "200 without rows"
    if answer.status != 400:
        return f"status {answer.status}"
    body = answer.json
    if body["errorCode"] != 1000 or not body["message"] or not body["traceId"].startswith("00-"):
        return f"another shape: {body}"
    if len(body["message"]) > 500:
        return "the message repeats all that was sent"
    if any(word in body["message"] for word in ("asyncpg", "postgres", "syntax error", "Traceback", "SELECT t.")):
        return f"the message tells of the inside: {body['message']}"
    return None


class TestListedAttacks:
    @pytest.mark.parametrize("quarter", range(4))
    async def test_each_is_answered_or_refused_by_400(self, api: Caller, given: Given, quarter: int) -> None:
        await api
        await given.machine("target")
        ordinary = [(await timed(api, path, quote(ORDINARY, safe="$=&")))[1] for path, *_ in SETS for _ in range(3)]
        most = max(FLOOR_S, SLOWER * statistics.median(ordinary))
        faults: list[str] = []
        seen: Counter[int] = Counter()
        for number, attack in enumerate(listed(ATTACKS)[quarter::4]):
            path, *names = SETS[number % len(SETS)]
            query = attack.of(*names)
            answer, first = await timed(api, path, query)
            seen[answer.status] += 1
            if (wrong := fault(attack, answer)) is not None:
                faults.append(f"{attack.kind} {path}?{query[:200]}: {wrong}")
            if (took := await least_s(first, partial(timed, api, path, query), most)) > most:
                faults.append(f"{attack.kind} {path}?{query[:200]}: {took:.2f} s, at most {most:.2f}")
        assert not faults, "\n".join(faults[:20])
        assert min(seen[200], seen[400]) > ATTACKS / 4 / 20, f"the list attacks one side only: {seen}"

    def test_the_list_is_the_same_each_time(self) -> None:
        assert listed(200) == listed(200)
        assert len({attack.query for attack in listed(ATTACKS)}) == ATTACKS

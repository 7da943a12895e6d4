"""Two changes that wait for each other: the database ends one, and its caller is told to send it again."""

from __future__ import annotations

import asyncio

from podium.orchestrator.robots.store import TO_CHANGE
from tests.builders import ODATA, Given
from tests.conftest import Caller
from tests.waiting import until_one_waits_for_a_lock


async def test_503_with_retry_after_and_nothing_done(api: Caller, given: Given) -> None:
    await given.folder("Home")
    made = [
        await api.post(
            "/odata/Robots", {"Name": name, "Type": "Unattended", "HostingType": "Floating", "Username": name}
        )
        for name in ("first", "second")
    ]
    ids = sorted(robot["Id"] for robot in made)
    body = {"robotIds": ids, "enabled": False}
    async with api.node.db.transaction() as other:
        await other.execute("SET LOCAL deadlock_timeout = '60s'")  # so that the call finds out first
        await other.fetch(TO_CHANGE, api.tenant_id, ids[1:])
        path = f"/odata/Robots/{ODATA}.ToggleEnabledStatus"
        call = asyncio.create_task(api.request("POST", path, body))
        await until_one_waits_for_a_lock(api.node.db)
        await other.fetch(TO_CHANGE, api.tenant_id, ids[:1])
        answer = await call
    assert (answer.status, answer.headers["retry-after"]) == (503, "2")
    assert "send it again" in answer.json["message"]
    assert [(await api.get(f"/odata/Robots({id_})"))["Enabled"] for id_ in ids] == [True, True]
    await api.post(path, body)
    assert [(await api.get(f"/odata/Robots({id_})"))["Enabled"] for id_ in ids] == [False, False]

"""A robot's host as the server sees it: it reports, takes jobs and says what became of them."""

from __future__ import annotations

from typing import Any

import pytest

SERVICE = "/api/RobotsService"


class Host:
    """One host that connects with a machine's key; `await host.start()` before anything else."""

    def __init__(self, api: Any, machine: Any, name: str, user: str = "") -> None:
        self._headers = {
            "x-robot-machine": name,
            "x-robot-version": "25.10.1",
            "x-robot-agent": "OS=Linux",
            "x-robot-capabilities": "function/python",
        }
        self._caller = api.machine(machine["LicenseKey"])
        self._user = user

    async def _post(self, action: str, body: Any, **options: Any) -> Any:
        return await self._caller.post(f"{SERVICE}/{action}", body, headers=self._headers, **options)

    async def start(self, **options: Any) -> Host:
        await self._post("StartService", {"serviceUserName": self._user}, **options)
        return self

    async def beat(self, **options: Any) -> list[Any]:
        """The commands for the host."""
        answer = await self._post("HeartbeatV2", {"serviceUserName": self._user}, **options)
        return list(answer["commands"]) if "commands" in answer else [answer]

    async def report(self, job: Any, state: str) -> None:
        await self._post("SubmitJobState", [{"jobKey": job["Key"], "jobState": state}])

    async def run(self, job: Any) -> None:
        """Take the job and say that it runs."""
        commands = await self.beat()
        assert any(job["Key"] in str(command) for command in commands), commands
        await self.report(job, "Running")

    async def stop(self) -> None:
        await self._post("StopService", {"serviceUserName": self._user})


@pytest.fixture
def host(api: Any) -> Any:
    """Connects a host with a machine, under a name and for a service user."""

    async def start(machine: Any, name: str = "alpha", user: str = "") -> Host:
        return await Host(api, machine, name, user).start()

    return start

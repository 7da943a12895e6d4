"""Robots that speak the protocol and run nothing: each job is reported Running, then Successful, until the server heard."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from tests.bench.load import Answer, Connection, Lost
from tests.bench.world import robot_request

AGAIN_S = 0.03
ANSWER_S = 20.0
WAIT_S = 2
BEAT_S = 0.2
SLOTS = 10


@dataclass(slots=True)
class Ledger:
    """What all robots of a run saw: leases by job key, ends that were acknowledged, reports that came too late."""

    leases: dict[str, set[int]] = field(default_factory=dict)
    ended: set[str] = field(default_factory=set)
    lost_leases: int = 0
    errors: Counter[str] = field(default_factory=Counter)


class Robot:
    """One host. With `is_vendor` it beats, as the vendor's robots do; else it waits in the long poll."""

    def __init__(self, port: int, license_key: str, host: str, ledger: Ledger, *, is_vendor: bool) -> None:
        self._port, self._license_key, self._host = port, license_key, host
        self._ledger = ledger
        self._is_vendor = is_vendor
        self._live: dict[str, asyncio.Task[None]] = {}
        self._known: set[tuple[str, int]] = set()

    async def run(self) -> None:
        """Work until cancelled."""
        try:
            await self._say("StartService", {"RunningJobs": []})
            while True:
                for command in json.loads((await self._ask_for_commands()).body)["commands"]:
                    self._obey(command)
                if self._is_vendor:
                    await asyncio.sleep(BEAT_S)
        finally:
            for task in self._live.values():
                task.cancel()

    async def _ask_for_commands(self) -> Answer:
        if self._is_vendor:
            return await self._say("HeartbeatV2", {"CommandState": "All", "Heartbeats": []})
        free = SLOTS - len(self._live)
        body = {"WaitSeconds": WAIT_S, "RunningJobs": list(self._live), "FreeSlots": free}
        return await self._say("Commands", body)

    def _obey(self, command: dict[str, Any]) -> None:
        key, epoch = command["data"]["jobKey"], command["data"]["leaseEpoch"]
        if command["data"]["type"] != "StartProcess" or (key, epoch) in self._known:
            return
        self._known.add((key, epoch))
        self._ledger.leases.setdefault(key, set()).add(epoch)
        task = asyncio.create_task(self._work(command))
        self._live[key] = task
        task.add_done_callback(lambda _: self._live.pop(key, None))

    async def _work(self, command: dict[str, Any]) -> None:
        data = command["data"]
        report = {"robotKey": command["robotKey"], "jobKey": data["jobKey"], "leaseEpoch": data["leaseEpoch"]}
        for state in ("Running", "Successful"):
            answer = await self._say("SubmitJobState", [report | {"jobState": state}])
            if answer.status == 409:
                self._ledger.lost_leases += 1
                return
        self._ledger.ended.add(data["jobKey"])

    async def _say(self, operation: str, body: object) -> Answer:
        """One call, sent again until it is answered by 2xx or 409; 503 is what a server may say while it starts."""
        sent = robot_request(self._license_key, self._host, operation, body)
        while True:
            try:
                answer = await asked(self._port, sent)
            except Lost:
                await asyncio.sleep(AGAIN_S)
                continue
            if answer.status < 300 or answer.status == 409:
                return answer
            if answer.status != 503:
                self._ledger.errors[f"{operation}: {answer.status} {answer.body[:160].decode(errors='replace')}"] += 1
            await asyncio.sleep(AGAIN_S)


async def asked(port: int, sent: bytes) -> Answer:
    """One request on a connection of its own. Raises Lost, also when no answer comes for long."""
    connection = await Connection.open(port)
    try:
        async with asyncio.timeout(ANSWER_S):
            return await connection.ask(sent)
    except TimeoutError as error:
        raise Lost("no answer") from error
    finally:
        connection.close()

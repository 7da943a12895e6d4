"""Brings a job's reports and log lines from disk to the server, in order, until they have arrived."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from podium.robot.connection import Connection, Refused, Unreachable
from podium.robot.disk import write_json
from podium.robot.messages import JobReport
from podium.robot.record import JobFolder, Record

log = logging.getLogger(__name__)

MOST_ENTRIES = 50  # the vendor's robots send no more at once
BATCH_BYTES = 1 << 20
READ_BYTES = 1 << 20
SHORTEST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 30.0
LOGS_FIRST_S = 2.0  # a final state waits so long for the job's log lines, so that readers find them complete

RUNNING = "1-running.json"
FINAL = "2-final.json"


class LeaseLost(Exception):
    """The job is not ours any more; nothing that we say about it counts."""


class Parcel(msgspec.Struct, omit_defaults=True):
    """A report on disk. With `suspension` (a suspendJobDto) the job's saved state goes along instead."""

    report: dict[str, Any] = {}
    output: str | None = None
    suspension: dict[str, Any] | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class LogLabel:
    """What every log entry of a job carries, beside the line itself."""

    record: Record
    machine_name: str

    def entry(self, line: bytes, offset: int) -> str:
        """The JSON text of one line of the log file. Its place makes the fingerprint: sent twice, it stays the same."""
        told = msgspec.json.decode(line)
        command = self.record.command
        moment = datetime.fromtimestamp(told["t"], UTC)
        fields = {
            "message": told["m"],
            "level": told["l"],
            "timeStamp": moment.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "organizationUnitId": command.data.folder_id,
            "processName": command.data.process_name or command.data.package_id,
            "processVersion": command.data.package_version,
            "fileName": command.data.entry_point_path,
            "jobId": self.record.job_key,
            "robotName": command.robot_name,
            "machineId": command.machine_id,
            "machineName": self.machine_name,
            "logType": "Default",
            "fingerprint": str(uuid.uuid5(uuid.UUID(self.record.run_id), str(offset))),
        }
        return msgspec.json.encode(fields).decode()


class Delivery:
    """The outgoing side of one job. Written reports survive the agent; `run` sends what is there and what comes."""

    def __init__(
        self,
        folder: JobFolder,
        record: Record,
        connection: Connection,
        gate: asyncio.Semaphore,
        *,
        machine_name: str,
        flush_s: float,
    ) -> None:
        self._folder = folder
        self._record = record
        self._connection = connection
        self._gate = gate
        self._label = LogLabel(record, machine_name)
        self._flush_s = flush_s
        self._news = asyncio.Event()
        self._is_over = asyncio.Event()
        self._logs_done = asyncio.Event()

    async def add(self, name: str, parcel: Parcel) -> None:
        """Keeps the report (on disk when this returns) and sends it as soon as possible."""
        await asyncio.to_thread(write_json, self._folder.reports / name, parcel, is_durable=name == FINAL)
        self._news.set()

    async def add_running(self, report: JobReport) -> None:
        await self.add(RUNNING, Parcel(report=msgspec.to_builtins(report)))

    @property
    def has_final(self) -> bool:
        return (self._folder.reports / FINAL).exists()

    def close(self) -> None:
        """Nothing more is going to be added, to the reports or to the log file."""
        self._is_over.set()
        self._news.set()

    async def run(self) -> None:
        """Returns when it is closed and everything has arrived; raises LeaseLost."""
        logs = asyncio.create_task(self._send_logs())
        try:
            await self._send_reports()
            await logs
        finally:
            logs.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await logs

    async def _send_reports(self) -> None:
        while True:
            self._news.clear()
            waiting = sorted(path for path in self._folder.reports.iterdir() if path.suffix == ".json")
            for path in waiting:
                await self._send_report(path)
            if not waiting:
                if self._is_over.is_set():
                    return
                await self._news.wait()

    async def _send_report(self, path: Path) -> None:
        parcel = msgspec.json.decode(await asyncio.to_thread(path.read_bytes), type=Parcel)
        if path.name == FINAL and self._connection.online.is_set():
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._logs_done.wait(), LOGS_FIRST_S)
        await self._insist(lambda: self._hand_over(parcel), f"a report of job {self._record.job_key}", is_leased=True)
        await asyncio.to_thread(path.unlink)

    async def _hand_over(self, parcel: Parcel) -> None:
        if parcel.suspension is not None:
            state = await asyncio.to_thread(Path(parcel.state).read_bytes) if parcel.state else b""
            await self._connection.suspend(msgspec.json.encode(parcel.suspension).decode(), state)
            return
        report = dict(parcel.report)
        if parcel.output is not None:
            output_id = await self._connection.upload_output(self._record.job_key, Path(parcel.output))
            report |= {"outputFile": output_id, "outputArguments": None}
        await self._connection.submit_state(report)

    async def _send_logs(self) -> None:
        offset = self._saved_offset()
        while True:
            is_over = self._is_over.is_set()
            entries, following = await asyncio.to_thread(self._read_entries, offset)
            if entries:
                await self._insist(
                    lambda: self._connection.submit_logs(self._record.command.robot_key, entries),  # noqa: B023
                    f"{len(entries)} log lines of job {self._record.job_key}",
                )
            if following > offset:
                offset = following
                self._folder.log_offset.write_text(str(offset))
            elif is_over:
                self._logs_done.set()
                return
            if len(entries) < MOST_ENTRIES:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._is_over.wait(), self._flush_s)

    def _saved_offset(self) -> int:
        try:
            return int(self._folder.log_offset.read_text())
        except (OSError, ValueError):
            return 0

    def _read_entries(self, offset: int) -> tuple[list[str], int]:
        """The next entries from there, as many as fit in one call, and the place after them."""
        try:
            with self._folder.log.open("rb") as file:
                file.seek(offset)
                lines = file.read(READ_BYTES).split(b"\n")[:-1]
        except FileNotFoundError:
            return [], offset
        entries: list[str] = []
        size = 0
        for line in lines:
            if len(entries) == MOST_ENTRIES or size > BATCH_BYTES:
                break
            with contextlib.suppress(msgspec.DecodeError):  # the rest of a runner that was killed while it wrote
                entries.append(self._label.entry(line, offset))
            offset += len(line) + 1
            size += len(line)
        return entries, offset

    async def _insist(self, call: Callable[[], Awaitable[None]], what: str, *, is_leased: bool = False) -> None:
        """Repeats the call until the server has taken it, or said that it never will."""
        pause = SHORTEST_PAUSE_S
        while True:
            try:
                async with self._gate:
                    await call()
                return
            except Unreachable as trouble:
                log.info("%s waits: %s", what, trouble)
            except Refused as refusal:
                if refusal.is_lost_lease and is_leased:
                    raise LeaseLost(str(refusal)) from refusal
                if refusal.is_about_content or refusal.is_lost_lease:
                    log.error("The server does not take %s: %s", what, refusal)  # noqa: TRY400
                    return
                log.warning("%s waits: %s", what, refusal)
            await self._pause(pause * random.uniform(0.7, 1.3))  # noqa: S311
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _pause(self, seconds: float) -> None:
        """Waits, but no longer than until the server, if it was away, is back."""
        if self._connection.online.is_set():
            await asyncio.sleep(seconds)
        else:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._connection.online.wait(), seconds)

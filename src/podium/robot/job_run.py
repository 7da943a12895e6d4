"""The life of one job on this computer: it queues, is prepared, runs, ends, and is told to the server."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import shutil
import signal
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import msgspec

from podium.robot import launch
from podium.robot.connection import Connection, Refused, Unreachable
from podium.robot.delivery import FINAL, Delivery, LeaseLost, Parcel
from podium.robot.disk import write_json
from podium.robot.environments import Environment, Environments, Package, PreparationFailed
from podium.robot.messages import Command
from podium.robot.outcome import Ending, Outcome, faulted, outcome_of, suspension_dto
from podium.robot.processes import destroy, gone, read_claim, reap, signal_runner, start_runner
from podium.robot.record import STOP_RANK, JobFolder, Record, Stop
from podium.robot.runner import claim, process_identity
from podium.robot.settings import Settings
from podium.robot.slots import Slots

log = logging.getLogger(__name__)
T = TypeVar("T")

LARGE_OUTPUT = 10 * 1024  # characters; longer output travels as a file
LARGEST_OUTPUT_BYTES = 256 << 20
FETCH_PAUSE_S = 1.0
LAST_RESORT_S = 5.0  # after this the agent itself kills what the runner should have ended


@dataclass(frozen=True, slots=True)
class Host:
    """What the jobs of one agent share."""

    settings: Settings
    connection: Connection
    environments: Environments
    slots: Slots
    gate: asyncio.Semaphore


class JobRun:
    """One job, from its command (or from what an earlier agent wrote down) until the server knows its end."""

    def __init__(self, folder: JobFolder, record: Record, host: Host) -> None:
        self.record = record
        self.ended = asyncio.Event()
        self._folder = folder
        self._host = host
        self._beginning: asyncio.Task[None] | None = None
        self._last_resort: asyncio.TimerHandle | None = None
        self._is_adopted = False
        self._has_slot = False
        settings = host.settings
        self._delivery = Delivery(
            folder, record, host.connection, host.gate, machine_name=settings.name, flush_s=settings.log_flush_s
        )

    def is_stopping(self) -> bool:
        return self.record.stop is not None

    @property
    def is_running(self) -> bool:
        return self.record.phase == "running"

    @property
    def has_ended(self) -> bool:
        return self.record.phase == "ended"

    async def live(self) -> None:
        """Returns when nothing is left to do or to tell, and the job's folder is gone."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._delivery.run())
                group.create_task(self._work())
        except* LeaseLost as lost:
            log.warning("Job %s is dropped, the server gave it away: %s", self.record.job_key, lost.exceptions[0])
            await self._destroy()
        finally:
            self._cancel_last_resort()
            self._leave_slot()
        await asyncio.to_thread(shutil.rmtree, self._folder.path, ignore_errors=True)

    def stop(self, strategy: Stop) -> bool:
        """Ends the job, softly or at once; False when that, or more, was asked for before or the job has ended."""
        if self.has_ended or STOP_RANK[strategy] <= STOP_RANK[self.record.stop]:
            return False
        was = self.record.stop
        self.record.stop = strategy
        self._folder.save(self.record)
        if self.record.phase == "queued":
            if self._beginning is not None:
                self._beginning.cancel()
            return True
        if was is None or strategy == "Kill":
            self._signal_stop()
        return True

    def _signal_stop(self) -> None:
        pid = self.record.runner_pid
        if pid is None:
            return
        is_kill = self.record.stop == "Kill"
        signal_runner(pid, self.record.runner_identity, signal.SIGUSR1 if is_kill else signal.SIGTERM)
        patience = LAST_RESORT_S + (0 if is_kill else self._host.settings.stop_grace_s)
        self._cancel_last_resort()
        self._last_resort = asyncio.get_running_loop().call_later(patience, self._destroy_now)

    def _cancel_last_resort(self) -> None:
        if self._last_resort is not None:
            self._last_resort.cancel()

    async def abandon(self) -> None:
        """Ends the job's process and forgets the job: a newer lease of it takes its place."""
        if self._beginning is not None:
            self._beginning.cancel()
        await self._destroy()

    async def _destroy(self) -> None:
        """No process of the job is left when this returns."""
        self._destroy_now()
        pid = self.record.runner_pid
        if pid is not None and not self.has_ended:
            await gone(pid, self.record.runner_identity)
            reap(pid)

    def _destroy_now(self) -> None:
        held = read_claim(self._folder.claim(self.record.attempt))
        if held is not None and not self.has_ended:
            destroy(held)
        pid = self.record.runner_pid
        if pid is not None and not self.has_ended:
            signal_runner(pid, self.record.runner_identity, signal.SIGKILL)

    async def _work(self) -> None:
        """Everything up to the final report; then the delivery has only to finish."""
        try:
            if self.record.phase == "starting":
                self._adopt_or_requeue()
            if self.record.phase == "queued":
                outcome = await self._begin_unless_stopped()
            else:
                self._is_adopted = True
                outcome = None
                self._seize_slot()
            if self.record.phase == "running":
                outcome = await self._watch()
            if outcome is not None and not self._delivery.has_final:
                await self._delivery.add(FINAL, await asyncio.to_thread(self._parcel, outcome))
                log.info("Job %s: %s", self.record.job_key, outcome.state)
            self.record.phase = "ended"
            self.ended.set()
            self._folder.save(self.record)
        finally:
            self._leave_slot()
        self._delivery.close()

    def _adopt_or_requeue(self) -> None:
        """After a crash between the decision to start and the start: either the runner came to life, or never will."""
        path = self._folder.claim(self.record.attempt)
        if claim(path):
            self.record.phase = "queued"
            return
        held = read_claim(path)
        self.record.phase = "running"
        if held is not None:
            self.record.runner_pid, self.record.runner_identity = held.pid, held.identity
        self._folder.save(self.record)

    async def _begin_unless_stopped(self) -> Outcome | None:
        """None when the job's process runs; else the outcome without one."""
        if self.is_stopping():
            return self._never_started()
        self._beginning = asyncio.create_task(self._begin())
        try:
            await self._beginning
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if not self.is_stopping() or (task is not None and task.cancelling()):
                raise
            return self._never_started()
        except PreparationFailed as failure:
            return faulted("PYTHON.JOB_PREPARATION_FAILED", "The job could not be prepared", str(failure))
        except (Refused, OSError, msgspec.DecodeError, shutil.Error) as failure:
            return faulted("PYTHON.JOB_PREPARATION_FAILED", "The job could not be prepared", str(failure))
        await self._delivery.add_running(self.record.report("Running", is_busy=True))
        return None

    def _never_started(self) -> Outcome | None:
        """A job that the robot leaves behind unstarted is none of its business: the server gives it to another."""
        return None if self.record.stop == "Shutdown" else Outcome(state="Stopped")

    async def _begin(self) -> None:
        await self._host.slots.acquire()
        self._has_slot = True
        data = self.record.command.data
        if not data.package_id or not data.package_version:
            raise PreparationFailed("The command names no package.")
        package = Package(data.package_id, data.package_version, data.package_hash, data.feed_id)
        environment = await self._host.environments.prepare(package, lambda target: self._download(package, target))
        arguments = await self._arguments()
        state = None
        if data.persistence_id is not None and data.resume_version is not None:
            held, version = data.persistence_id, data.resume_version
            state = await self._patiently(lambda: self._host.connection.persistent_state(held, version))
        token = await self._patiently(self._host.connection.token)
        await asyncio.to_thread(launch.lay_out, self._folder, self.record, environment, arguments, state)
        self._start(environment, token)

    def _start(self, environment: Environment, token: str | None) -> None:
        """Without an await, so that a stop comes either before it or finds the process."""
        settings, record = self._host.settings, self.record
        record.attempt += 1
        spec = launch.run_spec(self._folder, record, environment, grace_s=settings.stop_grace_s)
        variables = launch.job_variables(
            self._folder, record, environment, settings, token=token, inherited=settings.inherited(os.environ)
        )
        write_json(self._folder.spec, spec)
        record.is_uipath = environment.is_uipath
        record.phase = "starting"
        self._folder.save(record)
        record.runner_pid = start_runner(self._folder.spec, variables)
        record.runner_identity = process_identity(record.runner_pid)
        record.phase = "running"
        with contextlib.suppress(OSError):  # the disk is full: a later agent learns the same from the runner's claim
            self._folder.save(record)

    async def _download(self, package: Package, target: Path) -> str:
        return await self._patiently(
            lambda: self._host.connection.download_package(package.id, package.version, package.feed_id, target)
        )

    async def _arguments(self) -> bytes:
        data = self.record.command.data
        if data.input_file:
            return await self._patiently(lambda: self._host.connection.input_text(data.job_key))
        return (data.input_arguments or "").strip().encode() or b"{}"

    async def _patiently(self, call: Callable[[], Awaitable[T]]) -> T:
        """The call's answer, however long the server is away."""
        while True:
            try:
                return await call()
            except Unreachable as trouble:
                log.info("Job %s waits: %s", self.record.job_key, trouble)
                await asyncio.sleep(FETCH_PAUSE_S)

    async def _watch(self) -> Outcome | None:
        """Waits for the end of the process; what came of it."""
        record = self.record
        if self._is_adopted:
            if self._delivery.has_final:
                return None
            await self._delivery.add_running(record.report("Running", is_busy=True))
            if self.is_stopping():
                self._signal_stop()
        if record.runner_pid is not None:
            await gone(record.runner_pid, record.runner_identity)
            reap(record.runner_pid)
        held = read_claim(self._folder.claim(record.attempt))
        if held is not None:
            destroy(held)  # when the runner was killed, its child lives on unwatched
        return await asyncio.to_thread(self._judge)

    def _judge(self) -> Outcome:
        result_path = self._folder.runtime / "output.json" if self.record.is_uipath else self._folder.output
        try:
            ending = msgspec.json.decode(self._folder.exit.read_bytes(), type=Ending)
        except (OSError, msgspec.DecodeError):
            ending = None
        result = None
        if result_path.exists():
            if result_path.stat().st_size > LARGEST_OUTPUT_BYTES:
                return faulted("PYTHON.INVALID_OUTPUT", "The output is too large", category="USER")
            result = result_path.read_bytes()
        is_uipath, is_adopted = self.record.is_uipath, self._is_adopted
        return outcome_of(ending, result, stop=self.record.stop, is_uipath=is_uipath, is_adopted=is_adopted)

    def _parcel(self, outcome: Outcome) -> Parcel:
        data = self.record.command.data
        if outcome.suspension is not None:
            state = self._folder.runtime / "state.db"
            dto = suspension_dto(
                outcome.suspension,
                robot_key=self.record.command.robot_key,
                job_key=data.job_key,
                persistence_id=data.persistence_id or self.record.run_id,
                resume_version=data.resume_version or 0,
                at=datetime.now(UTC).isoformat().replace("+00:00", "Z"),
            )
            return Parcel(
                suspension=dto | {"leaseEpoch": data.lease_epoch}, state=str(state) if state.exists() else None
            )
        report = self.record.report(outcome.state, error=outcome.error, output=outcome.output)
        if outcome.output is not None and len(outcome.output) > LARGE_OUTPUT:
            self._folder.large_output.write_text(outcome.output, encoding="utf-8")
            report.output_arguments = None
            return Parcel(report=msgspec.to_builtins(report), output=str(self._folder.large_output))
        return Parcel(report=msgspec.to_builtins(report))

    def _seize_slot(self) -> None:
        if not self.has_ended:
            self._host.slots.seize()
            self._has_slot = True

    def _leave_slot(self) -> None:
        if self._has_slot:
            self._has_slot = False
            self._host.slots.release()


def new_job(root: Path, command: Command, host: Host) -> JobRun:
    """A job that was just offered, written down before anything is done for it."""
    folder = JobFolder(root / command.data.job_key)
    record = Record.of(command)
    shutil.rmtree(folder.path, ignore_errors=True)
    folder.create()
    folder.save(record)
    return JobRun(folder, record, host)

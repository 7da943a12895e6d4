"""The agent: asks the server for commands, runs its jobs, and begins again where an earlier agent ended."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import logging
import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from podium.robot.connection import Connection, Refused, Unreachable
from podium.robot.environments import Environments
from podium.robot.job_run import Host, JobRun, new_job
from podium.robot.messages import Command, JobReport, read_commands
from podium.robot.record import JobFolder, Stop
from podium.robot.settings import Settings
from podium.robot.slots import Slots

log = logging.getLogger(__name__)

CALLS_AT_ONCE = 8
REMEMBERED_ENDS = 10_000
NO_LONG_POLL_S = 60.0  # a server without the long poll is asked for it again after this
RETRY_S = 10.0
NO_NEWS_PAUSE_S = 0.5  # between polls that bring nothing new and come back at once
LONGEST_PAUSE_S = 30.0


class FolderInUse(Exception):
    """Another agent works in the folder."""


class Agent:
    """One robot agent. `run` it once; a new one on the same folder continues what this one left."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._jobs: dict[str, JobRun] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._successors: dict[str, Command] = {}
        self._ended: OrderedDict[str, tuple[int, int]] = OrderedDict()
        self._is_leaving = False
        self._host: Host

    async def run(self, stop: asyncio.Event) -> None:
        """Works until `stop` is set; then waits for the jobs up to the stop grace, ends the others, says goodbye.

        Raises FolderInUse. When cancelled instead, the jobs' processes run on; the next agent finds them.
        """
        settings = self._settings
        with locked(settings.folder):
            async with Connection(settings) as connection:
                self._host = Host(
                    settings=settings,
                    connection=connection,
                    environments=Environments(
                        settings.folder / "packages",
                        limit_s=settings.prepare_limit_s,
                        variables=settings.inherited(os.environ),
                    ),
                    slots=Slots(settings.slots),
                    gate=asyncio.Semaphore(CALLS_AT_ONCE),
                )
                try:
                    self._recover()
                    await self._serve(stop)
                    await self._leave()
                finally:
                    await self._let_go()

    @property
    def _jobs_folder(self) -> Path:
        return self._settings.folder / "jobs"

    def _recover(self) -> None:
        for path in sorted(self._jobs_folder.iterdir()):
            folder = JobFolder(path)
            try:
                record = folder.load()
            except FileNotFoundError:  # nothing was begun, or everything is done but for the folder
                shutil.rmtree(path, ignore_errors=True)
                continue
            except (OSError, msgspec.DecodeError) as error:
                log.error("What is written down in %s cannot be read: %s", path, error)  # noqa: TRY400
                continue
            log.info("Job %s is taken up again (%s)", record.job_key, record.phase)
            self._watch_over(JobRun(folder, record, self._host))

    async def _serve(self, stop: asyncio.Event) -> None:
        async with asyncio.TaskGroup() as group:
            loops = [group.create_task(self._poll()), group.create_task(self._beat())]
            await stop.wait()
            self._is_leaving = True
            for loop in loops:
                loop.cancel()

    # -- commands ------------------------------------------------------------------------------------------------

    async def _poll(self) -> None:
        """Asks for commands for ever: by the long poll, or by heartbeats where the server has none."""
        await self._start_service()
        log.info("Connected to %s as %s, %d slots", self._settings.url, self._settings.name, self._settings.slots)
        long_poll_from = 0.0
        while True:
            began = time.monotonic()
            has_long_poll = began >= long_poll_from
            try:
                answer = await self._ask(has_long_poll=has_long_poll)
            except Refused as refusal:
                if refusal.status in {404, 501} and has_long_poll:
                    long_poll_from = began + NO_LONG_POLL_S
                elif refusal.is_lost_lease:
                    await self._start_service()
                else:
                    await self._wait_after(refusal)
                continue
            except Unreachable as trouble:
                await self._wait_after(trouble)
                continue
            is_news = answer is not None and self._take(answer)
            if not has_long_poll:
                await asyncio.sleep(self._settings.fallback_poll_s)
            elif not is_news and answer is not None and time.monotonic() - began < NO_NEWS_PAUSE_S:
                await asyncio.sleep(NO_NEWS_PAUSE_S)

    async def _ask(self, *, has_long_poll: bool) -> bytes | None:
        """The answer; None when a slot became free meanwhile, which the server should hear of."""
        connection, slots = self._host.connection, self._host.slots
        if not has_long_poll:
            return await connection.heartbeat(self._running_reports())
        # The first call after an outage comes back at once: the deliveries wait for the news that the server is there.
        wait_s = self._settings.poll_wait_s if connection.online.is_set() else 0
        call = asyncio.create_task(connection.commands(wait_s, list(self._jobs), slots.free))
        tasks: set[asyncio.Task[Any]] = {call}
        if not slots.free:
            tasks.add(asyncio.create_task(slots.has_room.wait()))
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return call.result() if call.done() else None
        finally:
            for task in tasks:
                task.cancel()

    async def _beat(self) -> None:
        """Says regularly which jobs run. The polls show only that the agent lives."""
        while True:
            await asyncio.sleep(self._settings.heartbeat_s)
            try:
                self._take(await self._host.connection.heartbeat(self._running_reports()))
            except (Unreachable, Refused) as trouble:
                log.info("Heartbeat: %s", trouble)

    def _running_reports(self) -> list[JobReport]:
        return [job.record.report("Running", is_busy=True) for job in self._jobs.values() if job.is_running]

    async def _start_service(self) -> None:
        """Tells the server that we are here, and with which jobs; as long as it takes."""
        pause = 0.5
        while True:
            try:
                return await self._host.connection.start_service(list(self._jobs))
            except (Unreachable, Refused) as trouble:
                log.warning("StartService: %s", trouble)
            await asyncio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE_S)

    async def _wait_after(self, trouble: Exception) -> None:
        log.warning("No commands: %s", trouble)
        await asyncio.sleep(self._settings.fallback_poll_s)

    def _take(self, answer: bytes) -> bool:
        """Obeys the commands; False when all of them were known already."""
        try:
            commands, complaints = read_commands(answer)
        except msgspec.DecodeError as error:
            log.error("The server's answer is malformed: %s", error)  # noqa: TRY400
            return False
        for complaint in complaints:
            log.error("A malformed command is ignored: %s", complaint)
        obeyed = False
        for command in commands:
            try:
                obeyed |= self._obey(command)
            except OSError as error:  # a full disk, say; the server repeats the command
                log.error("Job %s: %s", command.data.job_key, error)  # noqa: TRY400
        return obeyed

    def _obey(self, command: Command) -> bool:
        if self._is_leaving:
            return False
        if command.data.type == "StartProcess":
            return self._start(command)
        if command.data.type == "StopProcess":
            return self._stop(command)
        log.warning("A command of the unknown type %r is ignored", command.data.type)
        return False

    def _start(self, command: Command) -> bool:
        """Starts the job unless it is known. A newer lease of it waits until the older one is wound up."""
        key = command.data.job_key
        job = self._jobs.get(key)
        if job is None:
            ended = self._ended.get(key)
            if ended is not None and command.turn <= ended:
                return False
            log.info("Job %s: %s %s", key, command.data.package_id, command.data.package_version)
            self._offer(command)
            return True
        successor = self._successors.get(key)
        if command.turn <= max(job.record.command.turn, successor.turn if successor else (0, 0)):
            return False
        self._successors[key] = command
        if not job.has_ended:
            log.warning("Job %s was leased anew; its process is ended", key)
            self._tasks[key].cancel()
        return True

    def _stop(self, command: Command) -> bool:
        strategy: Stop = "Kill" if command.data.stop_strategy == "Kill" else "SoftStop"
        key = command.data.job_key
        if key in self._successors:
            self._successors[key] = command
            return True
        job = self._jobs.get(key)
        if job is not None:
            return job.stop(strategy)
        if self._ended.get(key, (-1, -1)) >= command.turn:
            return False
        self._offer(command)
        return True

    # -- jobs ----------------------------------------------------------------------------------------------------

    def _watch_over(self, job: JobRun) -> None:
        key = job.record.job_key
        self._jobs[key] = job
        task = asyncio.create_task(job.live(), name=f"job {key}")
        self._tasks[key] = task
        task.add_done_callback(lambda done: self._finished(job, done))

    def _finished(self, job: JobRun, task: asyncio.Task[None]) -> None:
        key = job.record.job_key
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._is_leaving:
            log.error("Job %s: trouble, it is taken up again in %g s", key, RETRY_S, exc_info=error)
            self._tasks[key] = asyncio.create_task(self._take_up_again(job))
            return
        if key in self._successors and not self._is_leaving:
            self._tasks[key] = asyncio.create_task(self._succeed(job))
            return
        del self._jobs[key], self._tasks[key]
        self._ended[key] = job.record.command.turn
        while len(self._ended) > REMEMBERED_ENDS:
            self._ended.popitem(last=False)

    async def _take_up_again(self, job: JobRun) -> None:
        """From what is on disk, as a restarted agent would."""
        await asyncio.sleep(RETRY_S)
        folder = JobFolder(self._jobs_folder / job.record.job_key)
        try:
            record = folder.load()
        except (OSError, msgspec.DecodeError):
            log.exception("Job %s is lost", job.record.job_key)
            del self._jobs[job.record.job_key], self._tasks[job.record.job_key]
            return
        self._watch_over(JobRun(folder, record, self._host))

    async def _succeed(self, job: JobRun) -> None:
        await job.abandon()
        self._offer(self._successors.pop(job.record.job_key))

    def _offer(self, command: Command) -> None:
        """A new job; for a stop, one that ends before it begins, so that its end is told like any other."""
        job = new_job(self._jobs_folder, command, self._host)
        if command.data.type == "StopProcess":
            job.stop("Kill")
        self._watch_over(job)

    # -- the end -------------------------------------------------------------------------------------------------

    async def _leave(self) -> None:
        """Lets the jobs end, or ends them; delivers what can be delivered; signs off."""
        grace = self._settings.stop_grace_s
        log.info("Leaving; %d jobs are still here", len(self._jobs))
        for job in list(self._jobs.values()):
            if job.record.phase == "queued":
                job.stop("Shutdown")
        await self._all_ended(grace)
        for job in list(self._jobs.values()):
            job.stop("Shutdown")
        await self._all_ended(grace + self._settings.goodbye_s)
        if self._tasks:
            await asyncio.wait(self._tasks.values(), timeout=self._settings.goodbye_s)
        with contextlib.suppress(Unreachable, Refused, TimeoutError):
            async with asyncio.timeout(self._settings.goodbye_s):
                await self._host.connection.stop_service()

    async def _all_ended(self, limit_s: float) -> None:
        """Waits for the ends of the processes, not for the deliveries: the server may be away."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(limit_s):
                await asyncio.gather(*(job.ended.wait() for job in self._jobs.values()))

    async def _let_go(self) -> None:
        self._is_leaving = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._host.environments.close()


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """The agent's folder, private to its user and to one agent. Raises FolderInUse."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in (folder, folder / "jobs", folder / "packages"):
        path.mkdir(exist_ok=True)
        path.chmod(0o700)
    with (folder / "agent.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise FolderInUse(f"Another agent works in {folder}.") from error
        yield

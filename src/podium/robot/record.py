"""What is written down about a job, so that a restarted agent knows it."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from podium.robot.disk import write_json
from podium.robot.messages import Command, JobError, JobReport

Phase = Literal["queued", "starting", "running", "ended"]
Stop = Literal["SoftStop", "Kill", "Shutdown"]
STOP_RANK: dict[str | None, int] = {None: 0, "Shutdown": 1, "SoftStop": 2, "Kill": 3}


class Record(msgspec.Struct):
    """The state of a job on this computer.

    `attempt` counts the runners started for it; `run_id` makes the fingerprints of its log entries unique;
    `time_limit_s` counts from the start of the process.
    """

    command: Command
    run_id: str
    trace_id: str
    phase: Phase = "queued"
    attempt: int = 0
    stop: Stop | None = None
    is_uipath: bool = False
    runner_pid: int | None = None
    runner_identity: str | None = None

    @classmethod
    def of(cls, command: Command) -> Record:
        return cls(command=command, run_id=str(uuid.uuid4()), trace_id=command.data.trace_id or str(uuid.uuid4()))

    @property
    def job_key(self) -> str:
        return self.command.data.job_key

    def report(
        self, state: str, *, is_busy: bool = False, error: JobError | None = None, output: str | None = None
    ) -> JobReport:
        """A report of the state, with everything that the server wants to have back."""
        data = self.command.data
        return JobReport(
            robot_key=self.command.robot_key,
            job_key=data.job_key,
            job_state=state,
            process_key=data.process_key,
            robot_state="Busy" if is_busy else "Available",
            info=f"{error.title}: {error.detail}" if error and error.detail else error.title if error else None,
            output_arguments=output,
            error=error,
            trace_id=self.trace_id,
            parent_span_id=data.parent_span_id,
            root_span_id=data.root_span_id,
            lease_epoch=data.lease_epoch,
        )


@dataclass(frozen=True, slots=True)
class JobFolder:
    """The places of one job's files. Owned by the agent; the runner gets single paths of it."""

    path: Path

    @property
    def state(self) -> Path:
        return self.path / "state.json"

    @property
    def spec(self) -> Path:
        return self.path / "run.json"

    @property
    def exit(self) -> Path:
        return self.path / "exit.json"

    @property
    def log(self) -> Path:
        return self.path / "log.ndjson"

    @property
    def log_offset(self) -> Path:
        return self.path / "log.offset"

    @property
    def reports(self) -> Path:
        return self.path / "outbox"

    @property
    def work(self) -> Path:
        return self.path / "work"

    @property
    def runtime(self) -> Path:
        """The `uipath` runtime's folder: its configuration, execution.log, output.json and state.db."""
        return self.path / "runtime"

    @property
    def temporary(self) -> Path:
        return self.path / "temp"

    @property
    def input(self) -> Path:
        return self.path / "input.json"

    @property
    def output(self) -> Path:
        """Where a plain project leaves its output."""
        return self.path / "output.json"

    @property
    def large_output(self) -> Path:
        """Output arguments that are too long for a report, until they are uploaded."""
        return self.path / "large-output.json"

    def claim(self, attempt: int) -> Path:
        return self.path / f"claim-{attempt}.json"

    def create(self) -> None:
        self.reports.mkdir(parents=True, mode=0o700)

    def save(self, record: Record) -> None:
        write_json(self.state, record)

    def load(self) -> Record:
        """Raises OSError or msgspec.DecodeError when the file is missing or broken."""
        return msgspec.json.decode(self.state.read_bytes(), type=Record)

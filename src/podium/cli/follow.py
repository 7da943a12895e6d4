"""Jobs watched until they end: state changes and robot log lines as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from podium.cli.client import GUID, ODATA, Orchestrator, Row
from podium.cli.failure import Exit, Failure
from podium.cli.output import STATE_STYLES, parse_instant, printable, seconds_between

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

POLL_S = 0.5
PAGE = 1000
FINAL = {"Successful": Exit.OK, "Faulted": Exit.REFUSED, "Stopped": 2}
TIMED_OUT = 124  # as timeout(1) has it
LATE_LOGS_S = 2.0  # a robot may send its last lines after the state


@dataclass(slots=True)
class Watch:
    """One job as last seen. `since` and `seen` are the place in its log: an instant, and the ids of lines not older."""

    job: Row
    since: str | None = None
    seen: set[Any] = field(default_factory=set)
    label: str = ""

    @property
    def key(self) -> str:
        """The job's key."""
        return str(self.job["Key"])

    @property
    def state(self) -> str:
        """The job's state on the wire."""
        return str(self.job.get("State"))

    @property
    def has_ended(self) -> bool:
        """Whether the state is one that a job does not leave."""
        return self.state in FINAL


def job_named(orchestrator: Orchestrator, name: str) -> Row:
    """The job with that id or key, in any folder. Raises Failure when there is none or the text is neither."""
    text = name.strip().strip("{}")
    if GUID.fullmatch(text):
        row: Row = orchestrator.get(f"/odata/Jobs/{ODATA}GetByKey(identifier={text})")
        return row
    if not (text.isdecimal() and text.isascii()):
        raise Failure(f"{name!r} is neither the id nor the key of a job", Exit.USAGE, hint="see `podium jobs list`")
    rows = orchestrator.rows("/odata/Jobs", {"$filter": f"Id eq {text}"}, limit=1)
    if not rows:
        raise Failure(f"Job {text} does not exist, or you have no access to it")
    return rows[0]


def folder_of(job: Row) -> int | None:
    """The folder that calls about the job must name."""
    found = job.get("OrganizationUnitId")
    return found if isinstance(found, int) else None


def new_lines(orchestrator: Orchestrator, watch: Watch) -> list[Row]:
    """The log lines that came since the last call, oldest first."""
    fresh: list[Row] = []
    while True:
        condition = f"JobKey eq {watch.key}" + (f" and TimeStamp ge {watch.since}" if watch.since else "")
        options = {"$filter": condition, "$orderby": "TimeStamp asc,Id asc", "$top": PAGE}
        page: list[Row] = orchestrator.get("/odata/RobotLogs", options, folder=folder_of(watch.job))["value"]
        unseen = [row for row in page if row["Id"] not in watch.seen]
        fresh += unseen
        if page:
            # lines of the last instant are asked for again: more of that instant may still arrive
            watch.since = str(page[-1]["TimeStamp"])
            watch.seen.update(row["Id"] for row in page)
        if len(page) < PAGE or not unseen:
            return fresh


def follow(
    orchestrator: Orchestrator,
    jobs: Sequence[Row],
    out: Console,
    *,
    logs: bool = True,
    timeout_s: float | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> list[Row]:
    """The jobs as they ended; the list holds unfinished ones only when `timeout_s` passed.

    State changes and log lines are printed as they come; on a terminal a line below them tells what is going on.
    """
    watches = [Watch(job, label=f"[{job.get('Id')}] " if len(jobs) > 1 else "") for job in jobs]
    deadline = None if timeout_s is None else clock() + timeout_s
    for watch in watches:
        out.print(_state_line(watch))
    with out.status(_status(watches), spinner="dots") as status:
        while any(not watch.has_ended for watch in watches):
            if deadline is not None and clock() >= deadline:
                break
            time.sleep(POLL_S if deadline is None else max(0.0, min(POLL_S, deadline - clock())))
            for watch in watches:
                if not watch.has_ended:
                    _turn(orchestrator, watch, out, logs=logs)
            status.update(_status(watches))
        if logs:
            _late_lines(orchestrator, watches, out, clock)
    return [watch.job for watch in watches]


def exit_status(jobs: Sequence[Row]) -> int:
    """124 when a job has not ended, else 1 when one faulted, else 2 when one was stopped, else 0."""
    states = {str(job.get("State")) for job in jobs}
    if states - FINAL.keys():
        return TIMED_OUT
    return next((int(FINAL[state]) for state in ("Faulted", "Stopped") if state in states), int(Exit.OK))


def log_line(row: Row, label: str = "") -> Text:
    """A line of a robot's log: local time, level, message."""
    from rich.text import Text

    instant = parse_instant(row.get("TimeStamp"))
    level = str(row.get("Level") or "Info")
    when = instant.astimezone().strftime("%H:%M:%S") if instant else "--:--:--"
    return Text.assemble(
        (f"  {when}  ", "dim"),
        (f"{level:<5}  ", STATE_STYLES.get(level, "dim")),
        (label, "dim"),
        printable(str(row.get("Message") or "")),
    )


def duration_s(job: Row) -> float | None:
    """Seconds from the job's start to its end; None when it did not run or has not ended."""
    return seconds_between(job.get("StartTime"), job.get("EndTime"))


def _turn(orchestrator: Orchestrator, watch: Watch, out: Console, *, logs: bool) -> None:
    before = watch.state
    watch.job = orchestrator.get(f"/odata/Jobs/{ODATA}GetByKey(identifier={watch.key})", folder=folder_of(watch.job))
    if watch.state != before and not watch.has_ended:
        out.print(_state_line(watch))
    if logs and watch.state != "Pending":
        for row in new_lines(orchestrator, watch):
            out.print(log_line(row, watch.label))
    if watch.has_ended:
        out.print(_state_line(watch))


def _late_lines(orchestrator: Orchestrator, watches: Sequence[Watch], out: Console, clock: Callable[[], float]) -> None:
    """Lines that arrive after the end: asked for until two looks in a row bring nothing."""
    until = clock() + LATE_LOGS_S
    quiet = 0
    while quiet < 2 and clock() < until:
        lines = [log_line(row, watch.label) for watch in watches for row in new_lines(orchestrator, watch)]
        for line in lines:
            out.print(line)
        quiet = 0 if lines else quiet + 1
        if quiet == 1:
            time.sleep(POLL_S / 2)


def _state_line(watch: Watch) -> Text:
    from rich.text import Text

    job = watch.job
    line = Text.assemble(
        (f"{watch.label}Job {job.get('Id')} ", "bold"), (watch.state, STATE_STYLES.get(watch.state, ""))
    )
    seconds = duration_s(job)
    if watch.has_ended and seconds is not None:
        line.append(f" after {seconds:.1f} s", style="dim")
    elif watch.state == "Running" and job.get("HostMachineName"):
        line.append(f" on {printable(str(job['HostMachineName']))}", style="dim")
    if watch.state not in {"Running", "Successful"} and job.get("Info"):
        line.append(f"  {printable(str(job['Info']))}", style="dim")
    return line


def _status(watches: Sequence[Watch]) -> str:
    waiting = [watch.state for watch in watches if not watch.has_ended]
    if len(watches) == 1:
        return waiting[0] if waiting else watches[0].state
    return f"{len(watches) - len(waiting)} of {len(watches)} ended"

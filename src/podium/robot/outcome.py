"""From a process's end to the job's final state. Pure: no files, no clock."""

from __future__ import annotations

from typing import Any

import msgspec

from podium.robot.messages import LONGEST_DETAIL, JobError
from podium.robot.record import Stop


class Ending(msgspec.Struct):
    """What the runner saw: `code` is negative for a signal, None with `failure` when the process never started."""

    code: int | None = None
    failure: str | None = None
    is_timed_out: bool = False
    stderr_tail: str = ""


class Outcome(msgspec.Struct, frozen=True):
    """The state to report. `output` is JSON text; `suspension` what the runtime says about a suspended job."""

    state: str
    output: str | None = None
    error: JobError | None = None
    suspension: dict[str, Any] | None = None


def faulted(code: str, title: str, detail: str | None = None, category: str = "SYSTEM") -> Outcome:
    kept = detail[:LONGEST_DETAIL] if detail else None
    return Outcome(state="Faulted", error=JobError(code=code, title=title, category=category, detail=kept))


def outcome_of(
    ending: Ending | None, result: bytes | None, *, stop: Stop | None, is_uipath: bool, is_adopted: bool
) -> Outcome:
    """The final state.

    `ending` is None when the runner left none, `result` is the content of the output file if there is one.
    `is_adopted`: the process was started by an agent that has ended since.
    """
    if ending is None:
        return vanished(stop, is_adopted=is_adopted)
    if ending.failure is not None or ending.code is None:
        return faulted("PYTHON.JOB_PREPARATION_FAILED", "The job's process could not be started", ending.failure)
    if ending.is_timed_out:
        return faulted("PODIUM.TIME_LIMIT", "The job ran longer than its time limit and was ended", category="USER")
    if ending.code != 0:
        return failed(ending, result if is_uipath else None, stop)
    return uipath_result(result) if is_uipath else plain_result(result)


def vanished(stop: Stop | None, *, is_adopted: bool) -> Outcome:
    if stop in {"SoftStop", "Kill"}:
        return Outcome(state="Stopped")
    if is_adopted:
        return faulted("PODIUM.ROBOT_RESTARTED", "The robot restarted while the job ran.")
    return faulted("PODIUM.PROCESS_LOST", "The job's process was killed from outside, or ran out of memory.")


def failed(ending: Ending, result: bytes | None, stop: Stop | None) -> Outcome:
    if stop in {"SoftStop", "Kill"}:
        return Outcome(state="Stopped")
    if stop == "Shutdown":
        return faulted("PODIUM.ROBOT_SHUT_DOWN", "The robot was shut down while the job ran.")
    told = read_object(result).get("error") if result else None
    if isinstance(told, dict):
        return Outcome(state="Faulted", error=told_error(told, "PYTHON.AGENT_EXECUTION_FAILED"))
    said = ending.stderr_tail.strip()
    code = ending.code or 0
    title = f"The process was ended by signal {-code}" if code < 0 else f"The process ended with exit code {code}"
    if said and code > 0:
        title = said.splitlines()[-1][:500]  # an uncaught exception's last line names it
    return faulted("PYTHON.PROCESS_FAILED", title, said or None, "USER")


def plain_result(result: bytes | None) -> Outcome:
    if result is None or not result.strip():
        return Outcome(state="Successful", output="{}")
    try:
        value = msgspec.json.decode(result)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        return faulted("PYTHON.INVALID_OUTPUT", "The output file holds no JSON", str(error), "USER")
    if not isinstance(value, dict):
        return faulted("PYTHON.INVALID_OUTPUT", "The output file must hold a JSON object", category="USER")
    return Outcome(state="Successful", output=msgspec.json.encode(value).decode())


def uipath_result(result: bytes | None) -> Outcome:
    """What the runtime's own result file says: `status`, `output`, `error`, `resume` or `resumeTriggers`."""
    told = read_object(result)
    value = told.get("output")
    arguments = value if isinstance(value, dict) else {} if value is None else {"output": value}
    output = msgspec.json.encode(arguments).decode()
    status = str(told.get("status", "successful")).lower()
    if status == "successful":
        return Outcome(state="Successful", output=output)
    if status == "suspended":
        return Outcome(state="Suspended", suspension=told)
    error = told.get("error")
    return Outcome(
        state="Faulted",
        output=output,
        error=told_error(error if isinstance(error, dict) else {}, "PYTHON.PROCESS_FAILED"),
    )


def suspension_dto(
    told: dict[str, Any], *, robot_key: str, job_key: str, persistence_id: str, resume_version: int, at: str
) -> dict[str, Any]:
    """The description that goes with a suspended job's saved state. `at` is ISO 8601 in UTC."""
    triggers = told.get("resumeTriggers") or ([told["resume"]] if told.get("resume") else [])
    error = told_error(told["error"], "PYTHON.PROCESS_SUSPENDED") if isinstance(told.get("error"), dict) else None
    return {
        "robotKey": robot_key,
        "jobId": job_key,
        "jobInfo": None,
        "subState": "faulted" if error else None,
        "errorCode": error.code if error else None,
        "error": msgspec.to_builtins(error),
        "suspendTime": at,
        "persistenceInstanceId": persistence_id,
        "resumeVersion": resume_version,
        "resumeTriggers": triggers,
        "blobType": "Embedded",
    }


def told_error(told: dict[str, Any], code: str) -> JobError:
    detail = told.get("detail")
    return JobError(
        code=str(told.get("code") or code),
        title=str(told.get("title") or "The process failed"),
        category=str(told.get("category") or "USER"),
        detail=str(detail)[:LONGEST_DETAIL] if detail else None,
    )


def read_object(text: bytes | None) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(text) if text else {}
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return value if isinstance(value, dict) else {}

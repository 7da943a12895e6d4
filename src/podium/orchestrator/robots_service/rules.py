"""How the robot protocol is read and written. Pure."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Any, Protocol
from uuid import UUID

from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.jobs.rules import KILL, State


class Row(Protocol):
    """A row of the database, read by column name."""

    def __getitem__(self, name: str, /) -> Any: ...


ROBOT_TYPES = {
    "NonProduction": 0,
    "Attended": 1,
    "Unattended": 2,
    "Studio": 3,
    "Development": 4,
    "StudioX": 5,
    "Headless": 6,
    "StudioPro": 7,
    "TestAutomation": 8,
}
_REPORTED_STATES = {state.name.lower(): state for state in State} | {str(int(state)): state for state in State}


def host_name(headers: Mapping[str, str]) -> str:
    """The host's name from its headers; the encoded one wins. Raises BadRequest when there is none."""
    name = _decoded(headers.get("x-robot-machine-encoded")) or headers.get("x-robot-machine", "").strip()
    if not name:
        raise BadRequest("The header X-ROBOT-MACHINE with the host's name is missing.", Code.MACHINE_NAME_REQUIRED)
    return name[:255]


def service_user(headers: Mapping[str, str], said: str | None) -> str:
    """The service's user name: of the header, else of the body, else empty."""
    return (_decoded(headers.get("x-robot-service-username-encoded")) or said or "")[:255]


def capabilities(headers: Mapping[str, str]) -> list[str] | None:
    """What the host says it can run, lower-case; None when it says nothing (then it runs workflows only)."""
    said = headers.get("x-robot-capabilities")
    return None if said is None else sorted({part.strip().lower() for part in said.split(",") if part.strip()})


def platform(headers: Mapping[str, str]) -> str:
    """The platform that the agent header names; one robot says Windows everywhere, so nothing depends on it."""
    said = headers.get("x-robot-agent", "").lower()
    return next((name for name in ("Windows", "Linux", "OSX") if f"os={name.lower()}" in said), "Unknown")


def _decoded(value: str | None) -> str:
    if not value:
        return ""
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return text.strip() if text.isprintable() else ""


def reported_state(text: str | int | None) -> State | None:
    """The job state of a report, by name in any case or by number; None when it cannot be read."""
    return _REPORTED_STATES.get(str(text).lower())


def job_error(code: str | None, title: str | None, category: str | None, detail: str | None) -> dict[str, Any]:
    """JobError as jobs show it."""
    return {
        "Code": code,
        "Title": title,
        "Category": category,
        "Detail": None if detail is None else detail[:8000],
        "Status": None,
    }


def info_of_error(title: str | None, detail: str | None) -> str | None:
    """The job's Info when a robot reported an error without one."""
    parts = [part for part in (title, detail) if part]
    return ": ".join(parts)[:100_000] or None


def command(job: Row, machine_id: int, organization_id: UUID | None, tenant_key: UUID | None) -> dict[str, Any]:
    """One RobotCommand. The 2026 robot refuses a whole heartbeat when a required member is missing or null."""
    is_stop = State(job["state"]) in (State.STOPPING, State.TERMINATING)
    path = job["folder_path"]
    body: dict[str, Any] = {
        "id": str(job["key"]),
        "type": "StopProcess" if is_stop else "StartProcess",
        "jobKey": str(job["key"]),
        "processKey": str(job["process_key"]),
        "folderId": job["folder_id"],
        "folderKey": str(job["folder_key"]),
        "folderPath": path,
        "fullyQualifiedFolderName": path,
        "leaseEpoch": job["lease_epoch"],
    }
    if is_stop:
        body["stopStrategy"] = KILL if State(job["state"]) is State.TERMINATING else "SoftStop"
    else:
        body |= _start_members(job)
        body |= {"organizationId": str(organization_id), "tenantId": str(tenant_key)}
    robot_key = str(job["robot_key"])
    return {
        "robotKey": robot_key,
        "username": job["robot_user_name"],
        "robotName": job["robot_name"],
        "robotType": ROBOT_TYPES.get(job["robot_type"], 2),
        "machineId": machine_id,
        "hasLicense": True,
        "isExternalLicensed": False,
        "executionSettings": {},
        "authSettings": {"Auth.OAuth.RobotOAuthSecret": robot_key},
        "userDetails": {"key": str(job["user_key"] or job["robot_key"]), "email": job["user_email"] or ""},
        "data": body,
    }


def _start_members(job: Row) -> dict[str, Any]:
    members: dict[str, Any] = {
        "packageId": job["package_id"],
        "packageVersion": job["package_version"],
        "packageHash": job["sha256"].hex() if job["sha256"] is not None else None,
        "processName": job["process_name"],
        "entryPointPath": job["entry_point_path"] or "",
        "inputArguments": job["input_arguments"],
        "inputFile": None if job["input_file"] is None else str(job["input_file"]),
        "feedId": str(job["feed_id"]),
        "environmentVariables": environment_lines(job["environment_variables"]),
        "targetFramework": job["target_framework"],
        "requiresUserInteraction": job["requires_user_interaction"],
        "jobSource": job["source_type"],
        "source": job["source"],
        "profilingOptions": None,
        "timeLimitSeconds": None,
        "traceId": job["trace_id"],
        "parentSpanId": job["parent_span_id"],
        "rootSpanId": job["root_span_id"],
        "fpsContext": job["fps_context"],
        "fpsProperties": job["fps_properties"],
    }
    if State(job["state"]) is State.RESUMED and job["persistence_id"] is not None:
        members |= {
            "persistenceId": str(job["persistence_id"]),
            "resumeVersion": job["resume_version"],
            "resumeSource": job["resume_source"],
        }
    return members


def environment_lines(text: str | None) -> str | None:
    """KEY=VALUE lines only: a line without `=` makes a robot fail to prepare the job."""
    lines = [line.strip() for line in (text or "").splitlines()]
    kept = [line for line in lines if "=" in line and not line.startswith("#")]
    return "\n".join(kept) or None

"""Payloads of job events, and the rows that StartJobs answers without reading them back."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import asyncpg
import msgspec

from podium import wire
from podium.orchestrator.jobs import rules
from podium.orchestrator.jobs.entity import JOBS

if TYPE_CHECKING:
    from podium.orchestrator.jobs.actions import Started

# The members of a job as the list gives them, in the entity's order: what a new job answers must equal what a read of it does.
_MEMBERS = tuple(name for name, declared in JOBS.properties.items() if declared.default)
_NAVIGATIONS = tuple(name for name, way in JOBS.navigations.items() if way.null_when_absent)
_UNSET: dict[str, Any] = dict.fromkeys((*_MEMBERS, *_NAVIGATIONS))


def new_jobs(started: Started, folder_path: str, now: datetime) -> str:
    """JSON text of the array of new jobs."""
    shared = started.shared
    instant = now.isoformat(timespec="microseconds").replace("+00:00", "Z")
    common = _UNSET | {
        "State": "Pending",
        "JobPriority": rules.band(shared["priority"]),
        "SpecificPriorityValue": shared["priority"],
        "Source": shared["source"],
        "SourceType": shared["source_type"],
        "BatchExecutionKey": shared["batch_key"],
        "CreationTime": instant,
        "LastModificationTime": instant,
        "ReleaseName": shared["process_name"],
        "Type": shared["type"],
        "InputArguments": shared["input_arguments"],
        "InputFile": shared["input_file"],
        "EnvironmentVariables": shared["environment_variables"],
        "HasMediaRecorded": False,
        "HasVideoRecorded": False,
        "HasErrors": False,
        "HasWarnings": False,
        "StopStrategy": shared["stop_strategy"],
        "RuntimeType": shared["runtime_type"],
        "RequiresUserInteraction": shared["requires_user_interaction"],
        "ReleaseVersionId": shared["process_version_id"],
        "EntryPointPath": shared["entry_point_path"],
        "OrganizationUnitId": shared["folder_id"],
        "OrganizationUnitFullyQualifiedName": folder_path,
        "Reference": shared["reference"],
        "ProcessType": shared["process_type"],
        "ProfilingOptions": shared["profiling_options"],
        "ResumeOnSameContext": shared["is_resumed_on_same_host"],
        "OrchestratorUserIdentity": started.process["runs_as"] if shared["user_id"] is not None else None,
        "RemoteControlAccess": shared["remote_control_access"],
        "MaxExpectedRunningTimeSeconds": shared["stop_after_s"],
        "ParentJobKey": shared["parent_job_key"],
        "FpsProperties": shared["fps_properties"],
        "FpsContext": shared["fps_context"],
        "TraceId": shared["trace_id"],
        "ParentSpanId": shared["parent_span_id"],
        "RootSpanId": shared["root_span_id"],
        "ResourceOverwrites": shared["resource_overwrites"],
    }
    rows = [common | {"Id": id_, "Key": key} for id_, key in started.jobs]
    return msgspec.json.encode(rows).decode()


def stopped(job: asyncpg.Record) -> dict[str, object]:
    """One job of `job.stopped`."""
    return {"Id": job["id"], "Key": job["key"], "State": "Stopped", "Info": "Job canceled"}


def start_again(job: asyncpg.Record) -> wire.StartProcessDto:
    """What to start to do a finished job once more."""
    info = wire.StartProcessDto(
        release_key=str(job["process_key"]),
        specific_priority_value=job["priority"],
        runtime_type=job["runtime_type"],
        input_arguments=job["input_arguments"],
        input_file=job["input_file"],
        entry_point_path=job["entry_point_path"],
        reference=job["reference"],
        run_as_me=job["is_run_as_me"],
        environment_variables=job["environment_variables"],
    )
    if job["pinned_robot_id"] is not None:
        info.strategy, info.robot_ids = "Specific", [job["pinned_robot_id"]]
    elif job["pinned_machine_id"] is not None or job["pinned_session_ids"]:
        info.machine_session_ids = list(job["pinned_session_ids"] or [])
    return info

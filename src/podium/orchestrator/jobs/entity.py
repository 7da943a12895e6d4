"""OData entity sets of jobs: wire name -> column."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.jobs import rules
from podium.orchestrator.machines.entity import MACHINES
from podium.orchestrator.processes.entity import RELEASES
from podium.orchestrator.robots.entity import ROBOTS

BAND = "CASE WHEN {t}.priority <= 30 THEN 'Low' WHEN {t}.priority >= 61 THEN 'High' ELSE 'Normal' END"

JOBS = Entity(
    name="Jobs",
    table="orchestrator.jobs",
    properties={
        "Key": Property("{t}.key", Kind.GUID, nullable=False),
        "StartTime": Property("{t}.started_at", Kind.DATETIME),
        "EndTime": Property("{t}.ended_at", Kind.DATETIME),
        "State": Property("{t}.state", Kind.ENUM, enum=rules.STATE_NAMES, by_number=True, nullable=False),
        "SubState": Property("{t}.sub_state"),
        "JobPriority": Property(BAND, Kind.ENUM, enum=("Low", "Normal", "High")),
        "SpecificPriorityValue": Property("{t}.priority", Kind.INT),
        "Source": Property("{t}.source"),
        "SourceType": Property("{t}.source_type"),
        "BatchExecutionKey": Property("{t}.batch_key", Kind.GUID),
        "Info": Property("{t}.info"),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME, nullable=False),
        "StartingScheduleId": Property("{t}.trigger_id", Kind.INT),
        "ReleaseName": Property("{t}.process_name", nullable=False),
        "Type": Property("{t}.type", Kind.ENUM, enum=("Unattended", "Attended", "ServerlessGeneric")),
        "InputArguments": Property("{t}.input_arguments"),
        "InputFile": Property("{t}.input_file", Kind.GUID),
        "EnvironmentVariables": Property("{t}.environment_variables"),
        "OutputArguments": Property("{t}.output_arguments"),
        "OutputFile": Property("{t}.output_file", Kind.GUID),
        "HostMachineName": Property("{t}.host_name"),
        "HasMediaRecorded": Property("false", Kind.BOOL),
        "HasVideoRecorded": Property("false", Kind.BOOL),
        "HasErrors": Property("{t}.has_errors", Kind.BOOL),
        "HasWarnings": Property("{t}.has_warnings", Kind.BOOL),
        "JobError": Property("{t}.error", Kind.JSON),
        "PersistenceId": Property("{t}.persistence_id", Kind.GUID),
        "ResumeVersion": Property("{t}.resume_version", Kind.INT),
        "StopStrategy": Property("{t}.stop_strategy", Kind.ENUM, enum=("SoftStop", "Kill")),
        "RuntimeType": Property("{t}.runtime_type"),
        "RequiresUserInteraction": Property("{t}.requires_user_interaction", Kind.BOOL),
        "ReleaseVersionId": Property("{t}.process_version_id", Kind.INT),
        "EntryPointPath": Property("{t}.entry_point_path"),
        "OrganizationUnitId": Property("{t}.folder_id", Kind.INT),
        "OrganizationUnitFullyQualifiedName": Property("{t}_f.path"),
        "Reference": Property("{t}.reference"),
        "ProcessType": Property("{t}.process_type", Kind.ENUM, enum=("Undefined", "Process", "TestAutomationProcess")),
        "ProfilingOptions": Property("{t}.profiling_options"),
        "ResumeOnSameContext": Property("{t}.is_resumed_on_same_host", Kind.BOOL),
        "LocalSystemAccount": Property("NULL::text"),
        "OrchestratorUserIdentity": Property("{t}_u.user_name"),
        "RemoteControlAccess": Property("{t}.remote_control_access", Kind.ENUM, enum=("None", "ReadOnly", "Full")),
        "StartingTriggerId": Property("NULL::text"),
        "MaxExpectedRunningTimeSeconds": Property("{t}.stop_after_s", Kind.INT),
        "ServerlessJobType": Property("NULL::text"),
        "ParentJobKey": Property("{t}.parent_job_key", Kind.GUID),
        "ResumeTime": Property("{t}.resumed_at", Kind.DATETIME),
        "LastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
        "ErrorCode": Property("{t}.error ->> 'Code'"),
        "FpsProperties": Property("{t}.fps_properties"),
        "FpsContext": Property("{t}.fps_context"),
        "TraceId": Property("{t}.trace_id"),
        "ParentSpanId": Property("{t}.parent_span_id"),
        "RootSpanId": Property("{t}.root_span_id"),
        "ResourceOverwrites": Property("{t}.resource_overwrites"),
        "ProcessKey": Property("{t}.package_id", default=False),
        "Id": Property("{t}.id", Kind.INT),
    },
    # Outer joins of one row at most: PostgreSQL leaves them out where a page is only sought and counted.
    joins=(
        "LEFT JOIN orchestrator.folders {t}_f ON {t}_f.tenant_id = {t}.tenant_id AND {t}_f.id = {t}.folder_id"
        " LEFT JOIN orchestrator.users {t}_u ON {t}_u.tenant_id = {t}.tenant_id AND {t}_u.id = {t}.user_id"
    ),
    navigations={
        "Robot": Navigation(ROBOTS, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.robot_id", null_when_absent=True),
        "Release": Navigation(
            RELEASES, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.process_id", null_when_absent=True
        ),
        "Machine": Navigation(
            MACHINES, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.machine_id", null_when_absent=True
        ),
    },
)

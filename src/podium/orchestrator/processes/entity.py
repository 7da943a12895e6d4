"""The entity set Releases: processes of folders, with what their package version says of them."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.packages.entity import ENTRY_POINTS, FRAMEWORKS

PRIORITY_BAND = "CASE WHEN {t}.priority <= 30 THEN 'Low' WHEN {t}.priority >= 61 THEN 'High' ELSE 'Normal' END"
IS_LATEST = """
({t}_p.id IS NOT NULL AND NOT EXISTS (
  SELECT 1 FROM orchestrator.packages newer
   WHERE newer.tenant_id = {t}_p.tenant_id AND newer.feed_id = {t}_p.feed_id
     AND newer.package_key = {t}_p.package_key AND newer.version_order > {t}_p.version_order))"""
# The entry point that a job of the process starts at; packages without a list of them have the arguments themselves.
ARGUMENTS = """
coalesce(
  (SELECT json_build_object('Input', entry.input_arguments, 'Output', entry.output_arguments)
     FROM orchestrator.entry_points entry WHERE entry.tenant_id = {t}.tenant_id AND entry.id = {t}.entry_point_id),
  json_build_object('Input', {t}_p.input_arguments, 'Output', {t}_p.output_arguments))"""

VERSIONS = Entity(
    name="ReleaseVersions",
    table="orchestrator.process_versions",
    properties={
        "ReleaseId": Property("{t}.process_id", Kind.INT),
        "VersionNumber": Property("{t}.package_version"),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME),
        "ReleaseName": Property("{t}.process_name"),
        "Id": Property("{t}.id", Kind.INT),
    },
    default_order=(("Id", "desc"),),
)

RELEASES = Entity(
    name="Releases",
    table="orchestrator.processes",
    joins=(
        "LEFT JOIN orchestrator.folders {t}_f ON {t}_f.tenant_id = {t}.tenant_id AND {t}_f.id = {t}.folder_id"
        " LEFT JOIN orchestrator.packages {t}_p"
        " ON {t}_p.tenant_id = {t}.tenant_id AND {t}_p.id = {t}.package_row_id"
    ),
    properties={
        "Key": Property("{t}.key", Kind.GUID),
        "ProcessKey": Property("{t}.package_id"),
        "ProcessVersion": Property("{t}.package_version"),
        "IsLatestVersion": Property(IS_LATEST, Kind.BOOL),
        "IsProcessDeleted": Property("({t}_p.id IS NULL)", Kind.BOOL),
        "Description": Property("{t}.description"),
        "Name": Property("{t}.name", nullable=False),
        "EnvironmentId": Property("{t}.environment_id", Kind.INT),
        "EnvironmentName": Property("NULL::text"),
        "EntryPointId": Property("{t}.entry_point_id", Kind.INT),
        "EntryPointPath": Property("coalesce({t}.entry_point_path, {t}_p.main_entry_point_path)"),
        "InputArguments": Property("{t}.input_arguments"),
        "EnvironmentVariables": Property("{t}.environment_variables"),
        "ProcessType": Property(
            "coalesce({t}_p.process_type, 'Process')", Kind.ENUM, enum=("Undefined", "Process", "TestAutomationProcess")
        ),
        "SupportsMultipleEntryPoints": Property("coalesce({t}_p.supports_multiple_entry_points, false)", Kind.BOOL),
        "RequiresUserInteraction": Property("coalesce({t}_p.requires_user_interaction, false)", Kind.BOOL),
        "IsAttended": Property("coalesce({t}_p.is_attended, false)", Kind.BOOL),
        "IsCompiled": Property("coalesce({t}_p.is_compiled, false)", Kind.BOOL),
        "TargetFramework": Property("{t}_p.target_framework", Kind.ENUM, enum=FRAMEWORKS),
        "AutomationHubIdeaUrl": Property("{t}.automation_hub_url"),
        "AutoUpdate": Property("{t}.is_auto_update", Kind.BOOL),
        "HiddenForAttendedUser": Property("{t}.is_hidden_for_attended", Kind.BOOL),
        "FeedId": Property("{t}.feed_id", Kind.GUID),
        "JobPriority": Property(PRIORITY_BAND, Kind.ENUM, enum=("Low", "Normal", "High")),
        "SpecificPriorityValue": Property("{t}.priority", Kind.INT),
        "RobotSize": Property("{t}.robot_size", Kind.ENUM, enum=("Small", "Standard", "Medium", "Large")),
        "RemoteControlAccess": Property("{t}.remote_control_access", Kind.ENUM, enum=("None", "ReadOnly", "Full")),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME),
        "CreatorUserId": Property("{t}.created_by", Kind.INT),
        "LastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
        "LastModifierUserId": Property("{t}.updated_by", Kind.INT),
        "OrganizationUnitId": Property("{t}.folder_id", Kind.INT),
        "OrganizationUnitFullyQualifiedName": Property("{t}_f.path"),
        "FolderKey": Property("{t}_f.key", Kind.GUID),
        "Id": Property("{t}.id", Kind.INT),
        "Arguments": Property(ARGUMENTS, Kind.JSON),
        "ProcessSettings": Property("{t}.process_settings", Kind.JSON),
        "VideoRecordingSettings": Property("{t}.video_settings", Kind.JSON),
        "Tags": Property("{t}.tags", Kind.JSON),
    },
    navigations={
        "CurrentVersion": Navigation(VERSIONS, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.version_id"),
        "ReleaseVersions": Navigation(
            VERSIONS, "{n}.tenant_id = {t}.tenant_id AND {n}.process_id = {t}.id", many=True, order="{n}.id DESC"
        ),
        "EntryPoint": Navigation(ENTRY_POINTS, "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.entry_point_id"),
    },
    lenient_expand=frozenset({"Environment"}),
)

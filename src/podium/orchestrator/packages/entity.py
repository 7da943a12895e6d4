"""The entity sets of packages: one row per version on the table, the latest of each package in the set Processes."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property

PROJECT_TYPES = (
    "Undefined",
    "Process",
    "ProcessLibrary",
    "BusinessProcess",
    "BusinessProcessLibrary",
    "TestAutomationProcess",
)
FRAMEWORKS = ("Legacy", "Windows", "Portable")

IS_LATEST = """
NOT EXISTS (SELECT 1 FROM orchestrator.packages newer
             WHERE newer.tenant_id = {t}.tenant_id AND newer.feed_id = {t}.feed_id
               AND newer.package_key = {t}.package_key AND newer.version_order > {t}.version_order)"""
IS_USED = """
EXISTS (SELECT 1 FROM orchestrator.processes process
         WHERE process.tenant_id = {t}.tenant_id AND process.feed_id = {t}.feed_id
           AND process.package_key = {t}.package_key AND process.package_row_id = {t}.id)"""

ENTRY_POINTS = Entity(
    name="EntryPoints",
    table="orchestrator.entry_points",
    properties={
        "UniqueId": Property("{t}.unique_id", Kind.GUID),
        "Path": Property("{t}.path"),
        "InputArguments": Property("{t}.input_arguments"),
        "OutputArguments": Property("{t}.output_arguments"),
        "Type": Property("{t}.type", default=False),
        "Position": Property("{t}.position", Kind.INT, default=False),
        "DataVariation": Property("NULL::json", Kind.JSON),
        "Id": Property("{t}.id", Kind.INT),
    },
    default_order=(("Position", "asc"),),
)

PROPERTIES = {
    "Key": Property("({t}.package_id || ':' || {t}.version)"),
    "Id": Property("{t}.package_id"),
    "Version": Property("{t}.version"),
    "Title": Property("coalesce({t}.title, {t}.package_id)"),
    "Authors": Property("{t}.authors"),
    "Description": Property("{t}.description"),
    "Published": Property("{t}.published_at", Kind.DATETIME),
    "IsActive": Property(IS_USED, Kind.BOOL),
    "IsLatestVersion": Property(IS_LATEST, Kind.BOOL),
    "OldVersion": Property("NULL::text"),
    "ReleaseNotes": Property("{t}.release_notes"),
    "Tags": Property("{t}.tags"),
    "ProjectType": Property("{t}.project_type", Kind.ENUM, enum=PROJECT_TYPES),
    "ProjectUrl": Property("{t}.project_url"),
    "LicenseUrl": Property("{t}.license_url"),
    "SupportsMultipleEntryPoints": Property("{t}.supports_multiple_entry_points", Kind.BOOL),
    "MainEntryPointPath": Property("{t}.main_entry_point_path"),
    "RequiresUserInteraction": Property("{t}.requires_user_interaction", Kind.BOOL),
    "IsAttended": Property("{t}.is_attended", Kind.BOOL),
    "IsCompiled": Property("{t}.is_compiled", Kind.BOOL),
    "TargetFramework": Property("{t}.target_framework", Kind.ENUM, enum=FRAMEWORKS),
    "Arguments": Property("json_build_object('Input', {t}.input_arguments, 'Output', {t}.output_arguments)", Kind.JSON),
    "ResourceTags": Property("'[]'::json", Kind.JSON),
    "SortableVersion": Property("{t}.version_order", default=False),
}
ENTRY_POINTS_OF_PACKAGE = {
    "EntryPoints": Navigation(
        ENTRY_POINTS, "{n}.tenant_id = {t}.tenant_id AND {n}.package_row_id = {t}.id", many=True, order="{n}.position"
    )
}

PACKAGES = Entity(
    name="Processes",
    table="orchestrator.packages",
    properties=PROPERTIES,
    navigations=ENTRY_POINTS_OF_PACKAGE,
    key="Key",
    default_order=(("Id", "asc"),),
)

PACKAGE_VERSIONS = Entity(
    name="Processes",
    table="orchestrator.packages",
    properties=PROPERTIES,
    navigations=ENTRY_POINTS_OF_PACKAGE,
    key="Key",
    default_order=(("SortableVersion", "desc"),),
)

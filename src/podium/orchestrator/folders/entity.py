"""The entity set Folders."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property

FOLDER_TYPES = ("Standard", "Personal", "Virtual", "Solution", "DebugSolution")
FEED_TYPES = ("Undefined", "Processes", "Libraries", "PersonalWorkspace", "FolderHierarchy")

FOLDERS = Entity(
    name="Folders",
    table="orchestrator.folders",
    joins=(
        "LEFT JOIN orchestrator.folders {t}_parent"
        " ON {t}_parent.tenant_id = {t}.tenant_id AND {t}_parent.id = {t}.parent_id"
    ),
    properties={
        "Key": Property("{t}.key", Kind.GUID),
        "DisplayName": Property("{t}.display_name"),
        "FullyQualifiedName": Property("{t}.path"),
        "Description": Property("{t}.description"),
        "FolderType": Property("{t}.folder_type", Kind.ENUM, enum=FOLDER_TYPES),
        "IsPersonal": Property("({t}.folder_type = 'Personal')", Kind.BOOL),
        "ProvisionType": Property("{t}.provision_type", Kind.ENUM, enum=("Manual", "Automatic")),
        "PermissionModel": Property("{t}.permission_model", Kind.ENUM, enum=("InheritFromTenant", "FineGrained")),
        "ParentId": Property("{t}.parent_id", Kind.INT),
        "ParentKey": Property("{t}_parent.key", Kind.GUID),
        "FeedType": Property("{t}.feed_type", Kind.ENUM, enum=FEED_TYPES),
        "Id": Property("{t}.id", Kind.INT),
    },
)

"""The entity set PersonalWorkspaces."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property

EXPLORING = """(SELECT coalesce(json_agg(m.user_id ORDER BY m.user_id), '[]'::json)
  FROM orchestrator.folder_members m
 WHERE m.tenant_id = {t}.tenant_id AND m.folder_id = {t}.id AND m.user_id <> {t}.owner_id)"""

PERSONAL_WORKSPACES = Entity(
    name="PersonalWorkspaces",
    table="orchestrator.folders",
    joins=(
        "LEFT JOIN orchestrator.users {t}_owner ON {t}_owner.tenant_id = {t}.tenant_id AND {t}_owner.id = {t}.owner_id"
    ),
    properties={
        "Name": Property("{t}.display_name"),
        "Key": Property("{t}.key", Kind.GUID),
        "IsActive": Property("coalesce({t}_owner.is_active, false)", Kind.BOOL),
        "LastLogin": Property("{t}_owner.last_login_at", Kind.DATETIME),
        "OwnerId": Property("{t}.owner_id", Kind.INT),
        "OwnerName": Property("{t}_owner.user_name"),
        "ExploringUserIds": Property(EXPLORING, Kind.JSON),
        "Id": Property("{t}.id", Kind.INT),
    },
)

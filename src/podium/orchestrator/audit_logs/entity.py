"""The entity set AuditLogs, and what an entry is about. Words that are not published are shown as Unknown."""

from __future__ import annotations

from typing import get_args

from podium import wire
from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.users.entity import USER_TYPES

_NAMED_ID = (
    r"CASE WHEN split_part({t}.entity_id, ',', 1) ~ '^\d{1,18}$' THEN split_part({t}.entity_id, ',', 1)::bigint END"
)
_CUSTOM_DATA = "jsonb_build_object('Old', {t}.detail -> 'before', 'New', {t}.detail -> 'body')::text"
_USER = "coalesce({t}_u.user_name, {t}.actor_name)"
_TEXT = """concat_ws(' ', CASE {t}.actor_kind WHEN 'user' THEN 'User' WHEN 'application' THEN 'Application'
  WHEN 'robot' THEN 'Robot' WHEN 'machine' THEN 'Machine' ELSE 'Somebody' END,
 nullif(coalesce({t}_u.user_name, {t}.actor_name), ''), orchestrator.audit_verb({t}.action), orchestrator.audit_noun({t}.component),
 coalesce(nullif({t}.entity_name, ''), {t}.entity_id))"""

_ACTION = Property("orchestrator.audit_action({t}.action)", Kind.ENUM, enum=get_args(wire.AuditLogDtoAction))

ENTITIES = Entity(
    name="AuditLogEntities",
    table="orchestrator.audit_log_entities",
    properties={
        "Id": Property("{t}.place", Kind.INT),
        "AuditLogId": Property("{t}.audit_log_id", Kind.INT),
        "EntityId": Property("{t}.entity_id", Kind.INT),
        "EntityName": Property("{t}.entity_name"),
        "Action": _ACTION,
        "CustomData": Property(_CUSTOM_DATA, filterable=False, sortable=False),
    },
)
AUDIT_LOGS = Entity(
    name="AuditLogs",
    table="kernel.audit",
    joins="LEFT JOIN orchestrator.users {t}_u ON {t}_u.tenant_id = {t}.tenant_id AND {t}_u.id = {t}.user_id",
    properties={
        "ServiceName": Property("split_part({t}.operation, '_', 1)"),
        "MethodName": Property("split_part({t}.operation, '_', 2)"),
        "Parameters": Property("coalesce({t}.detail -> 'body', '{}'::jsonb)::text", filterable=False, sortable=False),
        "ExecutionTime": Property("{t}.executed_at", Kind.DATETIME, nullable=False),
        "Component": Property(
            "orchestrator.audit_component({t}.component)", Kind.ENUM, enum=get_args(wire.AuditLogDtoComponent)
        ),
        "DisplayName": Property("{t}.entity_name"),
        "EntityId": Property(_NAMED_ID, Kind.INT),
        "OperationText": Property(_TEXT),
        "UserName": Property(_USER),
        "UserType": Property("{t}_u.type", Kind.ENUM, enum=USER_TYPES),
        "UserId": Property("{t}.user_id", Kind.INT),
        "UserIsDeleted": Property("({t}.user_id IS NOT NULL AND {t}_u.id IS NULL)", Kind.BOOL),
        "ExternalClientId": Property("CASE WHEN {t}.actor_kind = 'application' THEN {t}.client_id END"),
        "Action": _ACTION,
        "Id": Property("{t}.id", Kind.INT),
    },
    navigations={
        "Entities": Navigation(
            ENTITIES,
            "{n}.tenant_id = {t}.tenant_id AND {n}.executed_at = {t}.executed_at AND {n}.audit_log_id = {t}.id",
            many=True,
            order="{n}.place",
        )
    },
)

"""The entity set Assets. No member of it tells a password or a secret: only robots are told, by an operation of theirs."""

from __future__ import annotations

from collections.abc import Mapping

from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.assets import rules


def _value(type_: str, value: str) -> Mapping[str, Property]:
    """The members that hold a value; `type_` is the SQL of the asset's type, `value` the alias of the value's row."""
    textual = (
        f"(CASE {type_} WHEN 'Bool' THEN CASE {value}.bool_value WHEN true THEN 'True' WHEN false THEN 'False' END"
        f" WHEN 'Integer' THEN {value}.int_value::text"
        f" WHEN 'KeyValueList' THEN (SELECT string_agg(p.x->>'Key' || ': ' || (p.x->>'Value'), ', ' ORDER BY p.n)"
        f" FROM jsonb_array_elements({value}.pairs) WITH ORDINALITY p(x, n))"
        f" WHEN 'Credential' THEN 'username: ' || {value}.user_name"
        f" WHEN 'WindowsCredential' THEN 'username: ' || {value}.user_name"
        f" ELSE {value}.text_value END)"
    )
    return {
        "ValueType": Property(type_, Kind.ENUM, enum=rules.TYPES),
        "Value": Property(f"coalesce({textual}, '')"),
        "StringValue": Property(f"coalesce({value}.text_value, '')"),
        "BoolValue": Property(f"coalesce({value}.bool_value, false)", Kind.BOOL),
        "IntValue": Property(f"coalesce({value}.int_value, 0)", Kind.INT),
        "CredentialUsername": Property(f"coalesce({value}.user_name, '')"),
        "CredentialPassword": Property("''::text", filterable=False, sortable=False),
        "SecretValue": Property("''::text", filterable=False, sortable=False),
        "ExternalName": Property(f"{value}.external_name"),
        "CredentialStoreId": Property(f"{value}.credential_store_id", Kind.INT),
        "KeyValueList": Property(f"coalesce({value}.pairs, '[]'::jsonb)", Kind.JSON),
    }


_ASSET = "JOIN orchestrator.assets {t}_asset ON {t}_asset.tenant_id = {t}.tenant_id AND {t}_asset.id = {t}.asset_id"
_OWN_VALUE = _value("{t}_asset.value_type", "{t}")

USER_VALUES = Entity(
    name="AssetUserValues",
    table="orchestrator.asset_values",
    joins=(
        f"{_ASSET}"
        " LEFT JOIN orchestrator.users {t}_user"
        " ON {t}_user.tenant_id = {t}.tenant_id AND {t}_user.id = {t}.user_id"
        " LEFT JOIN orchestrator.machines {t}_machine"
        " ON {t}_machine.tenant_id = {t}.tenant_id AND {t}_machine.id = {t}.machine_id"
    ),
    properties={
        "UserId": Property("{t}.user_id", Kind.INT),
        "UserName": Property("{t}_user.user_name"),
        "MachineId": Property("{t}.machine_id", Kind.INT),
        "MachineName": Property("{t}_machine.name"),
        **_OWN_VALUE,
        "Id": Property("{t}.id", Kind.INT),
    },
)
# The older view: a value of a user is one of each of its robots, a value of a machine one of the robot it brings.
ROBOT_VALUES = Entity(
    name="AssetRobotValues",
    table="orchestrator.asset_values",
    joins=(
        f"{_ASSET}"
        " JOIN orchestrator.robots {t}_robot ON {t}_robot.tenant_id = {t}.tenant_id"
        " AND (({t}.machine_id IS NULL AND {t}_robot.user_id = {t}.user_id)"
        " OR ({t}.user_id IS NULL AND {t}_robot.user_id IS NULL AND {t}_robot.machine_id = {t}.machine_id))"
    ),
    properties={
        "RobotId": Property("{t}_robot.id", Kind.INT),
        "RobotName": Property("{t}_robot.name"),
        "KeyTrail": Property("NULL::text", filterable=False, sortable=False),
        **_OWN_VALUE,
        "Id": Property("{t}.id", Kind.INT),
    },
)
_OF_ASSET = "{n}.tenant_id = {t}.tenant_id AND {n}.asset_id = {t}.id AND num_nonnulls({n}.user_id, {n}.machine_id) > 0"
_FOLDERS = """(SELECT count(*) FROM orchestrator.asset_folders f
 WHERE f.tenant_id = {t}.tenant_id AND f.asset_id = {t}.id)"""

ASSETS = Entity(
    name="Assets",
    table="orchestrator.assets",
    joins=(
        "LEFT JOIN orchestrator.asset_values {t}_v ON {t}_v.tenant_id = {t}.tenant_id AND {t}_v.asset_id = {t}.id"
        " AND {t}_v.user_id IS NULL AND {t}_v.machine_id IS NULL"
    ),
    properties={
        "Key": Property("{t}.key", Kind.GUID),
        "Name": Property("{t}.name", nullable=False),
        "Description": Property("{t}.description"),
        "CanBeDeleted": Property("{t}.is_deletable", Kind.BOOL),
        "ValueScope": Property("{t}.value_scope", Kind.ENUM, enum=rules.SCOPES),
        "HasDefaultValue": Property("{t}.has_default_value", Kind.BOOL),
        "AllowDirectApiAccess": Property("{t}.allows_direct_api_access", Kind.BOOL),
        **_value("{t}.value_type", "{t}_v"),
        "FoldersCount": Property(_FOLDERS, Kind.INT),
        "Tags": Property("{t}.tags", Kind.JSON),
        "CreationTime": Property("{t}.created_at", Kind.DATETIME),
        "CreatorUserId": Property("{t}.created_by", Kind.INT),
        "LastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
        "LastModifierUserId": Property("{t}.updated_by", Kind.INT),
        "Id": Property("{t}.id", Kind.INT),
    },
    navigations={
        "UserValues": Navigation(USER_VALUES, _OF_ASSET, many=True, order="{n}.id"),
        "RobotValues": Navigation(ROBOT_VALUES, _OF_ASSET, many=True, order="{n}.id"),
    },
)

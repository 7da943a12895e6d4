"""The entity set Robots, in the three shapes that the wire has: inside a job, on its own, with its account.

A robot's key is not among the members: whoever has it acts as the robot. So does the licence key of its machine.
"""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Navigation, Property
from podium.orchestrator.robots import rules
from podium.orchestrator.users.entity import USERS

_PROPERTIES = {
    "LicenseKey": Property("NULL::text", filterable=False, sortable=False),
    "MachineName": Property("{t}_machine.name"),
    "MachineId": Property("{t}.machine_id", Kind.INT),
    "Name": Property("{t}.name", nullable=False),
    "Username": Property("{t}.user_name"),
    "ExternalName": Property("{t}.external_name"),
    "Description": Property("{t}.description"),
    "Type": Property("{t}.type", Kind.ENUM, enum=rules.TYPES),
    "HostingType": Property("{t}.hosting_type", Kind.ENUM, enum=rules.HOSTING_TYPES),
    "ProvisionType": Property("{t}.provision_type", Kind.ENUM, enum=("Manual", "Automatic")),
    "Password": Property("NULL::text", filterable=False, sortable=False),
    "CredentialStoreId": Property("{t}.credential_store_id", Kind.INT),
    "UserId": Property("{t}.user_id", Kind.INT),
    "Enabled": Property("{t}.is_enabled", Kind.BOOL),
    "CredentialType": Property("{t}.credential_type", Kind.ENUM, enum=rules.CREDENTIAL_TYPES),
    "RobotEnvironments": Property("''::text", filterable=False, sortable=False),
    "ExecutionSettings": Property("{t}.execution_settings", Kind.JSON),
    "IsExternalLicensed": Property("false", Kind.BOOL),
    "LimitConcurrentExecution": Property("{t}.is_one_at_a_time", Kind.BOOL),
    "LastModificationTime": Property("{t}.updated_at", Kind.DATETIME),
    "LastModifierUserId": Property("{t}.updated_by", Kind.INT),
    "CreationTime": Property("{t}.created_at", Kind.DATETIME),
    "CreatorUserId": Property("{t}.created_by", Kind.INT),
    "Id": Property("{t}.id", Kind.INT),
}
_MACHINE = (
    "LEFT JOIN orchestrator.machines {t}_machine"
    " ON {t}_machine.tenant_id = {t}.tenant_id AND {t}_machine.id = {t}.machine_id"
)
_ACCOUNT = "{n}.tenant_id = {t}.tenant_id AND {n}.id = {t}.user_id"

ROBOTS = Entity(
    name="Robots",
    table="orchestrator.robots",
    joins=_MACHINE,
    properties=_PROPERTIES,
    lenient_expand=frozenset({"Environments", "License"}),
)
EXTENDED_ROBOTS = Entity(
    name="Robots",
    table="orchestrator.robots",
    joins=_MACHINE,
    properties=_PROPERTIES,
    navigations={"User": Navigation(USERS, _ACCOUNT, null_when_absent=True)},
    lenient_expand=frozenset({"Environments", "License"}),
)
ROBOTS_FROM_FOLDER = Entity(
    name="Robots",
    table="orchestrator.robots",
    joins=(
        f"{_MACHINE} LEFT JOIN orchestrator.users {{t}}_user"
        " ON {t}_user.tenant_id = {t}.tenant_id AND {t}_user.id = {t}.user_id"
    ),
    properties=_PROPERTIES
    | {
        "UserFullName": Property("nullif(concat_ws(' ', {t}_user.name, {t}_user.surname), '')"),
        "UserEmail": Property("{t}_user.email"),
        "UserType": Property("{t}_user.type", Kind.ENUM, enum=rules.ACCOUNT_TYPES),
    },
    lenient_expand=frozenset({"Environments", "License"}),
)

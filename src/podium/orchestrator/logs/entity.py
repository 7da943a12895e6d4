"""OData entity set of robot logs."""

from __future__ import annotations

from podium.kernel.odata import Entity, Kind, Property
from podium.orchestrator.logs.rules import LEVELS

ROBOT_LOGS = Entity(
    name="RobotLogs",
    table="orchestrator.robot_logs",
    properties={
        "Level": Property("{t}.level", Kind.ENUM, enum=LEVELS, by_number=True),
        "WindowsIdentity": Property("{t}.windows_identity"),
        "ProcessName": Property("{t}.process_name"),
        "TimeStamp": Property("{t}.logged_at", Kind.DATETIME, nullable=False),
        "Message": Property("{t}.message"),
        "JobKey": Property("{t}.job_key", Kind.GUID),
        "RawMessage": Property("{t}.raw_message"),
        "RobotName": Property("{t}.robot_name"),
        "HostMachineName": Property("{t}.host_name"),
        "MachineId": Property("{t}.machine_id", Kind.INT),
        "MachineKey": Property("{t}.machine_key", Kind.GUID),
        "RuntimeType": Property("{t}.runtime_type"),
        "Id": Property("{t}.id", Kind.INT),
    },
    default_order=(("TimeStamp", "desc"),),
)

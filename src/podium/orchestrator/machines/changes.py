"""From the members of a machine's body to the columns that change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET

from podium import wire
from podium.kernel.call import given
from podium.kernel.errors import BadRequest, Code, NotBuilt
from podium.orchestrator.machines import rules

DEFAULTS: Mapping[str, Any] = {
    "description": None,
    "unattended_slots": 0,
    "non_production_slots": 0,
    "headless_slots": 0,
    "test_automation_slots": 0,
    "automation_type": "Any",
    "target_framework": "Any",
    "tags": "[]",
    "update_policy": None,
    "maintenance_window": None,
}


def columns(body: wire.MachineDto, base: Mapping[str, Any]) -> dict[str, Any]:
    """The columns after the change: what the body gives, over `base`.

    A null empties a text, a list or an object and is ignored elsewhere. Raises BadRequest that names the member.
    """
    _check(body)
    name = rules.clean_name(base["name"] if body.name is UNSET else given(body.name, ""))
    return {
        "name": name,
        "name_key": name.casefold(),
        "description": base["description"] if body.description is UNSET else body.description,
        "unattended_slots": given(body.unattended_slots, base["unattended_slots"]),
        "non_production_slots": given(body.non_production_slots, base["non_production_slots"]),
        "headless_slots": given(body.headless_slots, base["headless_slots"]),
        "test_automation_slots": given(body.test_automation_slots, base["test_automation_slots"]),
        "automation_type": given(body.automation_type, base["automation_type"]),
        "target_framework": given(body.target_framework, base["target_framework"]),
        "tags": base["tags"] if body.tags is UNSET else _json([_tag(each) for each in body.tags or []]),
        "update_policy": base["update_policy"] if body.update_policy is UNSET else _policy(body.update_policy),
        "maintenance_window": (
            base["maintenance_window"] if body.maintenance_window is UNSET else _window(body.maintenance_window)
        ),
    }


def robot_ids(body: wire.MachineDto) -> Sequence[int] | None:
    """The robots that the body restricts the machine to; None when it says nothing of them."""
    if body.robot_users is UNSET:
        return None
    ids = []
    for position, user in enumerate(body.robot_users or []):
        robot_id = given(user.robot_id, 0)
        if robot_id < 1:
            raise BadRequest(f"RobotUsers[{position}].RobotId is required.", Code.PARAMETER_MISSING)
        ids.append(robot_id)
    return list(dict.fromkeys(ids))


def _check(body: wire.MachineDto) -> None:
    rules.check_slots(
        {
            "UnattendedSlots": given(body.unattended_slots, None),
            "NonProductionSlots": given(body.non_production_slots, None),
            "HeadlessSlots": given(body.headless_slots, None),
            "TestAutomationSlots": given(body.test_automation_slots, None),
        }
    )
    rules.check_no_cloud_slots(
        {
            "AutomationCloudSlots": given(body.automation_cloud_slots, None),
            "AutomationCloudTestAutomationSlots": given(body.automation_cloud_test_automation_slots, None),
        }
    )


def _tag(tag: wire.TagDto) -> dict[str, str | None]:
    name = given(tag.name, "")
    if not name:
        raise BadRequest("Tags: each tag needs a Name.", Code.PARAMETER_MISSING)
    shown = given(tag.display_name, name)
    value = given(tag.value, None)
    return {"Name": name, "DisplayName": shown, "Value": value, "DisplayValue": given(tag.display_value, value)}


def _policy(policy: wire.UpdatePolicyDto | None) -> str | None:
    if policy is None:
        return None
    type_, version = given(policy.type, "None"), given(policy.specific_version, None)
    if type_ == "SpecificVersion" and not version:
        raise BadRequest("UpdatePolicy.SpecificVersion is required.", Code.PARAMETER_MISSING)
    return _json({"Type": type_, "SpecificVersion": version})


def _window(window: wire.MaintenanceWindowDto | None) -> str | None:
    if window is None:
        return None
    if given(window.enabled, False):
        raise NotBuilt("MaintenanceWindow: scheduled maintenance is not available; SetMaintenanceMode is.")
    return _json(window)


def _json(value: object) -> str:
    return msgspec.json.encode(value).decode()

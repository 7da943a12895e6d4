"""From the members of an asset's body to what is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from podium import wire
from podium.kernel.call import given
from podium.kernel.errors import BadRequest, Code
from podium.orchestrator import tags
from podium.orchestrator.assets import rules
from podium.orchestrator.assets.rules import Members, Wanted

Valued = wire.AssetDto | wire.AssetUserValueDto | wire.AssetRobotValueDto | wire.RobotAssetDto

DEFAULTS: Mapping[str, Any] = {"value_type": "Text", "allows_direct_api_access": False}


class Asked(NamedTuple):
    """An asset as a body asks for it; `robot_values` are values by the id of a robot, for clients that know no others."""

    name: str
    description: str | None
    value_type: str
    value_scope: str
    has_default_value: bool
    is_deletable: bool
    allows_direct_api_access: bool
    tags: str
    default: Wanted | None
    values: list[Wanted]
    robot_values: list[tuple[int, Wanted]]


def asked(body: wire.AssetDto, base: Mapping[str, Any]) -> Asked:
    """What the body asks for; the type and the newer members, which not every client knows, stay as in `base`.

    Raises BadRequest that names the member.
    """
    scope = given(body.value_scope, "Global")
    has_default = rules.has_default(scope, given(body.has_default_value, None))
    values = [_wanted(value, f"UserValues[{at}]") for at, value in enumerate(given(body.user_values, []))]
    by_robot = [] if values else list(enumerate(given(body.robot_values, [])))
    return Asked(
        name=rules.clean_name(given(body.name, "")),
        description=given(body.description, None),
        value_type=given(body.value_type, base["value_type"]),
        value_scope=scope,
        has_default_value=has_default,
        is_deletable=given(body.can_be_deleted, True),
        allows_direct_api_access=given(body.allow_direct_api_access, base["allows_direct_api_access"]),
        tags=tags.stored(body.tags),
        default=default(body) if has_default else None,
        values=values,
        robot_values=[_of_robot(value, f"RobotValues[{at}]") for at, value in by_robot],
    )


def default(body: wire.AssetDto | wire.RobotAssetDto, place: str = "") -> Wanted:
    """The value for everybody, as the body itself gives it."""
    return Wanted(place, None, None, _members(body, place), _store_id(body), _external_name(body))


def _wanted(body: wire.AssetUserValueDto, place: str) -> Wanted:
    user_id, machine_id = given(body.user_id, 0) or None, given(body.machine_id, 0) or None
    return Wanted(place, user_id, machine_id, _members(body, place), _store_id(body), _external_name(body))


def _of_robot(body: wire.AssetRobotValueDto, place: str) -> tuple[int, Wanted]:
    robot_id = given(body.robot_id, None)
    if robot_id is None:
        raise BadRequest(f"{place}.RobotId is required.", Code.PARAMETER_MISSING)
    return robot_id, Wanted(place, None, None, _members(body, place), _store_id(body), _external_name(body))


def _store_id(body: Valued) -> int | None:
    return given(body.credential_store_id, 0) or None


def _external_name(body: Valued) -> str | None:
    return given(body.external_name, "").strip() or None


def _members(body: Valued, place: str) -> Members:
    return Members(
        text=given(body.string_value, None),
        boolean=given(body.bool_value, None),
        integer=given(body.int_value, None),
        pairs=_pairs(given(body.key_value_list, None), place),
        user_name=given(body.credential_username, None),
        password=given(body.credential_password, None),
        secret=given(body.secret_value, None),
        value=None if isinstance(body, wire.RobotAssetDto) else given(body.value, None),
        value_type=None if isinstance(body, wire.AssetDto) else given(body.value_type, None),
    )


def _pairs(given_pairs: list[wire.CustomKeyValuePair] | None, place: str) -> rules.Pairs | None:
    if given_pairs is None:
        return None
    found = tuple((given(pair.key, ""), given(pair.value, "")) for pair in given_pairs)
    for at, (key, _) in enumerate(found):
        if not key:
            member = f"{place}.KeyValueList" if place else "KeyValueList"
            raise BadRequest(f"{member}[{at}].Key is required.", Code.PARAMETER_MISSING)
    return found

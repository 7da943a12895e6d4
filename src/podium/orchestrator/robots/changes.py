"""From the members of a robot's body to the columns that change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, UnsetType

from podium import wire
from podium.kernel.call import given
from podium.kernel.errors import BadRequest, Code, NotBuilt
from podium.orchestrator.robots import rules


class RobotDto(wire.RobotDto, kw_only=True, rename="pascal"):
    """A robot to change: the short names of classic robots are asked of new ones only."""

    name: Annotated[str, Meta(max_length=rules.LONGEST_NAME)] | UnsetType | None = UNSET


DEFAULTS: Mapping[str, Any] = {
    "name": "",
    "type": None,
    "user_name": None,
    "description": None,
    "is_enabled": True,
    "is_one_at_a_time": False,
    "credential_type": None,
    "credential_store_id": None,
    "external_name": None,
    "execution_settings": "{}",
}


def columns(body: wire.RobotDto, base: Mapping[str, Any]) -> dict[str, Any]:
    """The columns after the change, without the machine: what the body gives, over `base`.

    A null empties a text and is ignored elsewhere. Raises BadRequest that names the member.
    """
    if given(body.password, ""):
        raise NotBuilt("Password: credentials of accounts are not kept; robots run under their host's service user.")
    name = rules.clean_name(base["name"] if body.name is UNSET else given(body.name, ""))
    type_ = given(body.type, base["type"])
    if type_ is None:
        raise BadRequest("Type is required.", Code.PARAMETER_MISSING)
    user_name = base["user_name"] if body.username is UNSET else (body.username or None)
    return {
        "name": name,
        "name_key": name.casefold(),
        "user_name": user_name,
        "type": type_,
        "description": base["description"] if body.description is UNSET else body.description,
        "is_enabled": given(body.enabled, base["is_enabled"]),
        "is_one_at_a_time": given(body.limit_concurrent_execution, base["is_one_at_a_time"]),
        "credential_type": given(body.credential_type, base["credential_type"]),
        "credential_store_id": given(body.credential_store_id, base["credential_store_id"]),
        "external_name": base["external_name"] if body.external_name is UNSET else body.external_name,
        "execution_settings": _settings(body, base),
    }


def _settings(body: wire.RobotDto, base: Mapping[str, Any]) -> str:
    settings = given(body.execution_settings, None)
    if settings is None:
        return str(base["execution_settings"])
    rules.check_settings(settings)
    return msgspec.json.encode(settings).decode()

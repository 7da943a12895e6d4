"""From the members of a user's body to what changes."""

from __future__ import annotations

from asyncpg import Record
from msgspec import UNSET, UnsetType, json

from podium import wire
from podium.kernel.call import given
from podium.kernel.errors import BadRequest, Code
from podium.orchestrator.robots.actions import Account
from podium.orchestrator.robots.rules import check_settings
from podium.orchestrator.users import rules
from podium.orchestrator.users.rules import Profile

Text = str | UnsetType | None
UNATTENDED = "Unattended"


def profile(body: wire.UserDto, base: Profile) -> Profile:
    """The profile after the change: what the body gives, over `base`. A null empties a text, and is ignored elsewhere."""
    policy = given(body.update_policy, None)
    changed = Profile(
        name=_text(body.name, base.name),
        surname=_text(body.surname, base.surname),
        email=_email(body.email_address, base.email),
        is_active=given(body.is_active, base.is_active),
        may_have_user_session=given(body.may_have_user_session, base.may_have_user_session),
        may_have_robot_session=given(body.may_have_robot_session, base.may_have_robot_session),
        may_have_unattended_session=given(
            body.may_have_unattended_session,
            base.may_have_unattended_session or bool(given(body.unattended_robot, None)),
        ),
        may_have_personal_workspace=given(body.may_have_personal_workspace, base.may_have_personal_workspace),
        restrict_to_workspace=given(body.restrict_to_personal_workspace, base.restrict_to_workspace),
        update_policy=base.update_policy if policy is None else given(policy.type, "None"),
        update_version=base.update_version if policy is None else given(policy.specific_version, None),
    )
    rules.check_update_policy(changed.update_policy, changed.update_version)
    return changed


def stored_profile(row: Record) -> Profile:
    """The profile of a row of users."""
    return Profile(*(row[name] for name in Profile._fields))


def password(value: Text) -> str | None:
    """A new password; None for what keeps the one that is there: no value, or the mask that reads show."""
    return None if value in (UNSET, None, rules.MASK) else str(value)


def unattended(body: wire.UnattendedRobotDto, base: Record | None) -> Account:
    """The unattended robot after the change, over the columns of the one that is there."""
    return Account(
        type=UNATTENDED,
        user_name=_text(body.user_name, base["user_name"] if base else None),
        password=password(body.password),
        credential_type=given(body.credential_type, base["credential_type"] if base else None),
        credential_store_id=_kept(body.credential_store_id, base["credential_store_id"] if base else None),
        external_name=_text(body.credential_external_name, base["external_name"] if base else None),
        is_one_at_a_time=given(body.limit_concurrent_execution, base["is_one_at_a_time"] if base else False),
        execution_settings=_settings("UnattendedRobot", given(body.execution_settings, None), base),
    )


def attended(body: wire.AttendedRobotDto, base: Record | None) -> Account:
    """The robot at the user's desk after the change, over the columns of the one that is there."""
    type_ = given(body.robot_type, base["type"] if base else "Attended")
    if type_ == UNATTENDED:
        raise BadRequest("RobotProvision.RobotType: unattended robots are UnattendedRobot.", Code.PARAMETER_INVALID)
    return Account(
        type=type_,
        user_name=_text(body.user_name, base["user_name"] if base else None),
        password=None,
        credential_type=base["credential_type"] if base else None,
        credential_store_id=base["credential_store_id"] if base else None,
        external_name=base["external_name"] if base else None,
        is_one_at_a_time=base["is_one_at_a_time"] if base else False,
        execution_settings=_settings("RobotProvision", given(body.execution_settings, None), base),
    )


def _settings(member: str, settings: dict[str, object] | None, base: Record | None) -> str:
    if settings is None:
        return str(base["execution_settings"]) if base else "{}"
    try:
        check_settings(settings)
    except BadRequest as error:
        raise BadRequest(f"{member}.{error.message}", error.code) from None
    return json.encode(settings).decode()


def _text(value: Text, base: str | None) -> str | None:
    if value is UNSET:
        return base
    return str(value).strip() or None if value is not None else None


def _email(value: Text, base: str | None) -> str | None:
    email = _text(value, base)
    if email is not None and value is not UNSET and (email.count("@") != 1 or email[0] == "@" or email[-1] == "@"):
        raise BadRequest("EmailAddress: expected an e-mail address.", Code.PARAMETER_INVALID)
    return email


def _kept(value: int | UnsetType | None, base: int | None) -> int | None:
    return base if value is UNSET else value

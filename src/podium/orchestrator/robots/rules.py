"""What a robot may be called, where it may live and when it may change. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.kernel.odata.tree import Expand

NO_ROBOT = "Robot does not exist."
STANDARD = "Standard"
FLOATING = "Floating"
HOSTING_TYPES = (STANDARD, FLOATING)
CREDENTIAL_TYPES = ("Default", "SmartCard", "NCipher", "SafeNet", "NoCredential")
ACCOUNT_TYPES = ("User", "Robot", "DirectoryUser", "DirectoryGroup", "DirectoryRobot", "DirectoryExternalApplication")
TYPES = (
    "NonProduction",
    "Attended",
    "Unattended",
    "Development",
    "Studio",
    "RpaDeveloper",
    "StudioX",
    "CitizenDeveloper",
    "Headless",
    "StudioPro",
    "RpaDeveloperPro",
    "TestAutomation",
    "AutomationCloud",
    "Serverless",
    "AutomationKit",
    "ServerlessTestAutomation",
    "AutomationCloudTestAutomation",
    "AttendedStudioWeb",
)
LONGEST_CLASSIC_NAME = 19
LONGEST_NAME = 450
TRACING_LEVELS = ("Verbose", "Trace", "Information", "Warning", "Error", "Critical", "Off")
# Execution settings by what their value is; settings of other names are kept as they are.
WHOLE_NUMBERS = ("ResolutionWidth", "ResolutionHeight", "ResolutionDepth", "MaxDevLogSizeMB")
SWITCHES = ("LoginToConsole", "FontSmoothing", "StudioNotifyServer", "AutoDownloadProcess")
MAX_SETTINGS = 100


class Fixed(NamedTuple):
    """What a robot keeps while jobs run under it."""

    user_name: str | None
    machine_id: int | None
    type: str


def clean_name(given: str, longest: int = LONGEST_NAME) -> str:
    """The name as it is stored: NFC, without blanks around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise BadRequest("Name: must not be empty.")
    if len(name) > longest:
        raise BadRequest(f"Name: has more than {longest} characters.")
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise BadRequest("Name: must not have control characters.")
    return name


def check_settings(settings: Mapping[str, object]) -> None:
    """Raises BadRequest that names the first execution setting with a value it cannot have; null is no value."""
    if len(settings) > MAX_SETTINGS:
        raise BadRequest(f"ExecutionSettings: more than {MAX_SETTINGS} settings.")
    for name, value in settings.items():
        member = f"ExecutionSettings.{name[:60]}"
        if value is None:
            continue
        if isinstance(value, list | dict):
            raise BadRequest(f"{member}: expected a single value.")
        if name == "TracingLevel" and value not in TRACING_LEVELS:
            raise BadRequest(f"{member}: expected one of {', '.join(TRACING_LEVELS)}.")
        if name in WHOLE_NUMBERS and not _is_whole(value):
            raise BadRequest(f"{member}: expected a whole number of at least 0.")
        if name in SWITCHES and str(value).lower() not in ("true", "false"):
            raise BadRequest(f"{member}: expected true or false.")


def _is_whole(value: object) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, int):
        return value >= 0
    return isinstance(value, str) and value.isascii() and value.isdigit()


def check_hosting(hosting: str, machine_type: str | None) -> None:
    """Raises for a robot with the wrong kind of machine; `machine_type` None: it has none."""
    if hosting == FLOATING and machine_type is not None:
        raise Conflict("MachineId: a Floating robot has no machine of its own.", Code.FORBIDDEN_OPERATION)
    if hosting == STANDARD and machine_type is None:
        raise BadRequest("MachineName: a Standard robot needs a machine.", Code.MACHINE_NAME_REQUIRED)
    if hosting == STANDARD and machine_type == "Template":
        raise Conflict("MachineId: a Standard robot cannot use a template machine.", Code.FORBIDDEN_OPERATION)


def check_change(stored: Fixed, wanted: Fixed, is_busy: bool) -> None:
    """Raises Conflict when user name, machine or type change while jobs run under the robot."""
    for member, old, new in zip(("Username", "MachineId", "Type"), stored, wanted, strict=True):
        if is_busy and old != new:
            raise Conflict(f"{member}: cannot change while the robot runs jobs.", Code.ITEM_IS_IN_USE)


def check_removal(name: str, *, is_busy: bool, is_awaited: bool, is_of_machine: bool) -> None:
    """Raises Conflict for a robot that is in use.

    `is_awaited`: jobs that have not begun name it. `is_of_machine`: a machine brought it and would bring it again.
    """
    if is_busy:
        raise Conflict(f"Jobs run under the robot {name}.", Code.CANNOT_DELETE_BUSY_ROBOT)
    if is_awaited:
        raise Conflict(f"Jobs wait for the robot {name}.", Code.HAS_DEPENDENT_ITEMS)
    if is_of_machine:
        raise Conflict(f"The robot {name} belongs to its machine and goes with it.", Code.ITEM_IS_IN_USE)


def expands_users(expands: Sequence[Expand]) -> bool:
    """Whether the users behind robots are asked for, which takes the right to see users."""
    return any(item.name.lower() == "user" for item in expands)

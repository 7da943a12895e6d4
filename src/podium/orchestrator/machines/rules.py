"""What a machine may be called, have and become. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from podium.kernel.errors import BadRequest, Code, Conflict

TYPES = ("Standard", "Template")
SCOPES = ("Default", "Shared", "PersonalWorkspace", "Cloud", "Serverless")
AUTOMATION_TYPES = ("Any", "Foreground", "Background")
TARGET_FRAMEWORKS = ("Any", "Windows", "Portable")

NO_MACHINE = "Machine does not exist."
WORKSPACE = "PersonalWorkspace"
MAX_SECRETS = 10

# Runtime type -> column and wire member of its slots, in the order in which they are shown.
SLOTS = {
    "Unattended": ("unattended_slots", "UnattendedSlots"),
    "NonProduction": ("non_production_slots", "NonProductionSlots"),
    "Headless": ("headless_slots", "HeadlessSlots"),
    "TestAutomation": ("test_automation_slots", "TestAutomationSlots"),
    "Development": ("development_slots", "DevelopmentSlots"),
}

# The key travels in a header and is a client id. It lets its holder act as the machine, so it must not be guessed.
LICENSE_KEY = re.compile(r"[\x21-\x7e]{16,200}")


def clean_name(given: str) -> str:
    """The name as it is stored: NFC, without blanks around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise BadRequest("Name: must not be empty.", Code.MACHINE_NAME_REQUIRED)
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in name):
        raise BadRequest("Name: must not have control characters.")
    return name


def check_license_key(given: str) -> None:
    """Raises BadRequest for a key that a robot could not send, or that could be guessed."""
    if not LICENSE_KEY.fullmatch(given):
        raise BadRequest("LicenseKey: expected 16 to 200 visible ASCII characters.", Code.INVALID_MACHINE_KEY)


def check_slots(members: Mapping[str, int | None]) -> None:
    """Raises BadRequest that names the first member below 0."""
    for member, slots in members.items():
        if slots is not None and slots < 0:
            raise BadRequest(f"{member}: expected a number of at least 0, got {slots}.")


def check_no_cloud_slots(members: Mapping[str, int | None]) -> None:
    """Raises BadRequest for slots on hosts of the vendor's cloud, which are nowhere here."""
    for member, slots in members.items():
        if slots:
            raise BadRequest(f"{member}: there are no cloud hosts here, expected 0.")


def check_new_scope(scope: str) -> None:
    """Raises BadRequest for scopes of machines that are not made by hand."""
    if scope not in ("Default", "Shared"):
        raise BadRequest(f"Scope: a machine of scope {scope} cannot be made, expected Default or Shared.")


def check_unchanged(member: str, stored: str, given: str | None) -> None:
    """Raises Conflict when a member that is fixed when the machine is made is given another value."""
    if given is not None and given != stored:
        raise Conflict(f"{member}: cannot be changed after the machine was made.", Code.FORBIDDEN_OPERATION)

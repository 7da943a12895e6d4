"""Groups that every organization has. Pure."""

from __future__ import annotations

ADMINISTRATORS = "Administrators"
EVERYONE = "Everyone"

BUILT_IN = (
    EVERYONE,
    ADMINISTRATORS,
    "Automation Users",
    "Automation Developers",
    "Citizen Developers",
    "Automation Express",
)

"""What holds for sessions, whoever asks. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.kernel.errors import BadRequest, Code, Conflict

STATES = ("Available", "Busy", "Disconnected", "Unknown")
PLATFORMS = ("Unknown", "Windows", "Linux", "OSX")
MAINTENANCE_MODES = ("Default", "Enabled")
NO_SESSION = "Session does not exist."
MAX_DEBUG_MINUTES = 7 * 24 * 60


def debug_until(enabled: bool, minutes: int | None, now: datetime) -> datetime | None:
    """When debug mode ends by itself; None when it is switched off. Raises BadRequest."""
    if not enabled:
        return None
    if minutes is None:
        raise BadRequest("minutes is required.", Code.PARAMETER_MISSING)
    if not 1 <= minutes <= MAX_DEBUG_MINUTES:
        raise BadRequest(f"minutes: expected 1 to {MAX_DEBUG_MINUTES}, got {minutes}.")
    return now + timedelta(minutes=minutes)


def check_is_gone(session_id: int, host: str, state: str, is_unresponsive: bool) -> None:
    """Raises Conflict for a session that reports."""
    if state == "Available" and not is_unresponsive:
        raise Conflict(f"The session {session_id} of {host} is connected.", Code.ITEM_IS_IN_USE)

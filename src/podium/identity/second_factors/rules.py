"""Time steps, recovery codes and what counts as a second factor. Pure."""

from __future__ import annotations

import base64
import re
from typing import NamedTuple
from uuid import UUID

STEP_S = 30
DIGITS = 6
STEPS_APART = 1
"""How many steps the clocks of server and telephone may be apart, to either side."""

RECOVERY_CODES = 10
RECOVERY_BYTES = 10
"""80 random bits: nobody guesses those, so their SHA-256 is kept."""

MOST_PASSKEYS = 20
MAX_NAME_CHARACTERS = 100

_CODE = re.compile(rf"[0-9]{{{DIGITS}}}")


class Factors(NamedTuple):
    """The second factors of a user. Recovery codes alone are none: they stand in for another."""

    has_totp: bool = False
    passkeys: int = 0
    recovery_codes_left: int = 0

    @property
    def has_any(self) -> bool:
        """Whether a password alone does not let the user in."""
        return self.has_totp or self.passkeys > 0


class Passkey(NamedTuple):
    """A credential of a user. `sign_count` is what the authenticator counted at its last use; 0: it does not count."""

    organization_id: UUID
    id: UUID
    user_id: UUID
    credential_id: bytes
    public_key: bytes
    sign_count: int
    name: str


def digits(text: str) -> str | None:
    """The code that somebody typed, blanks removed; None for what cannot be one."""
    bare = re.sub(r"[\s-]", "", text[:32])
    return bare if bare.isascii() and _CODE.fullmatch(bare) else None


def steps(at_s: float) -> range:
    """The time steps whose codes are taken at an instant, in seconds since 1970."""
    now = int(at_s // STEP_S)
    return range(now - STEPS_APART, now + STEPS_APART + 1)


def recovery_code(random: bytes) -> str:
    """Ten bytes as four groups of four letters and digits, lower case."""
    text = base64.b32encode(random).decode().lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def normal_recovery_code(text: str) -> str:
    """A recovery code as it was made, whatever blanks, dashes and capitals somebody typed."""
    bare = re.sub(r"[^a-z2-7]", "", text[:64].lower())
    return "-".join(bare[start : start + 4] for start in range(0, len(bare), 4))


def is_cloned(stored: int, presented: int) -> bool:
    """Whether a passkey's counter went backwards, which it does when a copy of it is in use."""
    return (stored > 0 or presented > 0) and presented <= stored

"""What a user record says about signing in, what counts as a guess, and what a name or a password may be. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from datetime import datetime, timedelta
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Network, ip_address
from typing import TYPE_CHECKING, NamedTuple
from uuid import UUID

if TYPE_CHECKING:  # settings know the lockout of this module
    from podium.identity.settings.rules import PasswordPolicy

KNOWN_FOR = timedelta(days=30)
"""How long an address stays known after a sign-in from it."""

BUDGET_WINDOW = timedelta(minutes=10)

MAX_TEXT_CHARACTERS = 256
MAX_PASSWORD_CHARACTERS = 256
"""Longer passwords are never right; hashing them would let a stranger choose the price."""

Broken = tuple[str, str]
"""A broken rule: the published code and its text."""

_USER_NAME = re.compile(r"[A-Za-z0-9._@+-]+")
_SPACE_OR_CONTROL = re.compile(r"[\s\x00-\x1f\x7f-\x9f<>,;\"\\]")


class User(NamedTuple):
    """A person as stored. `password_hash` None: comes in by invitation or another provider only.

    `password_changed_at` None beside a hash: the operator set it when the installation was made; it does not age.
    """

    organization_id: UUID
    id: UUID
    user_name: str
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    is_active: bool
    password_hash: str | None
    must_change_password: bool
    locked_until: datetime | None
    password_changed_at: datetime | None = None
    bypasses_basic_restriction: bool = False

    @property
    def full_name(self) -> str:
        """What to show: the display name, else first and last name, else the user name."""
        parts = " ".join(part for part in (self.first_name, self.last_name) if part)
        return self.display_name or parts or self.user_name


class Attempt(NamedTuple):
    """Where a try to sign in came from, as far as it is known."""

    user_name: str
    client_address: str | None = None
    client_name: str | None = None
    browser: str | None = None


class NewUser(NamedTuple):
    """A user to add. Nobody has checked the e-mail, but who adds a user vouches for it.

    `legacy_id` None: the next number. `is_operators`: the password never ages.
    """

    organization_id: UUID
    id: UUID
    user_name: str
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    password_hash: str | None
    must_change_password: bool
    is_operators: bool = False
    is_email_confirmed: bool = True
    is_invitation_accepted: bool = True
    bypasses_basic_restriction: bool = False
    type: str = "user"
    legacy_id: int | None = None
    external_id: str | None = None


class Lockout(NamedTuple):
    """After how many wrong passwords in a row an account is closed, and for how long; 0 s closes nothing."""

    is_enabled: bool = True
    max_failures: int = 10
    lock_s: int = 300


class LoginResult(IntEnum):
    """Numbers of the published LoginAttemptResult."""

    SUCCESS = 0
    INVALID_PASSWORD = 1
    USER_IS_NOT_ACTIVE = 2
    INVALID_USER_NAME_OR_TENANCY_NAME = 3
    TENANT_IS_NOT_ACTIVE = 4
    USER_EMAIL_IS_NOT_CONFIRMED = 5
    UNKNOWN_EXTERNAL_LOGIN = 6
    LOCKED_OUT = 7
    EXTERNAL_FAILED_AUTHENTICATION = 8
    AD_LOGIN = 9


class Failures(NamedTuple):
    """Wrong passwords in a row since the last success or lock, and the end of the present lock."""

    in_a_row: int = 0
    locked_until: datetime | None = None


class Spent(NamedTuple):
    """Failures of one address, against whomever, since `window_from`."""

    window_from: datetime
    failures: int


def is_over_budget(spent: Spent | None, most: int, now: datetime) -> bool:
    """Whether an address has had its failures of these ten minutes; `most` 0: it may have as many as it likes."""
    return most > 0 and spent is not None and now < spent.window_from + BUDGET_WINDOW and spent.failures >= most


def after_spending(spent: Spent | None, now: datetime) -> Spent:
    """One failure more; after ten minutes the count begins anew. sign_in/store.py says the same in SQL."""
    if spent is None or now >= spent.window_from + BUDGET_WINDOW:
        return Spent(now, 1)
    return Spent(spent.window_from, spent.failures + 1)


def network(address: str | None) -> str | None:
    """What is counted as one address: of IPv6 the /64, which is one household or server; None when it is not known."""
    text = (address or "").strip().partition("%")[0]
    if not text:
        return None
    try:
        parsed = ip_address(text)
    except ValueError:
        return text.replace("\0", "?")[:64]
    if isinstance(parsed, IPv4Address):
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((parsed, 64), strict=False))


def is_locked(locked_until: datetime | None, now: datetime) -> bool:
    """Whether even the right password is refused."""
    return locked_until is not None and locked_until > now


def after_failure(failures: Failures, policy: Lockout, now: datetime) -> Failures:
    """What a wrong password leaves behind. While locked nothing counts; the lock starts the count anew.

    sign_in/store.py says the same in SQL, where it is atomic; a test holds the two together.
    """
    if not policy.is_enabled or is_locked(failures.locked_until, now):
        return failures
    if failures.in_a_row + 1 < policy.max_failures:
        return Failures(failures.in_a_row + 1, None)
    return Failures(0, now + timedelta(seconds=policy.lock_s))


def judge(user: User | None, now: datetime, *, is_password_right: bool) -> LoginResult:
    """What a try with a password comes to, as recorded; the caller is told only whether it succeeded."""
    if user is None:
        return LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME
    if is_locked(user.locked_until, now):
        return LoginResult.LOCKED_OUT
    if not is_password_right:
        return LoginResult.INVALID_PASSWORD
    return LoginResult.SUCCESS if user.is_active else LoginResult.USER_IS_NOT_ACTIVE


def is_password_due(user: User, policy: PasswordPolicy, now: datetime) -> bool:
    """Whether the user must choose a new password before anything else. The operator's own is never due."""
    if user.must_change_password:
        return True
    if policy.expires_after_days <= 0 or user.password_hash is None or user.password_changed_at is None:
        return False
    return user.password_changed_at + timedelta(days=policy.expires_after_days) <= now


def broken_password_rules(password: str, policy: PasswordPolicy) -> list[Broken]:
    """Every rule of complexity that the password breaks, in the published order."""
    # ASCII, as the framework behind the published codes has it: any other letter is "non alphanumeric".
    rules = (
        (
            len(password) < policy.min_length,
            "PasswordTooShort",
            f"Passwords must be at least {policy.min_length} characters.",
        ),
        (
            policy.needs_special and not _has_other_than("a-zA-Z0-9", password),
            "PasswordRequiresNonAlphanumeric",
            "Passwords must have at least one non alphanumeric character.",
        ),
        (
            policy.needs_digit and re.search(r"[0-9]", password) is None,
            "PasswordRequiresDigit",
            "Passwords must have at least one digit ('0'-'9').",
        ),
        (
            policy.needs_lower and re.search(r"[a-z]", password) is None,
            "PasswordRequiresLower",
            "Passwords must have at least one lowercase ('a'-'z').",
        ),
        (
            policy.needs_upper and re.search(r"[A-Z]", password) is None,
            "PasswordRequiresUpper",
            "Passwords must have at least one uppercase ('A'-'Z').",
        ),
    )
    return [(code, text) for is_broken, code, text in rules if is_broken] + why_not_hashed(password)


def why_not_hashed(password: str) -> list[Broken]:
    """What holds even for a password that nobody wants checked: sign-in refuses what is longer."""
    if len(password) <= MAX_PASSWORD_CHARACTERS:
        return []
    return [("PasswordTooLong", f"Passwords must be at most {MAX_PASSWORD_CHARACTERS} characters.")]


def _has_other_than(letters: str, text: str) -> bool:
    return re.search(f"[^{letters}]", text) is not None


def broken_name_rules(user_name: str) -> list[Broken]:
    """What is wrong with a user name; ASCII only, so that no two look alike."""
    if len(user_name) <= MAX_TEXT_CHARACTERS and _USER_NAME.fullmatch(user_name):
        return []
    shown = user_name[:MAX_TEXT_CHARACTERS]
    return [("InvalidUserName", f"Username '{shown}' is invalid, can only contain letters or digits.")]


def has_form_of_email(text: str) -> bool:
    """Whether the model takes it: one @, neither first nor last."""
    return text.count("@") == 1 and not text.startswith("@") and not text.endswith("@")


def broken_email_rules(email: str) -> list[Broken]:
    """What is wrong with an e-mail address that the model has taken."""
    if len(email) <= MAX_TEXT_CHARACTERS and not _SPACE_OR_CONTROL.search(email):
        return []
    return [("InvalidEmail", f"Email '{email[:MAX_TEXT_CHARACTERS]}' is invalid.")]


def taken(user_name: str | None, email: str | None, keys: Collection[str]) -> list[Broken]:
    """The published refusals of names in use. `keys`: which of `user_name`, `email` somebody has."""
    found = []
    if user_name is not None and "user_name" in keys:
        found.append(("DuplicateUserName", f"Username '{user_name}' is already taken."))
    if email is not None and "email" in keys:
        found.append(("DuplicateEmail", f"Email '{email}' is already taken."))
    return found

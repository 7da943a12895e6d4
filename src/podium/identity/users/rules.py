"""What a user record says about signing in. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import IntEnum
from typing import NamedTuple
from uuid import UUID


class User(NamedTuple):
    """A person as stored. `password_hash` None: comes in by invitation or another provider only."""

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
    """A user to add; its invitation counts as accepted and its e-mail as confirmed."""

    organization_id: UUID
    id: UUID
    user_name: str
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str | None
    password_hash: str | None
    must_change_password: bool


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


def is_locked(locked_until: datetime | None, now: datetime) -> bool:
    """Whether even the right password is refused."""
    return locked_until is not None and locked_until > now


def after_failure(failures: Failures, policy: Lockout, now: datetime) -> Failures:
    """What a wrong password leaves behind. While locked nothing counts; the lock starts the count anew.

    users/store.py says the same in SQL, where it is atomic; a test holds the two together.
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

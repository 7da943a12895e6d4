"""What settings mean: policies with their defaults, and which changes are refused. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from podium.identity.mails.rules import is_address
from podium.identity.names import fold
from podium.identity.settings import known
from podium.identity.settings.known import KNOWN
from podium.identity.settings.readers import Complexity, complexity, truth, whole
from podium.identity.users.rules import Lockout

IMPLICIT_TLS_PORT = 465


class PasswordPolicy(NamedTuple):
    """What a new password must be like. `expires_after_days` 0: never. `previous_uses`: how many old ones are refused."""

    min_length: int = 8
    needs_special: bool = False
    needs_lower: bool = True
    needs_upper: bool = False
    needs_digit: bool = True
    expires_after_days: int = 0
    previous_uses: int = 1
    change_at_first_login: bool = True
    refuses_common: bool = True


class SessionPolicy(NamedTuple):
    """How long a sign-in in a browser lasts; the persistent one is that of "stay signed in"."""

    idle_minutes: int = 30
    absolute_hours: int = 12
    persistent_days: int = 14


class SignInPolicy(NamedTuple):
    """Everything that decides on a sign-in. `restricts_basic`: no passwords but for users who are exempt."""

    password: PasswordPolicy = PasswordPolicy()
    lockout: Lockout = Lockout()
    session: SessionPolicy = SessionPolicy()
    restricts_basic: bool = False
    requires_second_factor: bool = False


class PersonalTokenPolicy(NamedTuple):
    """How long personal access tokens may live and how many a user may have."""

    max_days: int = 360
    max_per_user: int = 5


class Smtp(NamedTuple):
    """A server that takes mails. `user_name` None: without signing in. `is_secure`: TLS, by STARTTLS but on port 465."""

    host: str
    port: int
    user_name: str | None
    password: str | None
    is_secure: bool
    from_address: str
    from_name: str

    @property
    def is_implicit_tls(self) -> bool:
        """Whether the connection begins with TLS instead of turning to it."""
        return self.is_secure and self.port == IMPLICIT_TLS_PORT

    def __repr__(self) -> str:
        return f"Smtp({self.host}:{self.port})"


Values = Mapping[str, str]
"""Folded key -> value that holds: the organization's own, else the host's. Keys that are not set are missing."""


def inherited(own: Values, host: Values) -> Values:
    """What holds for an organization, known defaults included."""
    defaults = {key: one.default for key, one in KNOWN.items() if one.default is not None}
    return {**defaults, **host, **own}


def _number(values: Values, key: str, least: int, most: int) -> int:
    found = whole(values.get(fold(key)), least, most)
    if found is None:  # written before the range was what it is, or behind the server's back
        found = whole(KNOWN[fold(key)].default, least, most)
    assert found is not None
    return found


def _truth(values: Values, key: str) -> bool:
    found = truth(values.get(fold(key)))
    return found if found is not None else KNOWN[fold(key)].default == "true"


def sign_in_policy(values: Values) -> SignInPolicy:
    """The policy of these settings; a value that cannot be read counts as not set."""
    rule = complexity(values.get(fold(known.COMPLEXITY))) or Complexity()
    return SignInPolicy(
        password=PasswordPolicy(
            min_length=rule.length,
            needs_special=rule.has_special_character,
            needs_lower=rule.has_lowercase,
            needs_upper=rule.has_uppercase,
            needs_digit=rule.has_digit,
            expires_after_days=_number(values, known.EXPIRATION_DAYS, 0, 1000),
            previous_uses=_number(values, known.PREVIOUS_USES, 0, 10),
            change_at_first_login=_truth(values, known.CHANGE_AT_FIRST_LOGIN),
            refuses_common=_truth(values, known.REFUSE_COMMON),
        ),
        lockout=Lockout(
            is_enabled=_truth(values, known.LOCKOUT),
            max_failures=_number(values, known.LOCKOUT_FAILURES, 1, 1000),
            lock_s=_number(values, known.LOCKOUT_SECONDS, 0, 2_592_000),
        ),
        session=SessionPolicy(
            idle_minutes=_number(values, known.SESSION_IDLE, 1, 1440),
            absolute_hours=_number(values, known.SESSION_ABSOLUTE, 1, 720),
            persistent_days=_number(values, known.SESSION_PERSISTENT, 1, 365),
        ),
        restricts_basic=_truth(values, known.RESTRICT_BASIC),
        requires_second_factor=_truth(values, known.SECOND_FACTOR),
    )


def personal_token_policy(values: Values) -> PersonalTokenPolicy:
    """The limits of personal access tokens."""
    return PersonalTokenPolicy(
        _number(values, known.TOKEN_DAYS, 1, 1800), _number(values, known.TOKENS_PER_USER, 0, 50)
    )


def address_failures(values: Values) -> int:
    """How many failed sign-ins one address has in 10 minutes; 0: as many as it likes."""
    return _number(values, known.ADDRESS_FAILURES, 0, 1_000_000)


def mail_retention_days(values: Values) -> int | None:
    """After how many days mails are deleted; None: never (decision 40)."""
    return whole(values.get(fold(known.MAIL_RETENTION)), 1, 36_500)


def connection_level(own: Values, host: Values) -> Values | None:
    """The settings of the level that names the mail server; None when no level does.

    Address and credentials are taken from one level only: an organization that names a server of its own must not be
    given the host's password for it.
    """
    return next((level for level in (own, host) if level.get(fold(known.SMTP_HOST))), None)


def smtp(own: Values, host: Values, password: str | None) -> Smtp | None:
    """The mail server; `password` is that of the level which names the server. None when there is none."""
    level = connection_level(own, host)
    if level is None:
        return None
    level = inherited(level, {})
    server = level[fold(known.SMTP_HOST)]
    user = level.get(fold(known.SMTP_USER)) or None
    if _truth(level, known.SMTP_DEFAULT_CREDENTIALS):
        user = password = None  # those of the operating system's account; there are none
    everywhere = inherited(own, host)
    return Smtp(
        host=server,
        port=_number(level, known.SMTP_PORT, 1, 65_535),
        user_name=user,
        password=password if user else None,
        is_secure=_truth(level, known.SMTP_SSL),
        from_address=sender(everywhere.get(fold(known.SMTP_FROM)), user, server),
        from_name=everywhere.get(fold(known.SMTP_FROM_NAME)) or "Podium",
    )


def sender(named: str | None, user_name: str | None, host: str) -> str:
    """The address that mails come from: the named one, else the user's where that is an address, else one of ours."""
    candidates = (named, user_name, f"podium@{host}")
    return next((each for each in candidates if each and is_address(each)), "podium@localhost")


def may_use_saved_password(saved: Smtp | None, host: str, port: int, *, is_secure: bool) -> bool:
    """Whether a trial may present the stored password: to the server that it was stored for, never with less care."""
    return (
        saved is not None
        and saved.host.casefold() == host.casefold()
        and saved.port == port
        and (is_secure or not saved.is_secure)
    )


def forgets_password(before: Values, after: Values) -> bool:
    """Whether a change of a level's mail server makes its stored password void: it belongs to the former server."""
    if not before.get(fold(known.SMTP_HOST)):
        return False
    keys = (known.SMTP_HOST, known.SMTP_PORT)
    old, new = inherited(before, {}), inherited(after, {})
    is_elsewhere = any(old[fold(key)].strip().casefold() != new[fold(key)].strip().casefold() for key in keys)
    return is_elsewhere or (_truth(old, known.SMTP_SSL) and not _truth(new, known.SMTP_SSL))


def language(user: str | None, organization: str | None, partition: str | None) -> str:
    """The language to write in: the user's, the organization's setting, that of its partition, English."""
    for wanted in (user, organization, partition):
        if wanted and wanted.lower() in known.LANGUAGES:
            return wanted.lower()
    return "en"


def why_not_a_key(key: str) -> str | None:
    """What is wrong with a key, be it known or not; None when nothing is."""
    if not key.strip():
        return "The key must not be blank."
    fits = len(key) <= known.MAX_KEY_CHARACTERS
    return None if fits else f"The key must have at most {known.MAX_KEY_CHARACTERS} characters."


def why_not(key: str, value: str, *, is_of_user: bool) -> str | None:
    """What is wrong with a value that is to be written; None when nothing is."""
    found = KNOWN.get(fold(key))
    if found is not None and is_of_user and not found.of_users:
        return f"{found.key} cannot be set for a user."
    if len(value) > known.MAX_VALUE_CHARACTERS:
        return f"The value of {key} must have at most {known.MAX_VALUE_CHARACTERS} characters."
    reason = found.check(value) if found is not None else None
    return f"{key} {reason}." if reason else None


def is_secret(key: str) -> bool:
    """Whether the value is sealed and never shown."""
    found = KNOWN.get(fold(key))
    return found is not None and found.is_secret


def may_be_shown_in_audit(key: str) -> bool:
    """Whether the trail may hold the value: a known key's that is no secret. Nobody knows what others hold."""
    found = KNOWN.get(fold(key))
    return found is not None and not found.is_secret and not found.of_users

"""The keys that the server itself reads: their defaults, what may be written, and how a value is read. Pure.

Every value is text, as published: numbers and booleans too.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

from podium.identity.mails.rules import is_address, is_one_line
from podium.identity.names import fold
from podium.identity.settings.readers import complexity, truth, whole

MAX_KEY_CHARACTERS = 256
MAX_VALUE_CHARACTERS = 100_000
MAX_SETTINGS = 1000
"""How many settings a user, an organization or the host may have."""

LANGUAGES = ("en", "ja", "de", "es", "es-mx", "fr", "ko", "pt", "pt-br", "ru", "tr", "zh-cn", "zh-tw")

COMPLEXITY = "Auth.Password.PasswordComplexity"
EXPIRATION_DAYS = "Auth.Password.DefaultExpirationDays"
PREVIOUS_USES = "Auth.Password.PreviousUseLimit"
CHANGE_AT_FIRST_LOGIN = "Auth.Password.ShouldChangePasswordAfterFirstLogin"
REFUSE_COMMON = "Auth.Password.RefuseCommonPasswords"
LOCKOUT = "Auth.UserLockOut.IsEnabled"
LOCKOUT_FAILURES = "Auth.UserLockOut.MaxFailedAccessAttemptsBeforeLockout"
LOCKOUT_SECONDS = "Auth.UserLockOut.DefaultAccountLockoutSeconds"
RESTRICT_BASIC = "Auth.RestrictBasicAuthentication"
SECOND_FACTOR = "Auth.SecondFactor.Required"
ADDRESS_FAILURES = "Auth.SignIn.AddressFailuresPer10Minutes"
ATTEMPT_RETENTION = "Auth.SignIn.AttemptRetentionDays"
SESSION_IDLE = "Session.IdleMinutes"
SESSION_ABSOLUTE = "Session.AbsoluteHours"
SESSION_PERSISTENT = "Session.PersistentDays"
TOKEN_DAYS = "PersonalAccessToken.MaxDays"  # noqa: S105 - the name of a setting
TOKENS_PER_USER = "PersonalAccessToken.MaxPerUser"
MAIL_RETENTION = "Mail.RetentionDays"
SMTP_HOST = "Email.Smtp.Host"
SMTP_PORT = "Email.Smtp.Port"
SMTP_USER = "Email.Smtp.UserName"
SMTP_PASSWORD = "Email.Smtp.Password"  # noqa: S105 - the name of a setting
SMTP_DOMAIN = "Email.Smtp.Domain"
SMTP_SSL = "Email.Smtp.EnableSsl"
SMTP_DEFAULT_CREDENTIALS = "Email.Smtp.UseDefaultCredentials"
SMTP_FROM = "Email.Smtp.FromEmail"
SMTP_FROM_NAME = "Email.Smtp.FromDisplayName"
LANGUAGE = "UserLanguage.Language"

Check = Callable[[str], str | None]
"""What is wrong with a value, None when nothing is."""


class Known(NamedTuple):
    """A key that the server reads. `default` None: unset means nothing is set. `of_users`: users have it, too."""

    key: str
    check: Check
    default: str | None = None
    is_secret: bool = False
    of_users: bool = False


def between(least: int, most: int) -> Check:
    """Whole numbers of a range."""
    wrong = f"must be a whole number from {least} to {most}"
    return lambda text: None if whole(text, least, most) is not None else wrong


def _truth(text: str) -> str | None:
    return None if truth(text) is not None else "must be true or false"


def _line(text: str) -> str | None:
    return None if is_one_line(text) and len(text) <= 256 else "must be one line of up to 256 characters"


def _host(text: str) -> str | None:
    fits = is_one_line(text) and len(text) <= 255 and not re.search(r"[\s/@]", text)
    return None if fits else "must be the name or address of a host"


def _email(text: str) -> str | None:
    return None if text == "" or is_address(text) else "must be an e-mail address"


def _language(text: str) -> str | None:
    return None if text.lower() in LANGUAGES else f"must be one of {', '.join(LANGUAGES)}"


def _anything(_text: str) -> None:
    return None


def _complexity(text: str) -> str | None:
    if complexity(text) is not None:
        return None
    return 'must be JSON such as {"hasDigit":true,"hasLowercase":true,"Length":"8"} with a length from 1 to 256'


DEFAULT_COMPLEXITY = (
    '{"hasSpecialCharacter":false,"hasLowercase":true,"hasUppercase":false,"hasDigit":true,"Length":"8"}'
)

_ALL = (
    Known(COMPLEXITY, _complexity, DEFAULT_COMPLEXITY),
    Known(EXPIRATION_DAYS, between(0, 1000), "0"),
    Known(PREVIOUS_USES, between(0, 10), "1"),
    Known(CHANGE_AT_FIRST_LOGIN, _truth, "true"),
    Known(REFUSE_COMMON, _truth, "true"),
    Known(LOCKOUT, _truth, "true"),
    Known(LOCKOUT_FAILURES, between(1, 1000), "10"),
    Known(LOCKOUT_SECONDS, between(0, 2_592_000), "300"),
    Known(RESTRICT_BASIC, _truth, "false"),
    Known(SECOND_FACTOR, _truth, "false"),
    Known(ADDRESS_FAILURES, between(0, 1_000_000), "100"),
    Known(ATTEMPT_RETENTION, between(1, 36_500)),
    Known(SESSION_IDLE, between(1, 1440), "30"),
    Known(SESSION_ABSOLUTE, between(1, 720), "12"),
    Known(SESSION_PERSISTENT, between(1, 365), "14"),
    Known(TOKEN_DAYS, between(1, 1800), "360"),
    Known(TOKENS_PER_USER, between(0, 50), "5"),
    Known(MAIL_RETENTION, between(1, 36_500)),
    Known(SMTP_HOST, _host, ""),
    Known(SMTP_PORT, between(1, 65_535), "25"),
    Known(SMTP_USER, _line),
    Known(SMTP_PASSWORD, _line, is_secret=True),
    Known(SMTP_DOMAIN, _line),
    Known(SMTP_SSL, _truth, "false"),
    Known(SMTP_DEFAULT_CREDENTIALS, _truth, "false"),
    Known(SMTP_FROM, _email),
    Known(SMTP_FROM_NAME, _line),
    Known(LANGUAGE, _language, of_users=True),
    Known("UserLanguage.Date", _anything, of_users=True),
    Known("UserTheme.Theme", _anything, of_users=True),
    Known("UserAccessibility.Accessibility", _anything, of_users=True),
    Known("Favorites", _anything, of_users=True),
)
KNOWN: Mapping[str, Known] = {fold(one.key): one for one in _ALL}
"""By folded key."""

SERVER_KEYS = frozenset(
    fold(key)
    for key in (SMTP_HOST, SMTP_PORT, SMTP_USER, SMTP_PASSWORD, SMTP_DOMAIN, SMTP_SSL, SMTP_DEFAULT_CREDENTIALS)
)
"""What belongs to one mail server, folded: an organization that names a server of its own inherits none of it."""

"""Every setting that there is: its default, who may set it, and what may be written. Pure.

A value is text on the wire and in the table: numbers in digits, booleans as `true` and `false`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from functools import cache
from typing import Literal, NamedTuple
from zoneinfo import available_timezones

Scope = Literal["Application", "Tenant", "All"]
Check = Callable[[str], str]
"""The text as it is stored; raises ValueError with what is wrong with it."""

MAX_NAME = 128
MAX_TEXT = 1000

TIME_ZONE = "Abp.Timing.TimeZone"
LANGUAGE = "Abp.Localization.DefaultLanguageName"
MAIL = "Abp.Net.Mail."
FROM_ADDRESS = "Abp.Net.Mail.DefaultFromAddress"
FROM_NAME = "Abp.Net.Mail.DefaultFromDisplayName"
SMTP_HOST = "Abp.Net.Mail.Smtp.Host"
SMTP_PORT = "Abp.Net.Mail.Smtp.Port"
SMTP_USER = "Abp.Net.Mail.Smtp.UserName"
SMTP_PASSWORD = "Abp.Net.Mail.Smtp.Password"  # noqa: S105 - the name of a setting
SMTP_SSL = "Abp.Net.Mail.Smtp.EnableSsl"
SMTP_DEFAULT_CREDENTIALS = "Abp.Net.Mail.Smtp.UseDefaultCredentials"
ABANDON_AFTER_HOURS = "Queues.AbandonAfterHours"
QUEUES_MAX_TOP = "Queues.MaxTop"
REQUIRE_ROBOT = "Queues.RequireRobotForTransaction"
STRICT_OVERDUE = "Queues.StrictOverdue"
REQUIRE_ROBOT_ACCOUNTS = "Jobs.RequireRobotAccounts"
TERMINATING_TIMEOUT = "Jobs.TerminatingJobsTimeout"
EXECUTION = "Robots.Execution."

_EMAIL = re.compile(r"[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f]{1,64}@[^\s@<>,;:\"()\[\]\\\x00-\x20\x7f]{1,189}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_WHOLE = re.compile(r"[0-9]{1,9}", re.ASCII)


class Language(NamedTuple):
    """A language that clients may show; `name` as the wire has it."""

    name: str
    title: str


LANGUAGES = (
    Language("en", "English"),
    Language("ja", "日本語"),
    Language("de", "Deutsch"),
    Language("es", "español"),
    Language("es-MX", "español (México)"),
    Language("fr", "français"),
    Language("ko", "한국어"),
    Language("pt", "português"),
    Language("pt-BR", "português (Brasil)"),
    Language("ru", "русский"),
    Language("tr", "Türkçe"),
    Language("zh-CN", "中文(简体)"),
    Language("zh-TW", "中文(繁體)"),
)


class Known(NamedTuple):
    """A setting. `scope`: All may be set by a user for himself, too; Application by nobody over the wire."""

    name: str
    default: str
    check: Check
    scope: Scope = "Tenant"
    is_secret: bool = False


class Execution(NamedTuple):
    """An execution setting of robots; the tenant's default is the setting `Robots.Execution.` and the key."""

    key: str
    title: str
    value_type: str
    default: str
    choices: tuple[str, ...] = ()


def between(least: int, most: int) -> Check:
    """Whole numbers of a range."""

    def check(text: str) -> str:
        if not _WHOLE.fullmatch(text.strip()) or not least <= int(text) <= most:
            raise ValueError(f"expected a whole number from {least} to {most}")
        return str(int(text))

    return check


def one_of(*names: str) -> Check:
    """Names in any case."""
    spelled = {name.casefold(): name for name in names}

    def check(text: str) -> str:
        found = spelled.get(text.strip().casefold())
        if found is None:
            raise ValueError(f"expected one of {', '.join(names)}")
        return found

    return check


def line(text: str) -> str:
    """One line of text, or blank. Raises ValueError."""
    if _CONTROL.search(text) or len(text) > MAX_TEXT:
        raise ValueError(f"expected one line of up to {MAX_TEXT} characters")
    return text


def host(text: str) -> str:
    """The name or address of a mail server, or blank. Raises ValueError."""
    if len(text) > 255 or re.search(r"[\s/@]", text) or _CONTROL.search(text):
        raise ValueError("expected the name or address of a host")
    return text


def address(text: str) -> str:
    """An e-mail address, or blank. Raises ValueError."""
    if text and not (_EMAIL.fullmatch(text) and not _CONTROL.search(text)):
        raise ValueError("expected an e-mail address")
    return text


@cache
def zones() -> frozenset[str]:
    """The names of time zones, without those that mean whatever this machine is set to."""
    return frozenset(name for name in available_timezones() if "/" in name or name == "UTC")


def zone(text: str) -> str:
    """The name of a time zone. Raises ValueError."""
    if text.strip() not in zones():
        raise ValueError("expected the name of a time zone such as UTC or Europe/Bucharest")
    return text.strip()


BOOLEAN = one_of("true", "false")

EXECUTIONS = (
    Execution(
        "TracingLevel",
        "Logging Level",
        "MultipleChoice",
        "Information",
        ("Verbose", "Trace", "Information", "Warning", "Error", "Critical", "Off"),
    ),
    Execution("StudioNotifyServer", "Allow Development Logging", "Boolean", "true"),
    Execution("LoginToConsole", "Login To Console", "Boolean", "true"),
    Execution("ResolutionWidth", "Resolution Width", "Integer", "0"),
    Execution("ResolutionHeight", "Resolution Height", "Integer", "0"),
    Execution("ResolutionDepth", "Resolution Depth", "Integer", "0"),
    Execution("FontSmoothing", "Font Smoothing", "Boolean", "false"),
    Execution("AutoDownloadProcess", "Auto Download Process", "Boolean", "true"),
)


def _of_execution(one: Execution) -> Known:
    checks = {"Boolean": BOOLEAN, "Integer": between(0, 100_000), "MultipleChoice": one_of(*one.choices)}
    return Known(f"{EXECUTION}{one.key}", one.default, checks[one.value_type])


_ALL = (
    Known(TIME_ZONE, "UTC", zone, "All"),
    Known(LANGUAGE, "en", one_of(*(language.name for language in LANGUAGES)), "All"),
    Known(FROM_ADDRESS, "", address),
    Known(FROM_NAME, "", line),
    Known(SMTP_HOST, "", host),
    Known(SMTP_PORT, "25", between(1, 65_535)),
    Known(SMTP_USER, "", line),
    Known(SMTP_PASSWORD, "", line, is_secret=True),
    Known("Abp.Net.Mail.Smtp.Domain", "", line),
    Known(SMTP_SSL, "false", BOOLEAN),
    Known(SMTP_DEFAULT_CREDENTIALS, "false", BOOLEAN),
    Known("Alerts.Email.Enabled", "false", BOOLEAN, "All"),
    Known("Triggers.DisableWhenFailedCount", "10", between(0, 1000)),
    Known("Triggers.JobsCountStrategy", "PERPROCESS", one_of("PERPROCESS", "PERTRIGGER", "NoLimit")),
    Known(TERMINATING_TIMEOUT, "1440", between(1, 525_600)),
    Known(REQUIRE_ROBOT_ACCOUNTS, "false", BOOLEAN),
    Known("Deployment.Libraries.FeedLevel", "Tenant", one_of("Tenant"), "Application"),
    Known("Deployment.Packages.Url", "", line, "Application"),
    Known("Robots.RunDisconnectedHours", "0", between(0, 168)),
    Known("Auth.UserAuthOnly", "false", BOOLEAN),
    Known(ABANDON_AFTER_HOURS, "24", between(1, 8760)),
    Known(QUEUES_MAX_TOP, "1000", between(1, 1000)),
    Known(REQUIRE_ROBOT, "false", BOOLEAN),
    Known(STRICT_OVERDUE, "false", BOOLEAN),
    Known("RateLimits.Enabled", "false", BOOLEAN, "Application"),
    Known("Retention.QueueDefaultDays", "30", between(1, 180)),
    Known("Retention.QueueStaleDays", "180", between(1, 180)),
    Known("Retention.TaskDefaultDays", "30", between(1, 180)),
    Known("Audit.RetentionDays", "0", between(0, 36_500)),
    *(_of_execution(one) for one in EXECUTIONS),
)


def fold(name: str) -> str:
    """A name as it is compared."""
    return unicodedata.normalize("NFC", name).strip().casefold()


KNOWN: Mapping[str, Known] = {fold(one.name): one for one in _ALL}
"""By folded name."""

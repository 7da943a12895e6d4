"""The scopes that an application may be given, by the API they belong to, with words for whoever chooses. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from enum import IntEnum
from typing import NamedTuple

from podium.identity.clients.rules import MARKER_SCOPE, ORCHESTRATOR_SCOPES, PLATFORM_SCOPES, WIDTHS
from podium.identity.tokens.rules import IDENTITY_RESOURCE, ORCHESTRATOR_RESOURCE


class Use(IntEnum):
    """For whom a scope speaks. Numbers of the published ApiScopeType."""

    USER = 0
    APPLICATION = 1
    BOTH = 2


USES: Mapping[str, Use] = {"user": Use.USER, "application": Use.APPLICATION, "userAndApplication": Use.BOTH}
"""The published names."""


class Scope(NamedTuple):
    """One scope and the uses that it allows."""

    name: str
    display_name: str
    description: str
    use: Use


class Resource(NamedTuple):
    """An API; `name` is the audience of its tokens."""

    name: str
    display_name: str
    description: str
    scopes: tuple[Scope, ...]


_WHAT: Mapping[str, str] = {
    "OR.Administration": "the set-up of the tenant and its webhooks",
    "OR.Analytics": "the figures that are sent to analytics",
    "OR.Assets": "assets and their values",
    "OR.Audit": "the tenant's audit trail",
    "OR.BackgroundTasks": "long-running tasks of the server",
    "OR.BusinessRules": "business rules",
    "OR.Execution": "processes, packages and what starts them",
    "OR.Folders": "folders, their members and their machines",
    "OR.Hypervisor": "connections to elastic robot pools",
    "OR.Jobs": "jobs: start, stop and follow them",
    "OR.License": "licences of the tenant",
    "OR.ML": "skills and their logs",
    "OR.Machines": "machines and their keys",
    "OR.Monitoring": "the state of jobs, queues and machines in figures",
    "OR.Queues": "queues, their items and transactions",
    "OR.Robots": "robots, their sessions and environments",
    "OR.Settings": "settings, calendars and libraries of the tenant",
    "OR.Tasks": "tasks for people",
    "OR.TestDataQueues": "queues of test data",
    "OR.TestSetExecutions": "runs of test sets",
    "OR.TestSetSchedules": "schedules of test sets",
    "OR.TestSets": "test sets and test cases",
    "OR.Users": "users and roles of the tenant",
    "OR.Webhooks": "webhooks and their deliveries",
    "PM.Audit": "the organization's audit trail",
    "PM.AuthSetting": "how the organization's users sign in",
    "PM.Group": "groups and their members",
    "PM.License": "licences of the organization",
    "PM.MessageTemplate": "texts of the mails that are sent",
    "PM.OAuthApp": "external applications and their secrets",
    "PM.RobotAccount": "robot accounts",
    "PM.Setting": "settings of the organization",
    "PM.User": "users of the organization",
    "PM.UserLoginAttempt": "users' attempts to sign in",
}

_WORDS = (("", "See and change"), (", to read", "See"), (", to change", "Change"))


def _scopes(family: str) -> Iterator[Scope]:
    shown = family.partition(".")[2]
    for width, (addition, verb) in zip(WIDTHS, _WORDS, strict=True):
        yield Scope(f"{family}{width}", f"{shown}{addition}", f"{verb} {_WHAT[family]}.", Use.BOTH)


_MARKER = Scope(
    MARKER_SCOPE, "Default", "Whatever the roles of the application allow, in the folders it is in.", Use.APPLICATION
)

RESOURCES: tuple[Resource, ...] = (
    Resource(
        ORCHESTRATOR_RESOURCE,
        "Orchestrator",
        "Automations and what they need: folders, processes, jobs, queues, machines.",
        (_MARKER, *(scope for family in ORCHESTRATOR_SCOPES for scope in _scopes(family))),
    ),
    Resource(
        IDENTITY_RESOURCE,
        "Platform management",
        "The organization: users, groups, robot accounts, applications, settings.",
        tuple(scope for family in PLATFORM_SCOPES for scope in _scopes(family)),
    ),
)

SCOPES: Mapping[str, Scope] = {scope.name: scope for resource in RESOURCES for scope in resource.scopes}


def granted(application_scopes: Collection[str], user_scopes: Collection[str]) -> list[Resource]:
    """The part of the catalogue that a client has, each scope with its use; resources without any are left out."""
    found = []
    for resource in RESOURCES:
        scopes = tuple(
            scope._replace(use=_use(by_application=scope.name in application_scopes, by_user=scope.name in user_scopes))
            for scope in resource.scopes
            if scope.name in application_scopes or scope.name in user_scopes
        )
        if scopes:
            found.append(resource._replace(scopes=scopes))
    return found


def _use(*, by_application: bool, by_user: bool) -> Use:
    if by_application and by_user:
        return Use.BOTH
    return Use.APPLICATION if by_application else Use.USER

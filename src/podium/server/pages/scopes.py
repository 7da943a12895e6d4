"""Scopes in words."""

from __future__ import annotations

from collections.abc import Iterable

from podium.server.pages import catalogue

_VERBS = {"Read": "read", "Write": "write"}


def in_words(language: str, scopes: Iterable[str]) -> list[str]:
    """A line for each thing that an application is given, in the order of the scopes; `.Read` and `.Write` are one."""
    wanted: dict[str, set[str]] = {}
    for scope in scopes:
        family, _, verb = scope.rpartition(".")
        if verb in _VERBS and catalogue.has(f"scope.{family}"):
            wanted.setdefault(family, set()).add(_VERBS[verb])
        else:
            wanted.setdefault(scope, set()).add("both")
    return [_line(language, name, verbs) for name, verbs in wanted.items()]


def _line(language: str, name: str, verbs: set[str]) -> str:
    if catalogue.has(f"scope_plain.{name}"):
        return catalogue.text(language, f"scope_plain.{name}")
    if not catalogue.has(f"scope.{name}"):
        return catalogue.text(language, "scope_verb.other", scope=name)
    verb = next(iter(verbs)) if len(verbs) == 1 else "both"
    return catalogue.text(language, f"scope_verb.{verb}", what=catalogue.text(language, f"scope.{name}"))

"""What an external application is registered with, and what of it cannot be. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from podium.identity.clients import addresses
from podium.identity.clients.catalog import SCOPES, Use
from podium.identity.clients.rules import Client, covers

MAX_NAME_CHARACTERS = 128
MAX_SCOPES = 200

Faults = dict[str, list[str]]


class Registration(NamedTuple):
    """An application as its administrator wants it."""

    name: str
    is_confidential: bool
    redirect_uris: tuple[str, ...]
    post_logout_uris: tuple[str, ...]
    requires_consent: bool
    application_scopes: tuple[str, ...]
    user_scopes: tuple[str, ...]

    @classmethod
    def of(cls, client: Client) -> Registration:
        """As it is now."""
        return cls(
            client.name,
            client.is_confidential,
            client.redirect_uris,
            client.post_logout_uris,
            client.requires_consent,
            client.application_scopes,
            client.user_scopes,
        )

    @property
    def scopes(self) -> list[str]:
        """Everything that somebody may get through it."""
        return [*self.application_scopes, *self.user_scopes]


def sort_scopes(asked: Sequence[tuple[str, Use]]) -> tuple[tuple[str, ...], tuple[str, ...], list[str]]:
    """Application scopes and user scopes in the catalogue's order, and what is wrong with the request."""
    if len(asked) > MAX_SCOPES:
        return (), (), [f"There are more than {MAX_SCOPES} scopes."]
    wrong = []
    by_use: dict[Use, set[str]] = {Use.APPLICATION: set(), Use.USER: set()}
    for name, use in asked:
        known = SCOPES.get(name)
        if known is None:
            wrong.append(f"The scope '{name[:200]}' is not known.")
            continue
        if known.use not in (Use.BOTH, use):
            wrong.append(f"The scope '{name}' is not for that use.")
            continue
        for each, names in by_use.items():
            if use in (Use.BOTH, each):
                names.add(name)
    applications, users = (tuple(name for name in SCOPES if name in by_use[use]) for use in by_use)
    return applications, users, wrong


def faults(wanted: Registration, *, allows_http: bool) -> Faults:
    """What is wrong with a registration by member of the request; empty when nothing is."""
    found: Faults = {}
    if not wanted.name:
        found["Name"] = ["The Name field is required."]
    elif len(wanted.name) > MAX_NAME_CHARACTERS or not wanted.name.isprintable():
        found["Name"] = [f"The name may have up to {MAX_NAME_CHARACTERS} printable characters."]
    if wanted.application_scopes and not wanted.is_confidential:
        found["Scopes"] = ["Application scopes need a confidential application."]
    wrong = addresses.faults(wanted.redirect_uris, allows_http=allows_http)
    if not wanted.redirect_uris and not wanted.is_confidential:
        wrong = ["A non-confidential application needs a redirect address."]
    elif not wanted.redirect_uris and wanted.user_scopes:
        wrong = ["User scopes need a redirect address."]
    if wrong:
        found["RedirectUri"] = wrong
    wrong = addresses.faults(wanted.post_logout_uris, allows_http=allows_http)
    if wrong:
        found["PostLogoutRedirectUris"] = wrong
    return found


def exceeds(held: Iterable[str], wanted: Registration) -> list[str]:
    """Scopes of the registration that somebody with the held ones does not have."""
    own = list(held)
    return [scope for scope in wanted.scopes if not covers(own, scope)]


def takes_away(before: Registration, after: Registration) -> bool:
    """Whether something that tokens were given for is gone: a scope, or an address that codes were sent to."""
    return (
        any(not covers(after.application_scopes, scope) for scope in before.application_scopes)
        or any(not covers(after.user_scopes, scope) for scope in before.user_scopes)
        or not set(before.redirect_uris) <= set(after.redirect_uris)
    )

"""Which personal access tokens may be made, and by whom. Pure."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from uuid import UUID

from podium.identity.clients.rules import MACHINE_SCOPE, USER_SCOPES, covers
from podium.identity.settings.rules import PersonalTokenPolicy

PREFIX = "rt_"
"""What a personal token begins with; an access token never does."""

PERSONAL_CLIENT = "podium.personal"
"""The client id of calls by personal token, and of what one was exchanged for; no registered client has it."""

FIRST_PARTY = {"IdentityServerApi": "PM.", MACHINE_SCOPE: "OR."}
"""Scopes of the user's own sign-ins, with the scopes that each stands for. No registered application has them."""

SHORTEST = timedelta(days=1)
SLACK = timedelta(minutes=5)
"""Clients count the days from their own clock, and the request takes its time."""
MAX_DESCRIPTION_CHARACTERS = 256
MAX_SCOPES = 200
USED_EVERY = timedelta(minutes=1)
"""How exact the time of the last use is."""

Faults = dict[str, list[str]]


def is_own_sign_in(kind: str, subject: UUID | None, scopes: Collection[str] | None) -> bool:
    """Whether this is a user who signed in himself, with one of the tools that every scope is open to.

    Nobody else handles personal tokens. A token that a user let another application have for some scopes would outlive
    that consent in a personal one, and a stolen personal token would make further ones that nobody knows of.
    """
    return kind == "user" and subject is not None and not set(scopes or ()).isdisjoint(FIRST_PARTY)


def lacking(held: Collection[str] | None, wanted: Sequence[str]) -> list[str]:
    """Those of the wanted scopes that a call with the held ones does not have itself, so cannot pass on."""
    own = set(held or ())
    families = tuple(prefix for scope, prefix in FIRST_PARTY.items() if scope in own)
    return [scope for scope in wanted if not covers(own, scope) and not scope.startswith(families)]


def faults_of_end(expires_at: datetime | None, policy: PersonalTokenPolicy, now: datetime) -> Faults:
    """What is wrong with the end of a token."""
    if expires_at is None:
        return {"Expiration": ["The Expiration field is required."]}
    if expires_at < now + SHORTEST - SLACK:
        return {"Expiration": ["The Expiration must be at least one day away."]}
    if expires_at > now + timedelta(days=policy.max_days) + SLACK:
        return {"Expiration": [f"The Expiration must be at most {policy.max_days} days away."]}
    return {}


def faults(
    description: str, expires_at: datetime | None, scopes: Sequence[str], policy: PersonalTokenPolicy, now: datetime
) -> Faults:
    """What is wrong with a new token by member; empty when nothing is."""
    found = faults_of_end(expires_at, policy, now)
    if not 1 <= len(description) <= MAX_DESCRIPTION_CHARACTERS:
        found["Description"] = [f"The Description must have 1 to {MAX_DESCRIPTION_CHARACTERS} characters."]
    unknown = [scope for scope in scopes if scope not in USER_SCOPES]
    if not scopes or len(scopes) > MAX_SCOPES:
        found["Scopes"] = [f"There must be 1 to {MAX_SCOPES} scopes."]
    elif unknown:
        found["Scopes"] = [f"The scope '{scope[:200]}' is not one that a personal token can have." for scope in unknown]
    return found


def grant_of(token_hash: bytes) -> UUID:
    """The name of what a token's text is exchanged for; another text of the same token gives another."""
    return UUID(bytes=sha256(b"podium personal grant\0" + token_hash).digest()[:16])


def was_used_lately(last_used_at: datetime | None, now: datetime) -> bool:
    """Whether the time of the last use is exact enough as it stands."""
    return last_used_at is not None and now - last_used_at < USED_EVERY

"""Making and using the links of mails."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from datetime import datetime, timedelta
from uuid import UUID

from asyncpg import Record

from podium.identity.links import store
from podium.identity.links.rules import (
    LIVES,
    MOST_RESETS_AN_HOUR,
    SECRET_BYTES,
    Link,
    Purpose,
    organization_of,
    token_of,
)
from podium.kernel.db import Connection
from podium.kernel.secrets import hash_machine_secret


async def create(
    db: Connection,
    organization_id: UUID,
    purpose: Purpose,
    user_id: UUID,
    now: datetime,
    redirect_url: str | None = None,
) -> str:
    """The text of a new link for a user; those of the same purpose that he had end. To be shown in a mail only."""
    await store.end_of_user(db, organization_id, user_id, purpose, now)
    token = token_of(organization_id, secrets.token_bytes(SECRET_BYTES))
    ends_at = now + LIVES[purpose]
    await store.add(db, organization_id, hash_machine_secret(token), purpose, user_id, redirect_url, now, ends_at)
    return token


async def find(db: Connection, purpose: Purpose, token: str, now: datetime) -> Link | None:
    """The link of that text, if it holds; it is not used up."""
    organization_id = organization_of(token)
    if organization_id is None:
        return None
    return _link(await store.find(db, organization_id, hash_machine_secret(token), purpose, now))


async def take(db: Connection, purpose: Purpose, token: str, now: datetime) -> Link | None:
    """The link of that text, used up; None when it does not hold. Of several at once one gets it."""
    organization_id = organization_of(token)
    if organization_id is None:
        return None
    return _link(await store.use(db, organization_id, hash_machine_secret(token), purpose, now))


async def end(db: Connection, organization_id: UUID, user_id: UUID, purposes: Iterable[Purpose], now: datetime) -> None:
    """The user's links of these purposes hold no longer, because what they were sent for has changed."""
    for purpose in purposes:
        await store.end_of_user(db, organization_id, user_id, purpose, now)


async def may_send_reset(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> bool:
    """Whether the user may be sent another link to reset his password within this hour."""
    made = await store.made_since(db, organization_id, user_id, "reset", now - timedelta(hours=1))
    return made < MOST_RESETS_AN_HOUR


def _link(row: Record | None) -> Link | None:
    return Link(*row) if row else None

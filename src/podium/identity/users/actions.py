"""Checking a person's password, from whichever door it came."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from podium.identity.names import fold
from podium.identity.partitions.rules import HOST_ID
from podium.identity.users import store
from podium.identity.users.passwords import Passwords
from podium.identity.users.rules import Attempt, Lockout, LoginResult, NewUser, User, judge
from podium.kernel.db import Connection, Database

MAX_NAME_CHARACTERS = 256


async def check_password(
    db: Database,
    passwords: Passwords,
    organization_id: UUID | None,
    attempt: Attempt,
    password: str,
    now: datetime,
    policy: Lockout | None = None,
) -> tuple[LoginResult, User | None]:
    """The result of a try, recorded, and the user when it succeeded.

    Every failure costs the same: one query, one argon2 hash, one write; so the time does not tell whether there is such
    a user or organization (None: there is none). No connection is held while the hash is computed.
    """
    known_id = organization_id or HOST_ID
    name = attempt.user_name.encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_NAME_CHARACTERS]
    attempt = attempt._replace(user_name=name)
    async with db.acquire() as connection:
        user = await store.by_name(connection, known_id, fold(name))
    if organization_id is None:
        user = None
    is_right = await passwords.verify(user.password_hash if user else None, password)
    result = judge(user, now, is_password_right=is_right)
    async with db.acquire() as connection:
        if user is not None and result is LoginResult.SUCCESS:
            if await store.succeeded(connection, known_id, user.id, attempt, now):
                await _renew_hash(connection, passwords, user, password)
                return result, user
            result = LoginResult.LOCKED_OUT
        await store.failed(connection, known_id, user.id if user else None, attempt, result, policy or Lockout(), now)
    return result, None


async def _renew_hash(db: Connection, passwords: Passwords, user: User, password: str) -> None:
    if user.password_hash is not None and passwords.is_outdated(user.password_hash):
        await store.replace_hash(db, user, await passwords.hash(password))


async def active_user(db: Connection, organization_id: UUID, user_id: UUID) -> User | None:
    """The user, if it may still hold tokens; None for a disabled, deleted or unknown one."""
    return await store.active(db, organization_id, user_id)


async def add_user(db: Connection, user: NewUser, now: datetime) -> None:
    """Add a person. Raises UniqueViolationError for a user name or e-mail that is taken in the organization."""
    await store.add(db, user, fold(user.user_name), fold(user.email) if user.email else None, now)


async def user_id_of(db: Connection, organization_id: UUID, user_name: str) -> UUID | None:
    """The id under which a user name is or was taken, deleted users included: a deleted one is not made again."""
    return await store.id_by_name(db, organization_id, fold(user_name))

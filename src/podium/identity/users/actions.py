"""Users for every door: adding and finding them, checking their passwords, changing them."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.access_policy.actions import may_sign_in
from podium.identity.links import actions as links
from podium.identity.names import fold
from podium.identity.partitions.rules import HOST_ID
from podium.identity.results import Fault
from podium.identity.sessions import actions as sessions
from podium.identity.settings.actions import address_failures, sign_in_policy
from podium.identity.settings.rules import PasswordPolicy, SignInPolicy
from podium.identity.users import store
from podium.identity.users.passwords import Passwords
from podium.identity.users.rules import (
    MAX_TEXT_CHARACTERS,
    Attempt,
    LoginResult,
    NewUser,
    User,
    broken_password_rules,
    is_over_budget,
    judge,
)
from podium.identity.users.sign_in import store as tries
from podium.identity.users.sign_in.store import Standing
from podium.kernel.db import Connection, Database

PASSWORD_MISMATCH = Fault("PasswordMismatch", "Incorrect password.")
LOCKED_OUT = Fault("UserLockedOut", "The user is locked out.")
NOT_ACTIVE = Fault("UserNotActive", "The user is not active.")
CHANGED_MEANWHILE = Fault("ConcurrencyFailure", "Optimistic concurrency failure, object has been modified.")
TOO_COMMON = Fault("PasswordTooCommon", "The password is among those that are guessed first.")
USED_BEFORE = Fault("PasswordPreviouslyUsed", "The password was used before.")

A_WEEK_S = 7 * 24 * 3600
"""Longer than access tokens live; how long their revocation is remembered where the caller does not say."""

Then = Callable[[Connection], Awaitable[None]]
"""What else belongs into the transaction of a change, such as its audit row."""


class _Asked(NamedTuple):
    """What decides on a try, read before the password is looked at."""

    policy: SignInPolicy
    most_failures: int
    user: User | None
    standing: Standing


async def check_password(
    db: Database, passwords: Passwords, organization_id: UUID | None, attempt: Attempt, password: str, now: datetime
) -> tuple[LoginResult, User | None]:
    """The result of a try, recorded, and the user when it succeeded.

    Every failure costs the same: the same queries, one argon2 hash, one write; so the time does not tell whether there
    is such a user or organization (None: there is none). No connection is held while the hash is computed.

    Wrong passwords from an address from which the user came in before count for that address alone, all others
    together for the account: so strangers can shut each other out, and not the user. Too many failures of one address
    against whomever, and nothing from there is looked at any more. With the restriction of basic authentication no
    password is right, but those of users who are exempt; and none of a user whom the access policy keeps out.
    """
    known_id = organization_id or HOST_ID
    attempt = _storable(attempt)
    async with db.acquire() as connection:
        user = await store.by_name(connection, known_id, fold(attempt.user_name))
        asked = await _ask(connection, known_id, user if organization_id is not None else None, attempt, now)
        is_let_in = await may_sign_in(connection, known_id, user.id if user else known_id)
    user = asked.user
    is_restricted = asked.policy.restricts_basic and user is not None and not user.bypasses_basic_restriction
    result = await _try(passwords, asked, password, now, is_refused=is_restricted or not is_let_in)
    if user is not None and result is LoginResult.SUCCESS:
        async with db.transaction() as connection:
            if await _enter(connection, asked, user, attempt, now):
                await _succeeded(connection, asked, user, attempt, now)
            else:
                result = LoginResult.LOCKED_OUT
        if result is LoginResult.SUCCESS:
            await _renew_hash(db, passwords, user, password)
            return result, user
    await _failed(db, asked, known_id, attempt, result, now)
    return result, None


async def change_password(
    db: Database,
    passwords: Passwords,
    organization_id: UUID,
    user_id: UUID,
    old: str,
    new: str,
    attempt: Attempt,
    now: datetime,
    *,
    keep_session: UUID | None = None,
    lifetime_s: int = A_WEEK_S,
    then: Then | None = None,
) -> tuple[Fault, ...]:
    """Why the password was not changed; nothing when it was, and everything that lets the user in has ended.

    A wrong old password counts as a wrong sign-in does. After the commit the caller tells its node:
    `Issuer.note_revoked("subject", str(user_id), now)`. `keep_session`: the one in which the user does this.
    """
    async with db.acquire() as connection:
        user = await store.by_id(connection, organization_id, user_id)
        attempt = _storable(attempt._replace(user_name=user.user_name if user else attempt.user_name))
        asked = await _ask(connection, organization_id, user, attempt, now)
    result = await _try(passwords, asked, old, now)
    if user is not None and result is LoginResult.SUCCESS and not await _may_enter(db, asked, user, attempt, now):
        result = LoginResult.INVALID_PASSWORD  # what wrong ones that came at the same moment are told
    if user is None or result is not LoginResult.SUCCESS:
        await _failed(db, asked, organization_id, attempt, result, now)
        return (_fault_of(asked, result, now),)
    faults = await password_faults(db, passwords, user, new, asked.policy.password)
    if faults:
        return faults
    new_hash = await passwords.hash(new)
    async with db.transaction() as connection:
        if not await _enter(connection, asked, user, attempt, now):
            return (CHANGED_MEANWHILE,)
        if then is not None:
            await then(connection)
        await store_password(connection, user, new_hash, now, keep_session=keep_session, lifetime_s=lifetime_s)
    return ()


async def set_password(
    db: Database,
    passwords: Passwords,
    organization_id: UUID,
    user_id: UUID,
    new_password: str,
    now: datetime,
    *,
    must_change: bool = False,
    keep_session: UUID | None = None,
    lifetime_s: int = A_WEEK_S,
    then: Then | None = None,
) -> tuple[Fault, ...]:
    """As `change_password` without the old one: for who has proved otherwise that he may. Opens every lock.

    Raises whatever `then` raises; nothing is changed then.
    """
    user = await find_user_in(db, organization_id, user_id)
    if user is None:
        return (NOT_ACTIVE,)
    async with db.acquire() as connection:
        policy = (await sign_in_policy(connection, organization_id)).password
    faults = await password_faults(db, passwords, user, new_password, policy)
    if faults:
        return faults
    new_hash = await passwords.hash(new_password)
    async with db.transaction() as connection:
        if await store.lock(connection, organization_id, user_id) is None:
            return (NOT_ACTIVE,)
        if then is not None:
            await then(connection)
        await store_password(
            connection, user, new_hash, now, must_change=must_change, keep_session=keep_session, lifetime_s=lifetime_s
        )
    return ()


async def password_faults(
    db: Database, passwords: Passwords, user: User, new: str, policy: PasswordPolicy
) -> tuple[Fault, ...]:
    """Why the user cannot have this password; complexity first, and the history only for one that is complex enough.

    The present password counts as one of the history; with a limit of 0 any may be used again.
    """
    faults = await complexity_faults(passwords, new, policy, about=(user.user_name, user.email or ""))
    if faults or policy.previous_uses <= 0:
        return faults
    async with db.acquire() as connection:
        hashes = await store.last_hashes(connection, user.organization_id, user.id, policy.previous_uses)
    for one in (user.password_hash, *hashes):
        if one is not None and await passwords.verify(one, new):
            return (USED_BEFORE,)
    return ()


async def complexity_faults(
    passwords: Passwords, new: str, policy: PasswordPolicy, about: tuple[str, ...] = ()
) -> tuple[Fault, ...]:
    """Every rule that a password breaks whoever has it, in the published order, ours after them."""
    faults = [Fault(*broken) for broken in broken_password_rules(new, policy)]
    if policy.refuses_common and await passwords.is_common(new, about):
        faults.append(TOO_COMMON)
    return tuple(faults)


async def store_password(
    db: Connection,
    user: User,
    new_hash: str,
    now: datetime,
    *,
    must_change: bool = False,
    keep_session: UUID | None = None,
    lifetime_s: int = A_WEEK_S,
) -> None:
    """Give the user a password that was checked and hashed before; the caller has locked the user.

    Links to choose one, which somebody may have asked for meanwhile, hold no longer.
    """
    await store.set_password(db, user.organization_id, user.id, new_hash, now, must_change=must_change)
    await links.end(db, user.organization_id, user.id, ("invitation", "reset"), now)
    await sessions.end_all_of_user(db, user.organization_id, user.id, now, lifetime_s, keep_session)


async def find_user(db: Connection, organization_id: UUID, user_id: UUID) -> User | None:
    """The user, active or not; None for a deleted or unknown one."""
    return await store.by_id(db, organization_id, user_id)


async def find_user_in(db: Database, organization_id: UUID, user_id: UUID) -> User | None:
    """As `find_user`, on a connection of its own."""
    async with db.acquire() as connection:
        return await store.by_id(connection, organization_id, user_id)


async def active_user(db: Connection, organization_id: UUID, user_id: UUID) -> User | None:
    """The user, if it may sign in and hold tokens; None for a disabled, deleted or unknown one.

    One whom the access policy keeps out counts as disabled.
    """
    user = await store.by_id(db, organization_id, user_id)
    if user is None or not user.is_active or not await may_sign_in(db, organization_id, user_id):
        return None
    return user


async def find_active_by_name(db: Connection, organization_id: UUID, name_key: str) -> User | None:
    """The active user of a folded user name, else of a folded e-mail; None when there is none."""
    user = await store.by_name(db, organization_id, name_key)
    return user if user is not None and user.is_active else None


async def add_user(db: Connection, user: NewUser, now: datetime) -> None:
    """Add a person. Raises UniqueViolationError for a user name or e-mail that is taken in the organization."""
    await store.add(db, user, fold(user.user_name), fold(user.email) if user.email else None, now)


async def user_id_of(db: Connection, organization_id: UUID, user_name: str) -> UUID | None:
    """The id under which a user name is or was taken, deleted users included: a deleted one is not made again."""
    return await store.id_by_name(db, organization_id, fold(user_name))


async def _ask(db: Connection, organization_id: UUID, user: User | None, attempt: Attempt, now: datetime) -> _Asked:
    policy = await sign_in_policy(db, organization_id)
    most = await address_failures(db, organization_id)
    return _Asked(policy, most, user, await tries.standing(db, user, organization_id, attempt, now))


async def _try(
    passwords: Passwords, asked: _Asked, password: str, now: datetime, *, is_refused: bool = False
) -> LoginResult:
    """What the try comes to so far; one hash, of nobody's password where the account's must not be looked at."""
    user = asked.user
    is_over = is_over_budget(asked.standing.spent, asked.most_failures, now)
    stored = user.password_hash if user is not None and not is_over and not is_refused else None
    is_right = await passwords.verify(stored, password)
    return _judged(user, asked.standing, asked.most_failures, now, is_password_right=is_right)


def _judged(
    user: User | None, standing: Standing, most_failures: int, now: datetime, *, is_password_right: bool
) -> LoginResult:
    if user is not None and is_over_budget(standing.spent, most_failures, now):
        return LoginResult.LOCKED_OUT
    if user is not None and standing.known is not None:
        user = user._replace(locked_until=standing.known.locked_until)
    return judge(user, now, is_password_right=is_password_right)


async def _enter(db: Connection, asked: _Asked, user: User, attempt: Attempt, now: datetime) -> bool:
    """Whether the right password still opens the account; it stays so until the transaction ends.

    Who guesses many at once would otherwise have more tries than are counted.
    """
    standing, present = await tries.locked_standing(db, user, attempt, now)
    result = _judged(present, standing, asked.most_failures, now, is_password_right=True)
    return result is LoginResult.SUCCESS


async def _may_enter(db: Database, asked: _Asked, user: User, attempt: Attempt, now: datetime) -> bool:
    async with db.transaction() as connection:
        return await _enter(connection, asked, user, attempt, now)


async def _succeeded(db: Connection, asked: _Asked, user: User, attempt: Attempt, now: datetime) -> None:
    is_known = asked.standing.known is not None
    await tries.succeeded(db, user.organization_id, user.id, attempt, now, is_known=is_known)


async def _failed(
    db: Database, asked: _Asked, organization_id: UUID, attempt: Attempt, result: LoginResult, now: datetime
) -> None:
    user_id = asked.user.id if asked.user is not None else None
    is_known = asked.standing.known is not None
    async with db.transaction() as connection:
        await tries.failed(
            connection, organization_id, user_id, attempt, result, asked.policy.lockout, now, is_known=is_known
        )


def _fault_of(asked: _Asked, result: LoginResult, now: datetime) -> Fault:
    """An address over its budget hears what a wrong password would."""
    if is_over_budget(asked.standing.spent, asked.most_failures, now):
        return PASSWORD_MISMATCH
    return {LoginResult.LOCKED_OUT: LOCKED_OUT, LoginResult.USER_IS_NOT_ACTIVE: NOT_ACTIVE}.get(
        result, PASSWORD_MISMATCH
    )


async def _renew_hash(db: Database, passwords: Passwords, user: User, password: str) -> None:
    if user.password_hash is None or not passwords.is_outdated(user.password_hash):
        return
    new_hash = await passwords.hash(password)
    async with db.acquire() as connection:
        await store.replace_hash(connection, user, new_hash)


def _storable(attempt: Attempt) -> Attempt:
    """The name as the database takes it: strangers write it."""
    name = attempt.user_name.encode("utf-8", "replace").decode().replace("\0", "?")[:MAX_TEXT_CHARACTERS]
    return attempt._replace(user_name=name)

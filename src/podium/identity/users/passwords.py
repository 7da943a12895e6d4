"""Password hashes: argon2id, in threads, few at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Collection

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn  # type: ignore[import-untyped]  # it has no stubs

from podium.identity.users.rules import MAX_PASSWORD_CHARACTERS
from podium.kernel.errors import Unavailable

AT_ONCE = 2
MAX_WAITING = 200

MAX_ESTIMATED_CHARACTERS = 72
"""What the estimator takes at most; its time grows with the square of the length (0.15 s for the worst)."""

LEAST_SCORE = 2
"""0 and 1: fewer than a million guesses find the password, beginning with the most common ones."""


class Passwords:
    """Hashes and checks passwords. One per process: it bounds how many are computed at once.

    Costs default to argon2id t=2, m=19 MiB, p=1 (about 25 ms); a hash carries its own, so raising them later
    leaves old hashes valid and `is_outdated` says which to replace at the next sign-in.
    """

    def __init__(self, *, time_cost: int = 2, memory_kib: int = 19456, parallelism: int = 1) -> None:
        self._hasher = PasswordHasher(
            time_cost=time_cost, memory_cost=memory_kib, parallelism=parallelism, type=Type.ID
        )
        self._slots = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._nobodys = self._hasher.hash(secrets.token_urlsafe(32))

    async def hash(self, password: str) -> str:
        """The hash to store, with its salt and costs."""
        async with self._slots:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password belongs to the hash. None takes as long as a real hash and is never right.

        Raises Unavailable when too many are waiting already.
        """
        if self._waiting >= MAX_WAITING:
            raise Unavailable("Too many sign-ins at once.")
        self._waiting += 1
        try:
            async with self._slots:
                is_right = await asyncio.to_thread(
                    self._check, stored or self._nobodys, password[:MAX_PASSWORD_CHARACTERS]
                )
        finally:
            self._waiting -= 1
        return is_right and stored is not None and len(password) <= MAX_PASSWORD_CHARACTERS

    async def is_common(self, password: str, about: Collection[str] = ()) -> bool:
        """Whether it is among what everybody tries first, or made of what is known `about` the user."""
        async with self._slots:
            return await asyncio.to_thread(_is_common, password[:MAX_ESTIMATED_CHARACTERS], list(about))

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False


def _is_common(password: str, about: list[str]) -> bool:
    if not password:
        return False  # what it lacks is said by other rules
    known = [text[:MAX_ESTIMATED_CHARACTERS] for text in about if text]
    score: int = zxcvbn(password, user_inputs=known)["score"]
    return score < LEAST_SCORE

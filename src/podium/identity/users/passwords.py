"""Password hashes: argon2id, in threads, few at a time."""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from podium.kernel.errors import Unavailable

MAX_CHARACTERS = 256
"""Longer passwords are never right; hashing them would let a stranger choose the price."""

AT_ONCE = 2
MAX_WAITING = 200


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
                is_right = await asyncio.to_thread(self._check, stored or self._nobodys, password[:MAX_CHARACTERS])
        finally:
            self._waiting -= 1
        return is_right and stored is not None and len(password) <= MAX_CHARACTERS

    def is_outdated(self, stored: str) -> bool:
        """Whether the hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(stored)

    def _check(self, stored: str, password: str) -> bool:
        try:
            return self._hasher.verify(stored, password)
        except (VerificationError, InvalidHashError):
            return False

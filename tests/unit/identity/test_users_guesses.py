"""Guessing passwords: what locks whom out, and what it costs to find out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.identity.users import actions
from podium.identity.users.passwords import Passwords
from podium.identity.users.rules import (
    Attempt,
    Failures,
    Lockout,
    LoginResult,
    Spent,
    after_failure,
    after_spending,
)
from podium.identity.users.sign_in import store as tries

from .conftest import ADMIN_PASSWORD, Identity

HOME, AWAY, STRANGER = "198.51.100.7", "203.0.113.9", "192.0.2.66"
RIGHT, WRONG, LOCKED = LoginResult.SUCCESS, LoginResult.INVALID_PASSWORD, LoginResult.LOCKED_OUT


class CountingPasswords(Passwords):
    """Cheap hashes, and how many were computed."""

    def __init__(self) -> None:
        super().__init__(time_cost=1, memory_kib=64)
        self.checked = 0

    async def verify(self, stored: str | None, password: str) -> bool:
        self.checked += 1
        return await super().verify(stored, password)


class Door:
    """Tries of `admin` from addresses."""

    def __init__(self, identity: Identity, passwords: CountingPasswords) -> None:
        self.identity = identity
        self.passwords = passwords

    async def try_(self, address: str | None, password: str = ADMIN_PASSWORD, name: str = "admin") -> LoginResult:
        identity = self.identity
        result, user = await actions.check_password(
            identity.db,
            self.passwords,
            identity.made.organization_id,
            Attempt(name, address),
            password,
            identity.clock(),
        )
        assert (user is not None) is (result is RIGHT)
        return result

    async def fail(self, address: str | None, times: int, name: str = "admin") -> list[LoginResult]:
        return [await self.try_(address, f"wrong {number}", name) for number in range(times)]

    async def at_once(self, addresses: list[str]) -> list[LoginResult]:
        """A wrong password from each address and then the right one, all read before the first of them is looked at."""
        passwords = self.passwords
        async with passwords._slots, passwords._slots:
            guesses = [asyncio.create_task(self.try_(address, "wrong")) for address in addresses]
            while passwords._waiting < len(guesses):  # noqa: ASYNC110 - the object under test says it by a number
                await asyncio.sleep(0)
            guesses.append(asyncio.create_task(self.try_(addresses[0])))
            while passwords._waiting < len(guesses):  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
        return list(await asyncio.gather(*guesses))


@pytest.fixture
async def door(identity: Identity) -> Door:
    passwords = CountingPasswords()
    cheap = await passwords.hash(ADMIN_PASSWORD)
    await identity.run("UPDATE identity.users SET password_hash = $1", cheap)
    return Door(identity, passwords)


@asynccontextmanager
async def setting(identity: Identity, key: str, value: str) -> AsyncIterator[None]:
    await identity.run(
        "INSERT INTO identity.settings (organization_id, key, key_key, value, updated_at)"
        " VALUES ($1, $2, lower($2), $3, $4)",
        identity.made.organization_id,
        key,
        value,
        identity.clock(),
    )
    yield
    await identity.run("DELETE FROM identity.settings WHERE key_key = lower($1)", key)


class TestKnownAddresses:
    async def test_a_stranger_cannot_lock_the_user_out_where_he_is_known(self, door: Door) -> None:
        assert await door.try_(HOME) is RIGHT
        for _ in range(3):
            await door.fail(STRANGER, 10)
            assert await door.try_(STRANGER) is LOCKED
            assert await door.try_(AWAY) is LOCKED, "unknown addresses are closed together"
            assert await door.try_(HOME) is RIGHT
            door.identity.clock.forward(seconds=300)

    async def test_guesses_from_a_known_address_close_that_one_only(self, door: Door) -> None:
        await door.try_(HOME)
        await door.try_(AWAY)
        await door.fail(HOME, 10)
        assert await door.try_(HOME) is LOCKED
        assert await door.try_(AWAY) is RIGHT
        assert await door.try_(STRANGER) is RIGHT
        door.identity.clock.forward(seconds=300)
        assert await door.try_(HOME) is RIGHT

    async def test_a_success_begins_the_count_of_its_own_address_anew_and_not_the_strangers(self, door: Door) -> None:
        await door.try_(HOME)
        await door.fail(HOME, 9)
        await door.fail(STRANGER, 9)
        assert await door.try_(HOME) is RIGHT
        await door.fail(HOME, 9)
        assert await door.try_(HOME) is RIGHT
        assert await door.fail(STRANGER, 2) == [WRONG, LOCKED]

    async def test_after_thirty_days_an_address_is_a_stranger_s(self, door: Door) -> None:
        await door.try_(HOME)
        door.identity.clock.forward(days=30)
        await door.fail(STRANGER, 10)
        assert await door.try_(HOME) is LOCKED

    async def test_without_an_address_the_account_counts(self, door: Door) -> None:
        assert await door.try_("") is RIGHT
        await door.fail(None, 10)
        assert await door.try_("") is LOCKED
        assert await door.identity.run("SELECT FROM identity.known_addresses") == []
        assert await door.identity.run("SELECT FROM identity.address_budgets") == []

    async def test_a_new_password_opens_every_lock(self, door: Door) -> None:
        await door.try_(HOME)
        await door.fail(HOME, 10)
        await door.fail(STRANGER, 10)
        identity = door.identity
        organization_id, admin_id = identity.made.organization_id, identity.made.admin_id
        new = "harmless teapot 41"
        faults = await actions.set_password(
            identity.db, door.passwords, organization_id, admin_id, new, identity.clock.forward(seconds=1)
        )
        assert faults == ()
        for address in (HOME, STRANGER):
            assert await door.try_(address, new) is RIGHT

    async def test_a_lock_of_zero_seconds_and_a_lockout_that_is_off_close_nothing(self, door: Door) -> None:
        for key, value in (
            ("Auth.UserLockOut.DefaultAccountLockoutSeconds", "0"),
            ("Auth.UserLockOut.IsEnabled", "false"),
        ):
            async with setting(door.identity, key, value):
                assert await door.fail(STRANGER, 12) == [WRONG] * 12
                assert await door.try_(STRANGER) is RIGHT

    async def test_a_right_guess_among_many_at_once_is_refused_once_the_address_is_closed(self, door: Door) -> None:
        await door.try_(HOME)
        async with setting(door.identity, "Auth.UserLockOut.MaxFailedAccessAttemptsBeforeLockout", "3"):
            results = await door.at_once([HOME] * 20)
        assert results[-1] is LOCKED

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
    @given(most=st.integers(1, 4), waits=st.lists(st.integers(0, 40), max_size=12))
    async def test_the_statement_says_what_the_rule_says(self, identity: Identity, most: int, waits: list[int]) -> None:
        organization_id, admin_id = identity.made.organization_id, identity.made.admin_id
        await identity.run("DELETE FROM identity.known_addresses")
        await identity.run(
            "INSERT INTO identity.known_addresses (organization_id, user_id, address, last_seen_at)"
            " VALUES ($1, $2, $3, $4)",
            organization_id,
            admin_id,
            HOME,
            identity.clock(),
        )
        policy, failures = Lockout(max_failures=most, lock_s=30), Failures()
        for seconds in waits:
            now = identity.clock.forward(seconds=seconds)
            async with identity.db.acquire() as connection:
                attempt = Attempt("admin", HOME)
                await tries.failed(connection, organization_id, admin_id, attempt, WRONG, policy, now, is_known=True)
            failures = after_failure(failures, policy, now)
            (row,) = await identity.run("SELECT failed_attempts, locked_until FROM identity.known_addresses")
            assert tuple(row) == failures
        (row,) = await identity.run("SELECT failed_attempts, locked_until FROM identity.users")
        assert tuple(row) == (0, None)


class TestBudget:
    async def test_over_it_the_right_password_is_refused_whatever_the_account(self, door: Door) -> None:
        async with setting(door.identity, "Auth.SignIn.AddressFailuresPer10Minutes", "5"):
            for number in range(5):
                assert await door.fail(STRANGER, 1, f"nobody{number}") == [
                    LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME
                ]
            assert await door.try_(STRANGER) is LOCKED
            assert await door.try_("198.51.100.99") is RIGHT
            door.identity.clock.forward(minutes=10)
            assert await door.try_(STRANGER) is RIGHT

    async def test_over_it_nothing_counts_for_the_account(self, door: Door) -> None:
        async with setting(door.identity, "Auth.SignIn.AddressFailuresPer10Minutes", "3"):
            await door.fail(STRANGER, 20)
        (row,) = await door.identity.run("SELECT failed_attempts, locked_until FROM identity.users")
        assert tuple(row) == (3, None)

    async def test_the_neighbours_in_a_network_of_version_six_share_it(self, door: Door) -> None:
        async with setting(door.identity, "Auth.SignIn.AddressFailuresPer10Minutes", "3"):
            for number in range(3):
                await door.fail(f"2001:db8::{number + 1}", 1)
            assert await door.try_("2001:db8::ffff") is LOCKED

    async def test_many_guesses_at_once_have_no_hit_beyond_it(self, door: Door) -> None:
        async with (
            setting(door.identity, "Auth.SignIn.AddressFailuresPer10Minutes", "4"),
            setting(door.identity, "Auth.UserLockOut.IsEnabled", "false"),
        ):
            results = await door.at_once([STRANGER] * 30)
        assert RIGHT not in results

    async def test_a_password_cannot_be_changed_over_it(self, door: Door) -> None:
        identity = door.identity
        async with setting(identity, "Auth.SignIn.AddressFailuresPer10Minutes", "3"):
            await door.fail(STRANGER, 3, "nobody")
            faults = await actions.change_password(
                identity.db,
                door.passwords,
                identity.made.organization_id,
                identity.made.admin_id,
                ADMIN_PASSWORD,
                "harmless teapot 41",
                Attempt("admin", STRANGER),
                identity.clock(),
            )
        assert faults == (actions.PASSWORD_MISMATCH,)

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
    @given(gaps=st.lists(st.integers(0, 500), max_size=12))
    async def test_the_statement_says_what_the_rule_says(self, identity: Identity, gaps: list[int]) -> None:
        await identity.run("DELETE FROM identity.address_budgets")
        spent: Spent | None = None
        for seconds in gaps:
            now = identity.clock.forward(seconds=seconds)
            async with identity.db.acquire() as connection:
                await tries.failed(
                    connection,
                    identity.made.organization_id,
                    None,
                    Attempt("nobody", HOME),
                    WRONG,
                    Lockout(),
                    now,
                )
            spent = after_spending(spent, now)
            (row,) = await identity.run("SELECT window_from, failures FROM identity.address_budgets")
            assert Spent(*row) == spent


class TestEqualWork:
    """Time is measured elsewhere; here it is the structure: the same queries and hashes for every refusal."""

    async def cost(self, door: Door, name: str, password: str, address: str) -> tuple[int, list[str]]:
        statements: list[str] = []
        acquire = door.identity.db.acquire
        transaction = door.identity.db.transaction

        def listened(opened: Any) -> Any:
            @asynccontextmanager
            async def open_() -> AsyncIterator[Any]:
                async with opened() as connection:
                    with connection.query_logger(lambda record: statements.append(record.query.strip()[:60])):
                        yield connection

            return open_

        before = door.passwords.checked
        door.identity.db.acquire = listened(acquire)  # type: ignore[method-assign]  # to listen, not to replace
        door.identity.db.transaction = listened(transaction)  # type: ignore[method-assign]  # as above
        try:
            assert await door.try_(address, password, name) is not RIGHT
        finally:
            door.identity.db.acquire = acquire  # type: ignore[method-assign]  # as above
            door.identity.db.transaction = transaction  # type: ignore[method-assign]  # as above
        return door.passwords.checked - before, statements

    async def test_one_hash_and_the_same_statements_for_every_refusal(self, door: Door) -> None:
        identity = door.identity
        later = identity.clock() + timedelta(days=1)
        wrong = await self.cost(door, "admin", "wrong", STRANGER)
        assert wrong[0] == 1
        assert any("identity.login_attempts" in one or "WITH attempt" in one for one in wrong[1])
        assert await self.cost(door, "nobody", "wrong", STRANGER) == wrong
        await identity.run("UPDATE identity.users SET locked_until = $1", later)
        assert await self.cost(door, "admin", ADMIN_PASSWORD, STRANGER) == wrong
        await identity.run("UPDATE identity.users SET locked_until = NULL, is_active = false")
        assert await self.cost(door, "admin", ADMIN_PASSWORD, STRANGER) == wrong
        await identity.run("UPDATE identity.users SET is_active = true, bypasses_basic_restriction = false")
        async with setting(identity, "Auth.RestrictBasicAuthentication", "true"):
            assert await self.cost(door, "admin", ADMIN_PASSWORD, STRANGER) == wrong
        async with setting(identity, "Auth.SignIn.AddressFailuresPer10Minutes", "1"):
            assert await self.cost(door, "admin", ADMIN_PASSWORD, STRANGER) == wrong
        await identity.run("DELETE FROM identity.group_members")
        await identity.run(
            "INSERT INTO identity.access_policy (organization_id, entity_id, kind, added_at) VALUES ($1, $1, 'user', $2)",
            identity.made.organization_id,
            later,
        )
        assert await self.cost(door, "admin", ADMIN_PASSWORD, STRANGER) == wrong

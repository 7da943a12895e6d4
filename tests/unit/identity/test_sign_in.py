"""POST /api/Account/Authenticate: the classic sign-in, its lockout, and its silence about who exists."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from podium.identity.users.passwords import MAX_WAITING, Passwords
from podium.identity.users.rules import Attempt, Failures, Lockout, LoginResult, after_failure
from podium.identity.users.sign_in import store
from podium.kernel.errors import Unavailable

from .conftest import ADMIN_PASSWORD, TENANT_KEY, Answer, Identity

REFUSED = "Invalid credentials, failed to login."


async def results(identity: Identity) -> list[int]:
    return [row["result"] for row in await identity.run("SELECT result FROM identity.login_attempts ORDER BY id")]


class TestSigningIn:
    @pytest.mark.parametrize("name", ["admin", "ADMIN", "Admin@Podium.local"])
    async def test_200_by_user_name_or_e_mail_in_any_case(self, identity: Identity, name: str) -> None:
        answer = await identity.sign_in(name, ADMIN_PASSWORD)
        assert answer.status == 200
        assert answer.body.pop("result").count(".") == 2
        assert answer.body == {
            "targetUrl": None,
            "success": True,
            "error": None,
            "unAuthorizedRequest": False,
            "__abp": True,
        }

    async def test_200_the_token_is_classic_and_knows_the_tenant(self, identity: Identity) -> None:
        answer = await identity.sign_in("admin", ADMIN_PASSWORD, "DEFAULT")
        claims = identity.issuer.verify(answer.body["result"], identity.clock())
        assert claims.is_classic
        assert (claims.subject, claims.tenant_key) == (identity.made.admin_id, TENANT_KEY)
        assert claims.scopes == {"OrchestratorApiUserAccess"}
        assert claims.exp == int(identity.clock().timestamp()) + 3600

    async def test_200_without_tenant_is_the_default_one(self, identity: Identity) -> None:
        assert (await identity.sign_in("admin", ADMIN_PASSWORD, "")).status == 200

    async def test_200_the_orchestrator_is_told(self, identity: Identity) -> None:
        await identity.sign_in("admin", ADMIN_PASSWORD)
        [principal] = identity.tenants.seen
        assert (principal.id, principal.name, principal.email) == (
            identity.made.admin_id,
            "admin",
            "admin@podium.local",
        )

    async def test_200_a_hash_of_older_costs_is_renewed(self, identity: Identity) -> None:
        old = await Passwords(time_cost=1, memory_kib=64).hash(ADMIN_PASSWORD)
        await identity.run("UPDATE identity.users SET password_hash = $1", old)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200
        [row] = await identity.run("SELECT password_hash FROM identity.users")
        assert row["password_hash"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

    async def test_400_a_password_that_is_due_is_told_only_to_who_knows_it(self, identity: Identity) -> None:
        await identity.run("UPDATE identity.users SET must_change_password = true")
        assert (await identity.sign_in("admin", "wrong")).body["message"] == REFUSED
        due = await identity.sign_in("admin", ADMIN_PASSWORD)
        assert due.status == 400
        assert "must be changed" in due.body["message"]
        assert identity.tenants.seen == []


Refusal = Callable[[Identity], Awaitable[Answer]]


async def locked(identity: Identity) -> Answer:
    await identity.run("UPDATE identity.users SET locked_until = $1", identity.clock.now.replace(year=2027))
    return await identity.sign_in("admin", ADMIN_PASSWORD)


async def inactive(identity: Identity) -> Answer:
    await identity.run("UPDATE identity.users SET is_active = false")
    return await identity.sign_in("admin", ADMIN_PASSWORD)


async def deleted(identity: Identity) -> Answer:
    await identity.run("UPDATE identity.users SET deleted_at = $1", identity.clock())
    return await identity.sign_in("admin", ADMIN_PASSWORD)


async def without_password(identity: Identity) -> Answer:
    await identity.run("UPDATE identity.users SET password_hash = NULL")
    return await identity.sign_in("admin", ADMIN_PASSWORD)


async def broken_hash(identity: Identity) -> Answer:
    await identity.run("UPDATE identity.users SET password_hash = 'x'")
    return await identity.sign_in("admin", ADMIN_PASSWORD)


REFUSALS: dict[str, tuple[Refusal, LoginResult]] = {
    "wrong password": (lambda i: i.sign_in("admin", "wrong"), LoginResult.INVALID_PASSWORD),
    "password with a tail": (lambda i: i.sign_in("admin", ADMIN_PASSWORD + " "), LoginResult.INVALID_PASSWORD),
    "password of a megabyte": (lambda i: i.sign_in("admin", "x" * 1_000_000), LoginResult.INVALID_PASSWORD),
    "unknown user": (lambda i: i.sign_in("nobody", "wrong"), LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME),
    "user with NUL": (lambda i: i.sign_in("ad\0min", "wrong"), LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME),
    "user of a megabyte": (lambda i: i.sign_in("x" * 1_000_000, "w"), LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME),
    "unknown tenant": (
        lambda i: i.sign_in("admin", ADMIN_PASSWORD, "other"),
        LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME,
    ),
    "host": (lambda i: i.sign_in("admin", ADMIN_PASSWORD, "host"), LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME),
    "locked": (locked, LoginResult.LOCKED_OUT),
    "inactive": (inactive, LoginResult.USER_IS_NOT_ACTIVE),
    "deleted": (deleted, LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME),
    "without password": (without_password, LoginResult.INVALID_PASSWORD),
    "broken hash": (broken_hash, LoginResult.INVALID_PASSWORD),
}


@pytest.mark.parametrize("case", REFUSALS)
async def test_400_the_same_answer_for_every_refusal(identity: Identity, case: str) -> None:
    refuse, result = REFUSALS[case]
    answer = await refuse(identity)
    assert answer.status == 400
    assert answer.body["message"] == answer.body["error"]["message"] == REFUSED
    assert answer.body["errorCode"] == answer.body["error"]["code"] == 1000
    assert answer.body == (await identity.sign_in("somebody else", "wrong")).body
    assert await results(identity) == [result, LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME]
    assert identity.tenants.seen == []


async def test_an_unknown_user_costs_a_hash_as_a_known_one_does(identity: Identity) -> None:
    least = {"admin": 1e9, "nobody": 1e9}
    for name in [*least] * 6:
        began = time.process_time()  # the work of this process, whatever else the machine does
        await identity.sign_in(name, "wrong")
        least[name] = min(least[name], time.process_time() - began)
    assert least["nobody"] > least["admin"] / 2, "a hash is more than nine tenths of the work"


class TestLockout:
    async def fail(self, identity: Identity, times: int) -> None:
        for _ in range(times):
            assert (await identity.sign_in("admin", "wrong")).status == 400

    async def test_the_tenth_wrong_password_closes_the_account_for_five_minutes(self, identity: Identity) -> None:
        await self.fail(identity, 10)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 400
        identity.clock.forward(seconds=299)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 400
        identity.clock.forward(seconds=1)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

    async def test_nine_do_not_and_a_success_counts_anew(self, identity: Identity) -> None:
        await self.fail(identity, 9)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200
        await self.fail(identity, 9)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

    async def test_a_locked_account_is_not_locked_longer_by_further_tries(self, identity: Identity) -> None:
        await self.fail(identity, 10)
        identity.clock.forward(seconds=200)
        await self.fail(identity, 10)
        identity.clock.forward(seconds=100)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

    @pytest.mark.parametrize("change", ["locked_until = '2027-01-01'", "is_active = false", "deleted_at = now()"])
    async def test_a_right_password_is_refused_when_the_account_closes_while_it_is_checked(
        self, identity: Identity, change: str
    ) -> None:
        """Or else those who guess at once would have more tries than ten."""
        passwords = identity.issuer.passwords
        async with passwords._slots, passwords._slots:
            signing_in = asyncio.create_task(identity.sign_in("admin", ADMIN_PASSWORD))
            while passwords._waiting == 0:  # noqa: ASYNC110 - the object under test says it by a number
                await asyncio.sleep(0)
            await identity.run(f"UPDATE identity.users SET {change}")
        assert (await signing_in).body["message"] == REFUSED
        assert await results(identity) == [LoginResult.LOCKED_OUT]

    async def test_twelve_guesses_at_once_count_ten(self, identity: Identity) -> None:
        await asyncio.gather(*(identity.sign_in("admin", f"wrong {number}") for number in range(12)))
        [row] = await identity.run("SELECT failed_attempts, locked_until FROM identity.users")
        assert (row["failed_attempts"], row["locked_until"] is not None) == (0, True)

    async def test_503_when_too_many_wait(self, identity: Identity) -> None:
        passwords = identity.issuer.passwords
        async with passwords._slots, passwords._slots:
            crowd = [asyncio.create_task(identity.sign_in("nobody", "wrong")) for _ in range(MAX_WAITING)]
            while passwords._waiting < MAX_WAITING:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0)
            with pytest.raises(Unavailable):
                await identity.sign_in("admin", ADMIN_PASSWORD)
            for one in crowd:
                one.cancel()
            await asyncio.gather(*crowd, return_exceptions=True)
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

    @settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=20)
    @given(most=st.integers(1, 4), waits=st.lists(st.integers(0, 40), max_size=12))
    async def test_the_statement_says_what_the_rule_says(self, identity: Identity, most: int, waits: list[int]) -> None:
        policy, failures, user = Lockout(max_failures=most, lock_s=30), Failures(), identity.made.admin_id
        await identity.run("UPDATE identity.users SET failed_attempts = 0, locked_until = NULL")
        for seconds in waits:
            now = identity.clock.forward(seconds=seconds)
            async with identity.db.acquire() as connection:
                await store.failed(
                    connection,
                    identity.made.organization_id,
                    user,
                    Attempt("admin"),
                    LoginResult.INVALID_PASSWORD,
                    policy,
                    now,
                )
            failures = after_failure(failures, policy, now)
            [row] = await identity.run("SELECT failed_attempts, locked_until FROM identity.users")
            assert (row["failed_attempts"], row["locked_until"]) == failures

    async def test_failures_of_an_account_do_not_touch_another(self, identity: Identity) -> None:
        await identity.run(
            "INSERT INTO identity.users (organization_id, id, user_name, user_name_key, created_at)"
            " VALUES ($1, $2, 'eve', 'eve', $3)",
            identity.made.organization_id,
            uuid4(),
            identity.clock(),
        )
        for _ in range(10):
            await identity.sign_in("eve", "wrong")
        assert (await identity.sign_in("admin", ADMIN_PASSWORD)).status == 200

"""R1-R5: guessing passwords, finding out who is there, secrets, links of mails, sessions."""

from __future__ import annotations

import ast
import asyncio
import base64
import re
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from asyncpg.connection import LoggedQuery

import podium.identity
import podium.server.pages
from podium.identity.issuer import Issuer
from podium.identity.links import actions as links
from podium.identity.links.rules import LIVES, organization_of
from podium.identity.users.actions import active_user, check_password
from podium.identity.users.rules import Attempt, LoginResult, User
from podium.kernel import secrets
from podium.kernel.db import Connection, Database
from podium.server.pages.flow import PENDING_LASTS
from tests.api.identity.attacks.conftest import (
    PASSWORD,
    CheapPasswords,
    from_address,
    make_user,
    times,
)
from tests.api.identity.oidc.conftest import Browser, Party, register
from tests.api.identity.pages.conftest import Visitor
from tests.conftest import ADMIN_PASSWORD, Caller, Node

CLASSIC = "/api/Account/Authenticate"
LOGIN = "/identity_/web/login"
FORGOT = "/identity_/web/forgot"
RESET = "/identity_/web/reset"
ACCOUNT = "/identity_/web/account"
LOGOUT = "/identity_/web/logout"
MOST, LOCK_S, ADDRESS_MOST = 10, 300, 100
RIGHT, WRONG, LOCKED = LoginResult.SUCCESS, LoginResult.INVALID_PASSWORD, LoginResult.LOCKED_OUT
NEW_PASSWORD = "quiet kettle 17 lamp"


def address(number: int) -> str:
    """One of a botnet's."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


class Guesser:
    """Somebody who tries passwords against a user."""

    def __init__(self, node: Node, passwords: CheapPasswords, user: User) -> None:
        self.node, self.passwords, self.user = node, passwords, user

    async def guess(self, password: str, where: str | None, name: str | None = None) -> LoginResult:
        node, attempt = self.node, Attempt(name or self.user.user_name, where)
        result, user = await check_password(
            node.db, self.passwords, node.organization_id, attempt, password, node.clock()
        )
        assert (user is not None) is (result is RIGHT)
        return result

    async def is_locked(self) -> bool:
        async with self.node.db.acquire() as db:
            user = await active_user(db, self.user.organization_id, self.user.id)
        assert user is not None
        return user.locked_until is not None and user.locked_until > self.node.clock()


@pytest.fixture
async def guesser(node: Node, passwords: CheapPasswords) -> Guesser:
    return Guesser(node, passwords, await make_user(node, "target"))


class TestGuesses:
    """R1."""

    async def test_ten_thousand_guesses_have_no_more_chances_than_the_budget(self, guesser: Guesser) -> None:
        """From as many addresses, two seconds apart; at every tenth the right password, whenever the account is closed.

        All the while the owner comes in from where he was before.
        """
        node, home, number = guesser.node, "198.51.100.7", times(500, 10_000)
        assert await guesser.guess(PASSWORD, home) is RIGHT
        began, seen = node.clock(), Counter[LoginResult]()
        refused, entered = 0, 1
        for one in range(number):
            node.clock.forward(seconds=2)
            seen[await guesser.guess(f"wrong {one}", address(one))] += 1
            if one % 10 == 9 and await guesser.is_locked():
                assert await guesser.guess(PASSWORD, address(200_000 + one)) is LOCKED
                refused += 1
            if one % 50 == 49:
                assert await guesser.guess(PASSWORD, home) is RIGHT
                entered += 1
        locks = (node.clock() - began) // timedelta(seconds=LOCK_S) + 1
        print(f"{number} guesses, {seen[WRONG]} chances, of {MOST * locks}; the right one refused {refused} times")
        assert seen[WRONG] <= MOST * locks
        assert seen[WRONG] + seen[LOCKED] == number
        assert seen[LOCKED] > number * 0.8
        assert refused > number // 15
        rows = await node.rows(
            "SELECT result, count(*) AS n FROM identity.login_attempts WHERE user_id = $1 GROUP BY result",
            guesser.user.id,
        )
        kept = {row["result"]: row["n"] for row in rows}
        assert kept == {int(RIGHT): entered, int(WRONG): seen[WRONG], int(LOCKED): seen[LOCKED] + refused}

    async def test_many_at_once_have_no_more(self, guesser: Guesser) -> None:
        for wave in range(3):
            names = [guesser.guess(f"wrong {one}", address(wave * 1000 + one)) for one in range(40)]
            assert set(await asyncio.gather(*names)) <= {WRONG, LOCKED}
            assert await guesser.is_locked()
            results = await asyncio.gather(*(guesser.guess(PASSWORD, address(5000 + one)) for one in range(10)))
            assert set(results) == {LOCKED}
            guesser.node.clock.forward(seconds=LOCK_S)
        assert await guesser.guess(PASSWORD, "192.0.2.1") is RIGHT

    async def test_a_lock_ends_by_itself_and_is_not_made_longer(self, guesser: Guesser) -> None:
        for one in range(MOST):
            assert await guesser.guess("wrong", address(one)) is WRONG
        for one in range(LOCK_S - 1):
            guesser.node.clock.forward(seconds=1)
            assert await guesser.guess("wrong", address(100 + one)) is LOCKED
        guesser.node.clock.forward(seconds=1)
        assert await guesser.guess(PASSWORD, "192.0.2.1") is RIGHT

    async def test_guesses_from_the_owners_own_address_close_that_alone(self, guesser: Guesser) -> None:
        home, office = "198.51.100.7", "198.51.100.8"
        for where in (home, office):
            assert await guesser.guess(PASSWORD, where) is RIGHT
        for _ in range(MOST):
            await guesser.guess("wrong", home)
        assert await guesser.guess(PASSWORD, home) is LOCKED
        assert await guesser.guess(PASSWORD, office) is RIGHT
        assert await guesser.guess(PASSWORD, "192.0.2.1") is RIGHT

    async def test_one_address_against_many_users_has_its_budget(self, guesser: Guesser) -> None:
        """Two guesses each, so that no account is ever closed."""
        node, stranger = guesser.node, "203.0.113.77"
        users = [await make_user(node, "many") for _ in range(times(70, 300))]
        guesser.passwords.compared.clear()
        for user in users:
            for one in range(2):
                await guesser.guess(f"wrong {one}", stranger, user.user_name)
        hashes = {user.password_hash for user in users}
        assert sum(one in hashes for one in guesser.passwords.compared) == ADDRESS_MOST
        assert await guesser.guess(PASSWORD, stranger) is not RIGHT
        assert await guesser.guess(PASSWORD, "203.0.113.78") is RIGHT
        node.clock.forward(minutes=10)
        assert await guesser.guess(PASSWORD, stranger) is RIGHT

    async def test_a_whole_network_of_version_six_is_one_address(self, guesser: Guesser) -> None:
        for one in range(ADDRESS_MOST):
            await guesser.guess("wrong", f"2001:db8::{one:x}:{one:x}", f"nobody-{one}")
        assert await guesser.guess(PASSWORD, "2001:db8:0:0:ffff::1") is not RIGHT
        assert await guesser.guess(PASSWORD, "2001:db8:0:1::1") is RIGHT

    async def test_every_door_counts_for_the_same_lock(self, node: Node, guesser: Guesser, api: Caller) -> None:
        name, user = guesser.user.user_name, guesser.user
        token = node.token(user, ["IdentityServerApi"])
        change = {"userId": str(user.id), "oldPassword": "wrong", "newPassword": NEW_PASSWORD}
        for one in range(MOST):
            async with from_address(node, address(one)) as http:
                if one % 3 == 0:
                    body = {"tenancyName": "default", "usernameOrEmailAddress": name, "password": "wrong"}
                    assert (await http.post(CLASSIC, json=body)).status_code == 400
                elif one % 3 == 1:
                    visitor = Visitor(http)
                    await visitor.open(LOGIN)
                    await visitor.send(400, username=name, password="wrong", organization=str(node.organization_id))
                else:
                    path, headers = (
                        f"/identity_/api/User/{user.id}/changepassword",
                        {"authorization": f"Bearer {token}"},
                    )
                    assert (await http.post(path, json=change, headers=headers)).status_code == 400
        assert await guesser.is_locked()
        assert await guesser.guess(PASSWORD, "192.0.2.1") is LOCKED

    async def test_no_header_makes_an_address_another(self, node: Node, guesser: Guesser) -> None:
        home, name = "198.51.100.7", guesser.user.user_name
        assert await guesser.guess(PASSWORD, home) is RIGHT
        body = {"tenancyName": "default", "usernameOrEmailAddress": name}
        for one in range(MOST):
            await guesser.guess("wrong", address(one))
        claims = ("x-forwarded-for", "x-real-ip", "forwarded", "true-client-ip", "cf-connecting-ip", "x-client-ip")
        async with from_address(node, "203.0.113.99") as http:
            for header in claims:
                sent = {header: f"for={home}" if header == "forwarded" else home}
                answer = await http.post(CLASSIC, json=body | {"password": PASSWORD}, headers=sent)
                assert answer.status_code == 400, header
        async with from_address(node, home) as http:
            assert (await http.post(CLASSIC, json=body | {"password": PASSWORD})).status_code == 200


class Watched(Database):
    """The node's database, which says which statements were sent."""

    def __init__(self, database: Database) -> None:
        super().__init__(database._pool, database._url)
        self.said: list[str] = []

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        return self._watched(super().acquire())

    def transaction(self) -> AbstractAsyncContextManager[Connection]:
        return self._watched(super().transaction())

    @asynccontextmanager
    async def _watched(self, inner: AbstractAsyncContextManager[Connection]) -> AsyncIterator[Connection]:
        async with inner as connection:
            with connection.query_logger(self._note):
                yield connection
                await asyncio.sleep(0)  # what was said is told in the loop's next round

    def _note(self, record: LoggedQuery) -> None:
        self.said.append(" ".join(record.query.split()))


@contextmanager
def watched(node: Node) -> Iterator[Watched]:
    """The statements of the calls in the context; background work does not use this."""
    services = node.composition.services
    former, services.db = services.db, Watched(services.db)
    try:
        yield services.db
    finally:
        services.db = former


TRACE = re.compile(rb"[0-9a-f]{32}-[0-9a-f]{16}")


def seen_by_a_stranger(answer: httpx.Response, name: str) -> tuple[int, bytes, set[str]]:
    """An answer without what is different in every one: the trace, and the name that was typed."""
    body = TRACE.sub(b"", answer.content).replace(name.encode(), b"@")
    return answer.status_code, body, set(answer.headers)


class TestWhoIsThere:
    """R2: the same answer after the same work. How long it takes is measured in test_timing.py."""

    @pytest.fixture
    async def names(self, node: Node, passwords: CheapPasswords, api: Caller) -> dict[str, str]:
        """Names of every kind of user that does not get in with a wrong password."""
        users = {kind: await make_user(node, kind) for kind in ("known", "disabled", "deleted", "locked", "due")}
        there, *_ = await node.make_organization("elsewhere")
        changes = {
            "disabled": "is_active = false",
            "deleted": f"is_active = false, deleted_at = '{node.clock()}'",
            "locked": f"locked_until = '{node.clock() + timedelta(minutes=5)}'",
            "due": "must_change_password = true",
        }
        for kind, change in changes.items():
            await node.rows(f"UPDATE identity.users SET {change} WHERE id = $1", users[kind].id)
        other = await make_user(node, "foreign", there)
        return {kind: user.user_name for kind, user in users.items()} | {
            "unknown": "nobody-of-that-name-at-all",
            "of another organization": other.user_name,
            "by e-mail": str(users["known"].email),
            "of odd letters": "\ufb00\u202e\u00e9",
            "very long": "x" * 5000,
        }

    async def test_the_classic_sign_in_does_the_same_for_everybody(
        self, node: Node, names: dict[str, str], passwords: CheapPasswords
    ) -> None:
        found = {}
        for number, (kind, name) in enumerate(names.items()):
            body = {"tenancyName": "default", "usernameOrEmailAddress": name, "password": "wrong"}
            passwords.compared.clear()
            async with from_address(node, address(70_000 + number)) as http:
                with watched(node) as database:
                    answer = await http.post(CLASSIC, json=body)
            found[kind] = seen_by_a_stranger(answer, name), len(passwords.compared), tuple(database.said)
        assert found["known"][1] == 1
        assert len(found["known"][2]) > 3
        assert {kind: one for kind, one in found.items() if one != found["known"]} == {}

    async def test_the_page_does_the_same_for_everybody(
        self, node: Node, names: dict[str, str], passwords: CheapPasswords
    ) -> None:
        found = {}
        for number, (kind, name) in enumerate(names.items()):
            passwords.compared.clear()
            async with from_address(node, address(80_000 + number)) as http:
                visitor = Visitor(http)
                http.cookies.set("podium-csrf", "A" * 43)  # the same form for everybody
                await visitor.open(LOGIN)
                named = {"username": name, "password": "wrong", "organization": str(node.organization_id)}
                with watched(node) as database:
                    await visitor.send(400, None, **named)
            found[kind] = seen_by_a_stranger(visitor.answer, name), len(passwords.compared), tuple(database.said)
        assert found["known"][1] == 1
        assert {kind: one for kind, one in found.items() if one != found["known"]} == {}

    async def test_a_request_for_a_new_password_does_the_same_for_everybody(
        self, node: Node, names: dict[str, str]
    ) -> None:
        found = {}
        for kind, name in names.items():
            async with from_address(node, "203.0.113.5") as http:
                http.cookies.set("podium-csrf", "A" * 43)
                visitor = Visitor(http)
                await visitor.open(FORGOT)
                with watched(node) as database:
                    await visitor.send(200, username=name, organization=str(node.organization_id))
            found[kind] = seen_by_a_stranger(visitor.answer, name), tuple(database.said)
        assert {kind: one for kind, one in found.items() if one != found["known"]} == {}

    async def test_the_watching_sees_a_difference(self, node: Node, guesser: Guesser) -> None:
        body = {"tenancyName": "default", "usernameOrEmailAddress": guesser.user.user_name, "password": PASSWORD}
        with watched(node) as right:
            assert (await node.http.post(CLASSIC, json=body)).status_code == 200
        with watched(node) as wrong:
            assert (await node.http.post(CLASSIC, json=body | {"password": "wrong"})).status_code == 400
        assert right.said != wrong.said

    async def test_no_other_page_tells_who_is_there(self, node: Node, names: dict[str, str], visitor: Visitor) -> None:
        for name in names.values():
            query = urlencode({"username": name, "userId": name, "email": name, "login_hint": name})
            for page in ("reset", "invitation", "confirm", "second-factor", "password"):
                visitor.answer = await visitor.http.get(f"/identity_/web/{page}?token={'A' * 64}&{query}")
                assert visitor.answer.status_code in (303, 400)
                assert visitor.answer.headers.get("location", f"{LOGIN}?errorCode=expired").startswith(LOGIN)


SECRET_NAMES = re.compile(r"(?:^|_)(?:secret|password|hash|digest|cookie|verifier|csrf|signature)$")


def plain_comparisons(folder: Path) -> list[str]:
    """Where two values, of which one is called a secret, are compared by `==`."""
    found = []
    for file in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text())):
            if not isinstance(node, ast.Compare) or not isinstance(node.ops[0], ast.Eq | ast.NotEq):
                continue
            sides = [node.left, *node.comparators]
            names = [one.attr if isinstance(one, ast.Attribute) else getattr(one, "id", "") for one in sides]
            if any(SECRET_NAMES.search(name) for name in names) and not any(
                isinstance(one, ast.Constant) for one in sides
            ):
                found.append(f"{file.name}:{node.lineno}: {ast.unparse(node)}")
    return found


class TestComparisons:
    """R3: what is compared with a secret is compared in constant time, or looked up by its hash."""

    def test_equality_of_secrets_is_the_constant_time_one(self) -> None:
        assert secrets.same(b"a" * 32, b"a" * 32)
        assert not secrets.same(b"a" * 32, b"a" * 31 + b"b")
        assert not secrets.same("a", "aa")
        source = Path(secrets.__file__).read_text()
        (function,) = [one for one in ast.parse(source).body if isinstance(one, ast.FunctionDef) and one.name == "same"]
        assert "compare_digest" in ast.unparse(function)

    def test_no_secret_is_compared_by_the_equals_sign(self, tmp_path: Path) -> None:
        (tmp_path / "bad.py").write_text("def f(secret, presented):\n    return secret == presented\n")
        assert len(plain_comparisons(tmp_path)) == 1
        for package in (podium.identity, podium.server.pages):
            assert plain_comparisons(Path(str(package.__file__)).parent) == []

    async def test_every_text_that_lets_somebody_in_is_kept_as_a_hash(self, node: Node) -> None:
        rows = await node.rows(
            "SELECT table_name, column_name, data_type FROM information_schema.columns"
            " WHERE table_schema = 'identity' AND column_name ~ '(hash|token|secret|code)$' AND data_type <> 'uuid'"
        )
        kinds = {f"{row['table_name']}.{row['column_name']}": row["data_type"] for row in rows}
        assert len(kinds) > 5
        plain = {name for name, kind in kinds.items() if kind != "bytea" and not name.endswith("password_hash")}
        assert plain <= {"password_history.hash", "users.password_hash"}


class TestLinks:
    """R4."""

    async def link(self, node: Node, user: User, purpose: Any = "reset") -> str:
        async with node.db.transaction() as db:
            return await links.create(db, user.organization_id, purpose, user.id, node.clock())

    async def holds(self, node: Node, token: str, purpose: Any = "reset") -> bool:
        async with node.db.acquire() as db:
            return await links.find(db, purpose, token, node.clock()) is not None

    async def reset(self, visitor: Visitor, token: str, password: str = NEW_PASSWORD) -> int:
        """Use the link as its page does; the status."""
        await visitor.open(f"{RESET}?token={token}")
        await visitor.send(new_password=password, repeated=password)
        return visitor.answer.status_code

    async def test_a_link_holds_256_random_bits_and_is_kept_as_a_hash(self, node: Node, victim: User) -> None:
        made = [await self.link(node, victim) for _ in range(200)]
        raw = [base64.urlsafe_b64decode(one)[16:] for one in made]
        assert {len(one) for one in raw} == {32}
        assert len(set(raw)) == len(made)
        set_bits = [sum(one[bit // 8] >> bit % 8 & 1 for one in raw) for bit in range(256)]
        assert 50 < min(set_bits) <= max(set_bits) < 150  # of 200: seven sigma
        assert organization_of(made[0]) == node.organization_id
        rows = await node.rows("SELECT l::text AS said, token_hash FROM identity.links l WHERE user_id = $1", victim.id)
        assert {len(row["token_hash"]) for row in rows} == {32}
        assert not any(one in row["said"] for row in rows for one in made)

    async def test_it_is_good_once(self, node: Node, victim: User, visitor: Visitor) -> None:
        token = await self.link(node, victim)
        assert await self.reset(visitor, token) == 200
        await visitor.open(f"{RESET}?token={token}", 400)
        assert not await self.holds(node, token)

    async def test_of_ten_uses_at_once_one_is_good(self, node: Node, victim: User, visitor: Visitor) -> None:
        token = await self.link(node, victim)

        async def use() -> bool:
            async with node.db.transaction() as db:
                return await links.take(db, "reset", token, node.clock()) is not None

        assert sum(await asyncio.gather(*(use() for _ in range(10)))) == 1

    async def test_ten_posts_at_once_set_one_password(
        self, node: Node, victim: User, visitor: Visitor, passwords: CheapPasswords
    ) -> None:
        token = await self.link(node, victim)
        await visitor.open(f"{RESET}?token={token}")
        csrf = visitor.text.split('name="csrf" value="')[1].split('"')[0]
        words = [f"quiet kettle {number} lamp" for number in range(10, 20)]
        answers = await asyncio.gather(
            *(
                visitor.http.post(RESET, data={"csrf": csrf, "token": token, "new_password": one, "repeated": one})
                for one in words
            )
        )
        assert Counter(answer.status_code == 200 for answer in answers) == {True: 1, False: 9}
        (right,) = [word for word, answer in zip(words, answers, strict=True) if answer.status_code == 200]
        assert await Guesser(node, passwords, victim).guess(right, "192.0.2.1") is RIGHT

    async def test_it_ends_after_sixty_minutes(self, node: Node, victim: User, visitor: Visitor) -> None:
        assert LIVES["reset"] == timedelta(minutes=60)
        token = await self.link(node, victim)
        node.clock.forward(seconds=3599)
        await visitor.open(f"{RESET}?token={token}")
        node.clock.forward(seconds=1)
        await visitor.send(400, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        await visitor.open(f"{RESET}?token={token}", 400)

    async def test_an_invitation_ends_after_seven_days(self, node: Node, victim: User, visitor: Visitor) -> None:
        token = await self.link(node, victim, "invitation")
        node.clock.forward(days=7, seconds=-1)
        await visitor.open(f"/identity_/web/invitation?token={token}")
        node.clock.forward(seconds=1)
        await visitor.send(400, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)

    async def test_it_is_good_for_its_purpose_only(self, node: Node, victim: User, visitor: Visitor) -> None:
        pages = {"reset": RESET, "invitation": "/identity_/web/invitation", "confirmation": "/identity_/web/confirm"}
        for purpose in pages:
            token = await self.link(node, victim, purpose)
            for other, page in pages.items():
                if other != purpose:
                    await visitor.open(f"{page}?token={token}", 400)
            assert await self.holds(node, token, purpose)

    async def test_a_newer_one_ends_the_older(self, node: Node, victim: User) -> None:
        old = await self.link(node, victim)
        invitation = await self.link(node, victim, "invitation")
        new = await self.link(node, victim)
        assert [await self.holds(node, one) for one in (old, new)] == [False, True]
        assert await self.holds(node, invitation, "invitation")

    @pytest.mark.parametrize("how", ["himself", "administrator"])
    async def test_a_new_password_ends_it(self, node: Node, pm: Caller, victim: User, how: str) -> None:
        """Whoever read an old mail does not come in an hour after the user has noticed and changed the password."""
        token = await self.link(node, victim)
        if how == "himself":
            body = {"userId": str(victim.id), "oldPassword": PASSWORD, "newPassword": NEW_PASSWORD}
            own = pm.bearer(node.token(victim, ["IdentityServerApi"]))
            assert (await own.request("POST", f"/identity_/api/User/{victim.id}/changepassword", body)).status == 200
        else:
            await pm.put(f"/identity_/api/User/{victim.id}", {"password": NEW_PASSWORD})
        assert not await self.holds(node, token)

    async def test_it_does_not_let_a_disabled_user_in(
        self, node: Node, victim: User, visitor: Visitor, passwords: CheapPasswords
    ) -> None:
        token = await self.link(node, victim)
        await node.rows("UPDATE identity.users SET is_active = false WHERE id = $1", victim.id)
        visitor.answer = await visitor.http.get(f"{RESET}?token={token}")
        if visitor.answer.status_code == 200:
            await visitor.send(new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert await Guesser(node, passwords, victim).guess(NEW_PASSWORD, "192.0.2.1") is not RIGHT
        assert not visitor.cookie("podium")

    async def test_a_text_near_it_is_none(self, node: Node, victim: User, visitor: Visitor) -> None:
        token = await self.link(node, victim)
        near = [token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :] for at in range(0, 64, 5)]
        for one in [*near, token[:-1], f"{token}A", f"{token}=", token.swapcase(), "", "A" * 64, "' OR 1=1 --"]:
            visitor.answer = await visitor.http.get(RESET, params={"token": one})
            assert visitor.answer.status_code == 400, one
        assert await self.holds(node, token)

    async def test_three_mails_an_hour_however_often_somebody_asks(
        self, node: Node, victim: User, visitor: Visitor
    ) -> None:
        await visitor.open(FORGOT)
        form = {"username": victim.user_name, "organization": str(node.organization_id)}
        for _ in range(12):
            await visitor.open(FORGOT)
            await visitor.send(200, None, **form)
        await node.run_loop("recovery.send")
        rows = await node.rows("SELECT count(*) FROM identity.links WHERE user_id = $1", victim.id)
        assert rows[0]["count"] == 3


async def sign_in(visitor: Visitor, node: Node, user: User, **more: str) -> str:
    """Through the page; the session's cookie."""
    await visitor.open(f"{LOGIN}?errorCode=200")
    named = {"username": user.user_name, "password": PASSWORD, "organization": str(node.organization_id)}
    await visitor.send(303, None, **named, **more)
    cookie = visitor.cookie("podium")
    assert cookie
    return cookie


def plant(visitor: Visitor, cookie: str) -> None:
    """Put a session's cookie into the browser in place of its own."""
    visitor.http.cookies.set("podium", cookie, domain="podium.test")


async def is_in(node: Node, cookie: str) -> bool:
    """Whether a browser with this cookie is signed in."""
    answer = await node.http.get(ACCOUNT, headers={"cookie": f"podium={cookie}"})
    return answer.status_code == 200


class TestSessions:
    """R5."""

    @pytest.fixture(autouse=True)
    async def _cheap(self, passwords: CheapPasswords) -> None:
        """Many people sign in here."""

    @pytest.fixture
    async def person(self, node: Node, _cheap: None) -> User:
        return await make_user(node, "person")

    async def test_a_cookie_that_was_planted_is_never_a_session(
        self, node: Node, person: User, visitor: Visitor
    ) -> None:
        for planted in ("A" * 43, "x", "", "' OR 1=1 --", "podium"):
            plant(visitor, planted)
            visitor.answer = await visitor.http.get(LOGIN)
            fresh = [one for one in visitor.answer.headers.get_list("set-cookie") if one.startswith("podium=")]
            assert fresh == []  # a session begins with a sign-in, not with a visit
            cookie = await sign_in(visitor, node, person)
            assert cookie != planted
            assert not await is_in(node, planted)
            assert await is_in(node, cookie)

    async def test_each_sign_in_gives_a_new_cookie_and_the_former_is_nobodys(
        self, node: Node, person: User, visitor: Visitor
    ) -> None:
        first = await sign_in(visitor, node, person)
        second = await sign_in(visitor, node, person)
        assert first != second
        assert [await is_in(node, one) for one in (first, second)] == [False, True]

    async def test_a_sign_in_over_the_attackers_session_ends_that(
        self, node: Node, person: User, visitor: Visitor, other_visitor: Visitor
    ) -> None:
        """The attacker plants his own session in the victim's browser, and waits for her to sign in."""
        attacker = await make_user(node, "attacker")
        planted = await sign_in(other_visitor, node, attacker)
        plant(visitor, planted)
        hers = await sign_in(visitor, node, person)
        assert hers != planted
        assert not await is_in(node, planted)
        (row,) = await node.rows(
            "SELECT user_id FROM identity.sessions WHERE token_hash = $1", secrets.hash_machine_secret(hers)
        )
        assert row["user_id"] == person.id

    async def test_two_cookies_of_that_name_are_none(self, node: Node, person: User, visitor: Visitor) -> None:
        cookie = await sign_in(visitor, node, person)
        answer = await node.http.get(ACCOUNT, headers={"cookie": f"podium={cookie}; podium={'A' * 43}"})
        assert answer.status_code == 303
        assert await is_in(node, cookie)

    async def test_it_ends_after_thirty_idle_minutes(self, node: Node, person: User, visitor: Visitor) -> None:
        cookie = await sign_in(visitor, node, person)
        node.clock.forward(minutes=29, seconds=59)
        assert await is_in(node, cookie)
        node.clock.forward(minutes=30)
        assert not await is_in(node, cookie)

    async def test_it_ends_after_twelve_hours_however_busy(self, node: Node, person: User, visitor: Visitor) -> None:
        cookie = await sign_in(visitor, node, person)
        for _ in range(47):
            node.clock.forward(minutes=15)
            assert await is_in(node, cookie)
        node.clock.forward(minutes=14, seconds=59)
        assert await is_in(node, cookie)
        node.clock.forward(seconds=1)
        assert not await is_in(node, cookie)

    async def test_a_remembered_one_ends_after_fourteen_days(self, node: Node, person: User, visitor: Visitor) -> None:
        cookie = await sign_in(visitor, node, person, remember="true")
        node.clock.forward(days=13, hours=23)
        assert await is_in(node, cookie)
        node.clock.forward(hours=1)
        assert not await is_in(node, cookie)

    @pytest.mark.parametrize("door", ["page", "protocol", "another of the user's browsers"])
    async def test_signing_out_ends_its_cookie_and_all_its_tokens(
        self, node: Node, person: User, visitor: Visitor, other_visitor: Visitor, door: str
    ) -> None:
        cookie, kept = await sign_in(visitor, node, person), await sign_in(other_visitor, node, person)
        party = await register(node)
        given, stays = [await party.tokens(Browser(node, one)) for one in (cookie, kept)]
        if door == "page":
            await visitor.open(LOGOUT)
            await visitor.send(200)
            assert not visitor.cookie("podium")
        elif door == "protocol":
            await Browser(node, cookie).get("/identity_/connect/endsession", {"id_token_hint": given["id_token"]})
        else:
            (row,) = await node.rows(
                "SELECT id FROM identity.sessions WHERE token_hash = $1", secrets.hash_machine_secret(cookie)
            )
            await other_visitor.open("/identity_/web/account/sessions")
            await other_visitor.send(None, session=str(row["id"]), action="end", id=str(row["id"]))
        assert not await is_in(node, cookie)
        assert not await party.is_good(given["access_token"])
        assert (await party.refresh(given["refresh_token"])).status_code == 400
        assert await is_in(node, kept)
        assert await party.is_good(stays["access_token"])
        assert (await party.refresh(stays["refresh_token"])).status_code == 200

    async def test_a_visit_or_a_strangers_hint_signs_nobody_out(
        self, node: Node, person: User, visitor: Visitor, other_visitor: Visitor, public: Party
    ) -> None:
        cookie = await sign_in(visitor, node, person)
        stranger = await make_user(node, "stranger")
        theirs = await public.tokens(Browser(node, await sign_in(other_visitor, node, stranger)))
        browser = Browser(node, cookie)
        await browser.get(LOGOUT)
        for sent in ({}, {"id_token_hint": theirs["id_token"]}, {"id_token_hint": "x"}, {"state": "x"}):
            answer = await browser.get("/identity_/connect/endsession", sent)
            assert answer.headers["location"].endswith("/web/logout")
        answer = await node.http.post(LOGOUT, data={}, headers={"cookie": f"podium={cookie}"})
        assert answer.status_code == 400
        assert await is_in(node, cookie)

    async def test_a_new_password_ends_every_other_session(
        self, node: Node, person: User, visitor: Visitor, other_visitor: Visitor
    ) -> None:
        here, there = await sign_in(visitor, node, person), await sign_in(other_visitor, node, person)
        party = await register(node)
        tokens = await party.tokens(Browser(node, there))
        await visitor.open("/identity_/web/account/password")
        await visitor.send(200, old_password=PASSWORD, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert [await is_in(node, one) for one in (here, there)] == [True, False]
        assert not await party.is_good(tokens["access_token"])
        assert (await party.refresh(tokens["refresh_token"])).status_code == 400

    async def test_a_reset_ends_every_session(
        self, node: Node, person: User, visitor: Visitor, other_visitor: Visitor
    ) -> None:
        cookie = await sign_in(visitor, node, person)
        async with node.db.transaction() as db:
            token = await links.create(db, person.organization_id, "reset", person.id, node.clock())
        await other_visitor.open(f"{RESET}?token={token}")
        await other_visitor.send(200, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert not await is_in(node, cookie)
        assert not other_visitor.cookie("podium")  # whoever has the link is not signed in by it

    async def test_what_is_proved_so_far_is_no_session(self, node: Node, person: User, visitor: Visitor) -> None:
        """A right password with a second step to come gives a sealed note, which opens nothing and holds for minutes."""
        await node.rows("UPDATE identity.users SET must_change_password = true WHERE id = $1", person.id)
        await visitor.open(f"{LOGIN}?errorCode=200")
        named = {"username": person.user_name, "password": PASSWORD, "organization": str(node.organization_id)}
        await visitor.send(303, None, **named)
        note = visitor.cookie("podium-pending")
        assert note
        assert visitor.location.startswith("/identity_/web/password")
        assert not visitor.cookie("podium")
        for cookie in (note, note[:43]):
            assert not await is_in(node, cookie)
        await visitor.open("/identity_/web/password")
        node.clock.forward(seconds=PENDING_LASTS.total_seconds())
        await visitor.open("/identity_/web/password", 303)
        for at in range(0, len(note), 11):
            changed = note[:at] + ("A" if note[at] != "A" else "B") + note[at + 1 :]
            answer = await node.http.get("/identity_/web/password", headers={"cookie": f"podium-pending={changed}"})
            assert answer.status_code == 303

    async def test_the_cookie_is_out_of_reach_of_scripts_and_other_sites(
        self, node: Node, person: User, visitor: Visitor
    ) -> None:
        await sign_in(visitor, node, person)
        given = visitor.answer.headers.get_list("set-cookie")
        assert given
        assert all("; HttpOnly" in one and "; SameSite=Lax" in one and "Domain" not in one for one in given)

    async def test_a_disabled_user_is_out_at_the_next_click(self, node: Node, person: User, visitor: Visitor) -> None:
        cookie = await sign_in(visitor, node, person)
        await node.rows("UPDATE identity.users SET is_active = false WHERE id = $1", person.id)
        assert not await is_in(node, cookie)


async def test_the_administrator_of_a_fresh_installation_has_no_password_that_everybody_knows(node: Node) -> None:
    issuer = node.port(Issuer)
    (row,) = await node.rows("SELECT password_hash FROM identity.users WHERE id = $1", node.admin)
    assert await issuer.passwords.verify(row["password_hash"], ADMIN_PASSWORD)
    for known in ("", "admin", "password", "Admin123", "890iop", "changeme", "podium"):
        assert not await issuer.passwords.verify(row["password_hash"], known)

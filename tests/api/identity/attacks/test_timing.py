"""R2, R3 and T11 by the clock; only in the full run, because a few measurements say nothing (conftest.py)."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from datetime import timedelta
from statistics import median
from uuid import UUID, uuid4

import pytest

from podium.identity.clients.rules import Client, Secret, is_own_secret
from podium.identity.issuer import Issuer
from podium.identity.users.actions import check_password
from podium.identity.users.passwords import Passwords
from podium.identity.users.rules import Attempt, LoginResult
from podium.kernel.secrets import hash_machine_secret, same
from tests.api.identity.attacks.conftest import from_address, make_user
from tests.api.identity.attacks.timing import MOST, compared, measure, measure_calls, order, welch
from tests.api.identity.oidc.conftest import SECRET, register
from tests.api.identity.pages.conftest import Visitor
from tests.conftest import START, Node

N = 1000
N_COMPARED = 20_000
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
PER_USER = 8  # fewer than what locks an account


def address(number: int) -> str:
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


def judge(times: tuple[list[int], list[int]], *, each: int = 1) -> None:
    """Say the figures (`pytest -rP` shows them), and that they are the same."""
    t, medians = compared(*times), [round(median(one) / 1000 / each, 2) for one in times]
    print(f"t = {t:.2f} ({welch(*times):.2f} of all), medians {medians[0]} and {medians[1]} us")
    assert abs(t) < MOST, (t, medians)


class TestTheMethod:
    async def test_it_finds_a_difference(self) -> None:
        """As much as a comparison that stops at the first wrong letter would make."""
        for rounds, is_seen in (((100, 100), False), ((100, 110), True)):

            def work(kind: int, _: int, rounds: tuple[int, int] = rounds) -> int:
                return sum(range(rounds[kind]))

            found = measure_calls(work, 2000, 10)
            assert (abs(compared(*found)) > MOST) is is_seen


class TestWhoIsThere:
    """R2: a user who is there and one who is not, with a wrong password, each a thousand times in turn."""

    @pytest.fixture
    async def known(self, node: Node) -> list[str]:
        return [(await make_user(node, "known")).user_name for _ in range(N // PER_USER)]

    @pytest.fixture
    def unknown(self, known: list[str]) -> list[str]:
        """As long as the others."""
        return [f"nobody-{uuid4().hex[:12]}" for _ in known]

    @pytest.mark.parametrize("hashes", ["as installed", "cheap"])
    async def test_a_password_check_takes_as_long(
        self, node: Node, known: list[str], unknown: list[str], hashes: str
    ) -> None:
        """With cheap hashes what is left is the database's part, which the hash would drown."""
        passwords = Passwords() if hashes == "as installed" else Passwords(time_cost=1, memory_kib=64)
        cheap = Passwords(time_cost=1, memory_kib=64)
        stored = await (passwords if hashes == "as installed" else cheap).hash("the password that nobody tries")
        await node.rows("UPDATE identity.users SET password_hash = $1 WHERE user_name = ANY($2)", stored, known)
        count = iter(range(10**6))

        def tries(names: list[str]) -> Callable[[int], Awaitable[object]]:
            async def one(run: int) -> object:
                attempt = Attempt(names[run % len(names)], address(next(count)), "Classic", "tests")
                result, user = await check_password(
                    node.db, passwords, node.organization_id, attempt, "wrong", node.clock()
                )
                assert user is None
                assert result is not LoginResult.LOCKED_OUT
                return result

            return one

        await measure((tries(known[:1]), tries(unknown[:1])), 1)
        judge(await measure((tries(known), tries(unknown)), N))

    async def test_a_request_for_a_new_password_takes_as_long(
        self, node: Node, known: list[str], unknown: list[str]
    ) -> None:
        async with from_address(node, "203.0.113.5") as http:
            visitor = Visitor(http)
            await visitor.open("/identity_/web/forgot")
            page = visitor.answer

            def asks(names: list[str]) -> Callable[[int], Awaitable[object]]:
                async def one(run: int) -> object:
                    visitor.answer = page
                    return await visitor.send(200, username=names[run % len(names)])

                return one

            await measure((asks(known), asks(unknown)), 20)
            judge(await measure((asks(known), asks(unknown)), N))


class TestSecrets:
    """R3 and T11: one letter from right and nothing from right."""

    @pytest.fixture
    def guesses(self) -> tuple[str, tuple[list[str], list[str]]]:
        """A secret, texts that are wrong in their first letter, and texts that are wrong in their last one.

        Made in one way and by turns: where a text lies in memory is to be seen in its time as well.
        """
        right = secrets.token_urlsafe(32)
        made: tuple[list[str], list[str]] = [], []
        for kind in order(N_COMPARED):
            at = (0, len(right) - 1)[kind]
            wrong = secrets.choice([one for one in LETTERS if one != right[at]])
            made[kind].append("".join((right[:at], wrong, right[at + 1 :])))
        return right, made

    def test_a_comparison_takes_as_long(self, guesses: tuple[str, tuple[list[str], list[str]]]) -> None:
        right, texts = guesses
        judge(measure_calls(lambda kind, run: same(texts[kind][run], right), N_COMPARED, 10), each=10)

    def test_a_clients_secret_takes_as_long(self, guesses: tuple[str, tuple[list[str], list[str]]]) -> None:
        right, texts = guesses
        stored = (Secret(hash_machine_secret(right), START + timedelta(days=1)),)
        client = Client(
            UUID(int=1), UUID(int=2), "c", "external", "C", True, (), (), (), takes_any_scope=False, secrets=stored
        )
        assert is_own_secret(client, (right,), START)
        times = measure_calls(lambda kind, run: is_own_secret(client, (texts[kind][run],), START), N_COMPARED, 4)
        judge(times, each=4)

    async def test_the_token_endpoint_takes_as_long(self, node: Node) -> None:
        party = await register(node, secret=SECRET, application_scopes=("OR.Folders",))
        node.port(Issuer).clients.forget()

        def asks(secret: str) -> Callable[[int], Awaitable[object]]:
            form = {"grant_type": "client_credentials", "client_secret": secret}
            return lambda _: party.post("/connect/token", form)

        kinds = asks("X" + SECRET[1:]), asks(f"{SECRET[:-1]}X")
        await measure(kinds, 50)
        judge(await measure(kinds, N * 2))

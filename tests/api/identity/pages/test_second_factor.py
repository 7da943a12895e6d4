"""The second step of a sign-in, without a browser; passkeys are tried in tests/browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest

from podium.identity.second_factors import actions as second_factors
from podium.identity.settings.known import SECOND_FACTOR
from podium.kernel.keyring import Keyring
from tests.api.identity.pages.conftest import Forms, Visitor, new_http
from tests.api.identity.pages.persons import (
    NEW_PASSWORD,
    PASSWORD,
    code_of,
    codes_on,
    make_user,
    secret_on,
    sessions_of,
    set_setting,
    trail_of,
)
from tests.api.identity.people import sign_in
from tests.conftest import Node

ACCOUNT = "/identity_/web/account"
AUTHENTICATOR = f"{ACCOUNT}/authenticator"
RECOVERY_CODES = f"{ACCOUNT}/recovery-codes"
LOGIN = "/identity_/web/login"
STEP = "/identity_/web/second-factor"


async def with_authenticator(node: Node, name: str, *, must_change: bool = False) -> tuple[UUID, str]:
    """A person with PASSWORD and an authenticator; id and secret."""
    user = await make_user(node, name, must_change=must_change)
    secret, now = second_factors.new_totp_secret(), node.clock()
    async with node.db.transaction() as db:
        assert await second_factors.enrol_totp(
            db, node.port(Keyring), node.organization_id, user.id, secret, code_of(secret, now), now
        )
    node.clock.forward(seconds=30)
    return user.id, secret


async def step(visitor: Visitor, name: str) -> None:
    """Signed in with the password, on the page of the second step."""
    location = await visitor.sign_in(name, PASSWORD)
    assert location.startswith(STEP)
    await visitor.open(location)


@pytest.fixture
async def required(node: Node) -> AsyncIterator[None]:
    """The organization asks everybody for a second factor."""
    await set_setting(node, SECOND_FACTOR, "true")
    yield
    await set_setting(node, SECOND_FACTOR, "false")


class TestProve:
    async def test_303_with_a_code_of_the_authenticator(self, visitor: Visitor, node: Node) -> None:
        id_, secret = await with_authenticator(node, "careful")
        await step(visitor, "careful")
        assert await sessions_of(node, id_) == []
        await visitor.send(303, code=code_of(secret, node.clock()))
        assert visitor.location == ACCOUNT
        (row,) = await node.rows("SELECT methods FROM identity.sessions WHERE user_id = $1", id_)
        assert row["methods"] == ["pwd", "otp", "mfa"]

    @pytest.mark.parametrize("apart", [-1, 1])
    async def test_303_with_a_clock_half_a_minute_off(self, visitor: Visitor, node: Node, apart: int) -> None:
        _, secret = await with_authenticator(node, f"off{apart + 1}")
        node.clock.forward(minutes=1)
        await step(visitor, f"off{apart + 1}")
        await visitor.send(303, code=code_of(secret, node.clock(), apart))

    async def test_400_with_a_code_that_was_used(self, visitor: Visitor, other_visitor: Visitor, node: Node) -> None:
        _, secret = await with_authenticator(node, "watched")
        await step(visitor, "watched")
        code = code_of(secret, node.clock())
        await visitor.send(303, code=code)
        await step(other_visitor, "watched")
        await other_visitor.send(400, code=code)
        assert "was used already" in other_visitor.text
        await other_visitor.send(400, code=code_of(secret, node.clock(), -1))  # an older one neither

    async def test_a_code_is_taken_once_of_many_at_once(self, node: Node) -> None:
        id_, secret = await with_authenticator(node, "raced")
        visitors = [Visitor(new_http(node)) for _ in range(4)]
        for one in visitors:
            await step(one, "raced")
        code = code_of(secret, node.clock())
        answers = await asyncio.gather(*(one.send(code=code) for one in visitors))
        assert sorted(answer.status_code for answer in answers) == [303, 400, 400, 400]
        assert len(await sessions_of(node, id_)) == 1
        for one in visitors:
            await one.http.aclose()

    async def test_429_after_ten_wrong_ones_and_nobody_is_locked_out_of_the_password(
        self, visitor: Visitor, other_visitor: Visitor, node: Node
    ) -> None:
        id_, secret = await with_authenticator(node, "guessed")
        await step(visitor, "guessed")
        for number in range(10):
            await visitor.send(400, code=f"{number:06}")
        await visitor.send(429, code=code_of(secret, node.clock()))
        assert "Wait ten minutes" in visitor.text
        await step(other_visitor, "guessed")
        await other_visitor.send(429, code=code_of(secret, node.clock()))
        assert await sessions_of(node, id_) == []
        node.clock.forward(minutes=11)
        await step(visitor, "guessed")
        await visitor.send(303, code=code_of(secret, node.clock()))

    async def test_of_many_guesses_at_once_no_more_than_ten_are_looked_at(self, visitor: Visitor, node: Node) -> None:
        await with_authenticator(node, "stormed")
        await step(visitor, "stormed")
        csrf = Forms(visitor.text).found[0][1]["csrf"]
        guesses = [{"csrf": csrf, "code": f"{number:06}"} for number in range(25)]
        answers = await asyncio.gather(*(visitor.http.post(STEP, data=guess) for guess in guesses))
        statuses = [answer.status_code for answer in answers]
        assert (statuses.count(400), statuses.count(429)) == (10, 15)

    async def test_303_with_a_recovery_code_once(self, visitor: Visitor, other_visitor: Visitor, node: Node) -> None:
        id_, _ = await with_authenticator(node, "without.phone")
        async with node.db.transaction() as db:
            codes = await second_factors.new_recovery_codes(db, node.organization_id, id_, node.clock())
        await step(visitor, "without.phone")
        await visitor.send(303, code=codes[0].upper().replace("-", " "))
        assert ("Authentication", "RecoveryCodeUsed") in await trail_of(node, id_)
        await step(other_visitor, "without.phone")
        await other_visitor.send(400, code=codes[0])
        await other_visitor.send(303, code=codes[1])

    @pytest.mark.parametrize(
        "code", ["", " ", "12345", "1234567", "١٢٣٤٥٦", "abcdef", "x" * 3000, "%00", "aaaa-aaaa-aaaa-aaaa"]
    )
    async def test_400_with_text_that_is_no_code(self, visitor: Visitor, node: Node, code: str) -> None:
        name = f"typing{len(code)}{ord(code[:1] or ' ')}"
        await with_authenticator(node, name)
        await step(visitor, name)
        await visitor.send(400, code=code)

    @pytest.mark.parametrize(
        "credential",
        [
            "x",
            "[]",
            "{}",
            '{"rawId":1}',
            '{"rawId":"!!"}',
            '{"id":"eHg","rawId":"eHg","type":"public-key"}',
            "[" * 9000,
        ],
    )
    async def test_400_with_text_that_is_no_passkey(self, visitor: Visitor, node: Node, credential: str) -> None:
        name = f"keyless{len(credential)}{ord(credential[0])}"
        await with_authenticator(node, name)
        await step(visitor, name)
        await visitor.send(400, credential=credential, challenge="eHg=")

    async def test_303_back_to_the_sign_in_without_the_first_step(self, visitor: Visitor) -> None:
        await visitor.open(STEP, 303)
        assert visitor.location == f"{LOGIN}?errorCode=expired"
        await visitor.open(f"{STEP}?returnUrl=https://evil.test/", 303)
        assert visitor.location == f"{LOGIN}?errorCode=expired"

    async def test_303_back_to_the_sign_in_when_it_took_too_long(self, visitor: Visitor, node: Node) -> None:
        _, secret = await with_authenticator(node, "slow")
        location = await visitor.sign_in("slow", PASSWORD, returnUrl="/identity_/web/account/sessions")
        await visitor.open(location)
        node.clock.forward(minutes=10)
        await visitor.send(303, code=code_of(secret, node.clock()))
        assert visitor.location == f"{LOGIN}?returnUrl=%2Fidentity_%2Fweb%2Faccount%2Fsessions&errorCode=expired"

    async def test_303_back_to_the_sign_in_for_who_was_disabled(self, visitor: Visitor, node: Node) -> None:
        id_, secret = await with_authenticator(node, "stopped")
        await step(visitor, "stopped")
        await node.rows("UPDATE identity.users SET is_active = false WHERE id = $1", id_)
        await visitor.send(303, code=code_of(secret, node.clock()))
        assert visitor.location.startswith(LOGIN)
        assert await sessions_of(node, id_) == []

    async def test_the_due_password_comes_after_it(self, visitor: Visitor, node: Node) -> None:
        id_, secret = await with_authenticator(node, "due", must_change=True)
        await step(visitor, "due")
        await visitor.open("/identity_/web/password", 303)  # not before
        assert visitor.location.startswith(LOGIN)
        await step(visitor, "due")
        await visitor.send(303, code=code_of(secret, node.clock()))
        assert visitor.location.startswith("/identity_/web/password")
        await visitor.open(STEP, 303)  # proved is proved
        await step(visitor, "due")
        node.clock.forward(seconds=30)
        await visitor.send(303, code=code_of(secret, node.clock()))
        await visitor.open(visitor.location)
        await visitor.send(400, new_password=PASSWORD, repeated=PASSWORD)
        assert "You had this password before" in visitor.text
        await visitor.send(303, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert visitor.location == ACCOUNT
        assert len(await sessions_of(node, id_)) == 1


class TestClassicSignIn:
    async def test_400_only_after_the_right_password(self, node: Node) -> None:
        await with_authenticator(node, "classic")
        wrong = await sign_in(node, "classic", "not it")
        right = await sign_in(node, "classic", PASSWORD)
        assert (wrong.status, right.status) == (400, 400)
        assert "second factor" not in wrong.json["message"]
        assert "second factor" in right.json["message"]


@pytest.mark.usefixtures("required")
class TestEnrolment:
    async def test_303_past_the_recovery_codes_to_where_one_was_going(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "beginner")
        goes_to = "/identity_/web/account/sessions"
        location = await visitor.sign_in("beginner", PASSWORD, returnUrl=goes_to)
        await visitor.open(location)
        assert "Set up an authenticator" in visitor.text
        secret = secret_on(visitor.text)
        await visitor.send(400, code="000000")
        assert secret_on(visitor.text) == secret
        await visitor.send(303, code=code_of(secret, node.clock()))
        assert visitor.location == f"{RECOVERY_CODES}?returnUrl=%2Fidentity_%2Fweb%2Faccount%2Fsessions"
        await visitor.open(visitor.location)
        assert f'href="{goes_to}"' in visitor.text
        await visitor.send(200)
        assert len(codes_on(visitor.text)) == 10
        assert f'href="{goes_to}"' in visitor.text
        assert ("User", "Update") in await trail_of(node, user.id)

    async def test_another_browser_is_shown_another_secret(
        self, visitor: Visitor, other_visitor: Visitor, node: Node
    ) -> None:
        await make_user(node, "shadowed")
        await step(visitor, "shadowed")
        await step(other_visitor, "shadowed")
        seen = secret_on(other_visitor.text)
        assert secret_on(visitor.text) != seen
        await visitor.send(303, code=code_of(secret_on(visitor.text), node.clock()))
        await other_visitor.send(400, code=code_of(seen, node.clock()))

    async def test_400_with_the_form_of_another_person(
        self, visitor: Visitor, other_visitor: Visitor, node: Node
    ) -> None:
        await make_user(node, "one.of.two")
        await make_user(node, "two.of.two")
        await step(visitor, "one.of.two")
        await step(other_visitor, "two.of.two")
        fields = Forms(other_visitor.text).found[0][1]
        code = code_of(secret_on(other_visitor.text), node.clock())
        await visitor.send(400, authenticator=fields["authenticator"], code=code)

    async def test_the_secret_is_not_in_the_database_as_it_is(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "sealed")
        await step(visitor, "sealed")
        secret = secret_on(visitor.text).replace(" ", "")
        await visitor.send(303, code=code_of(secret, node.clock()))
        (row,) = await node.rows("SELECT sealed FROM identity.totp WHERE user_id = $1", user.id)
        assert secret.encode() not in row["sealed"]
        assert await node.rows("SELECT 1 FROM kernel.audit t WHERE strpos(t::text, $1) > 0", secret) == []

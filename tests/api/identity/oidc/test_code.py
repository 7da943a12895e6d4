"""Codes at the token endpoint: what they give, once, and to whom."""

from __future__ import annotations

import asyncio

import pytest

from podium.identity.issuer import Issuer
from podium.identity.sessions import actions as sessions
from podium.identity.sessions.rules import Session
from podium.identity.tokens.claims import at_hash
from podium.identity.users.rules import User
from tests.conftest import Node

from .conftest import ISSUER, SECRET, Browser, Party, claims_of, register

OTHER_VERIFIER = "another-verifier-of-43-characters-at-the-least"


def refusal(answer: object) -> tuple[int, str]:
    status, body = answer.status_code, answer.json()  # type: ignore[attr-defined]
    return status, body["error"]


class TestRedeem:
    async def test_200_with_the_tokens_of_the_user(self, public: Party, browser: Browser, admin: User) -> None:
        tokens = await public.tokens(browser)
        assert (tokens["token_type"], tokens["expires_in"]) == ("Bearer", 3600)
        assert tokens["scope"].split() == ["openid", "profile", "email", "offline_access", "OR.Jobs"]
        claims = claims_of(tokens["access_token"])
        assert claims["sub"] == str(admin.id)
        assert claims["scope"] == tokens["scope"].split()
        assert await public.is_good(tokens["access_token"])

    async def test_200_the_id_token_says_what_decision_15_wants(
        self, public: Party, browser: Browser, admin: User, node: Node
    ) -> None:
        tokens = await public.tokens(browser)
        claims = claims_of(tokens["id_token"])
        assert browser.session is not None
        now = int(node.clock().timestamp())
        assert claims["iss"] == ISSUER
        assert claims["sub"] == str(admin.id)
        assert claims["aud"] == public.client_id
        assert (claims["iat"], claims["exp"]) == (now, now + 300)
        assert claims["auth_time"] == int(browser.session.authenticated_at.timestamp())
        assert claims["nonce"] == "nonce-1"
        assert claims["at_hash"] == at_hash(tokens["access_token"])
        assert claims["sid"] == str(browser.session.id)
        assert claims["amr"] == ["pwd"]
        assert claims["prt_id"] == str(node.organization_id)
        assert claims["preferred_username"] == "admin"
        assert claims["email"] == admin.email

    async def test_200_claims_only_of_the_scopes_that_were_granted(self, public: Party, browser: Browser) -> None:
        tokens = await public.tokens(browser, scope="openid")
        assert not {"email", "name", "preferred_username"} & set(claims_of(tokens["id_token"]))
        assert "refresh_token" not in tokens

    async def test_200_without_openid_there_is_no_id_token(self, public: Party, browser: Browser) -> None:
        assert "id_token" not in await public.tokens(browser, scope="OR.Jobs")

    async def test_200_without_a_nonce_there_is_none(self, public: Party, browser: Browser) -> None:
        assert "nonce" not in claims_of((await public.tokens(browser, nonce=None))["id_token"])

    async def test_200_an_empty_scope_field_is_no_wish(self, public: Party, browser: Browser) -> None:
        answer = await public.redeem(await public.code(browser), scope="")
        assert answer.status_code == 200, answer.text
        assert "no-store" in answer.headers["cache-control"]

    async def test_200_for_a_client_with_a_secret_without_pkce(self, confidential: Party, browser: Browser) -> None:
        code = await confidential.code(browser, code_challenge=None, code_challenge_method=None)
        assert (await confidential.redeem(code, code_verifier=None)).status_code == 200

    async def test_an_id_token_is_no_access_token(self, public: Party, browser: Browser) -> None:
        assert not await public.is_good((await public.tokens(browser))["id_token"])


class TestRefusals:
    @pytest.mark.parametrize("missing", ["code", "redirect_uri"])
    async def test_400_for_a_missing_field(self, public: Party, browser: Browser, missing: str) -> None:
        answer = await public.redeem(await public.code(browser), **{missing: None})
        assert refusal(answer) == (400, "invalid_request")

    @pytest.mark.parametrize(
        "wrong",
        [
            {"code_verifier": OTHER_VERIFIER},
            {"code_verifier": None},
            {"code_verifier": "short"},
            {"redirect_uri": "https://app.test/other"},
        ],
    )
    async def test_400_for_another_verifier_or_address_and_the_code_is_spent(
        self, public: Party, browser: Browser, wrong: dict[str, str | None]
    ) -> None:
        code = await public.code(browser)
        assert refusal(await public.redeem(code, **wrong)) == (400, "invalid_grant")
        assert refusal(await public.redeem(code)) == (400, "invalid_grant")

    async def test_400_for_a_verifier_without_a_challenge(self, confidential: Party, browser: Browser) -> None:
        code = await confidential.code(browser, code_challenge=None, code_challenge_method=None)
        assert refusal(await confidential.redeem(code)) == (400, "invalid_grant")

    async def test_400_for_another_client_and_the_code_is_left_to_its_own(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        other, code = await register(node), await public.code(browser)
        assert refusal(await other.redeem(code)) == (400, "invalid_grant")
        assert (await public.redeem(code)).status_code == 200

    async def test_400_after_five_minutes(self, node: Node, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        node.clock.forward(minutes=5)
        assert refusal(await public.redeem(code)) == (400, "invalid_grant")

    @pytest.mark.parametrize("secret", [None, "wrong"])
    async def test_400_without_the_secret(self, confidential: Party, browser: Browser, secret: str | None) -> None:
        code = await confidential.code(browser)
        assert refusal(await confidential.redeem(code, client_secret=secret)) == (400, "invalid_client")
        assert (await confidential.redeem(code)).status_code == 200

    @pytest.mark.parametrize("code", ["", "x", "A" * 64, "ä" * 64, "A" * 10_000])
    async def test_400_for_text_that_is_no_code(self, public: Party, code: str) -> None:
        assert (await public.redeem(code)).status_code == 400

    async def test_400_once_the_session_was_ended(self, node: Node, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        assert browser.session is not None
        async with node.db.transaction() as db:
            await sessions.end(db, browser.session, node.clock(), 3600)
        assert refusal(await public.redeem(code)) == (400, "invalid_grant")

    async def test_what_a_code_gives_while_its_session_is_ended_ends_with_it(
        self, node: Node, public: Party, admin: User
    ) -> None:
        for _ in range(5):
            browser = Browser(node)
            session, code = await browser.sign_in(admin), await public.code(browser)

            async def end(ended: Session = session) -> None:
                async with node.db.transaction() as db:
                    await sessions.end(db, ended, node.clock(), 3600)

            answer, _ = await asyncio.gather(public.redeem(code), end())
            if answer.status_code == 200:
                assert refusal(await public.refresh(answer.json()["refresh_token"])) == (400, "invalid_grant")

    async def test_400_for_a_user_that_was_disabled(self, node: Node, api: object, public: Party) -> None:
        _, _, user = await node.make_organization("gone")
        party, browser = await register(node, organization=user.organization_id), Browser(node)
        await browser.sign_in(user)
        code = await party.code(browser)
        await node.rows("UPDATE identity.users SET is_active = false WHERE id = $1", user.id)
        assert refusal(await party.redeem(code)) == (400, "invalid_grant")


class TestReplay:
    @pytest.mark.parametrize("later_s", [0, 30, 1800])
    async def test_400_and_the_tokens_of_the_first_use_end(
        self, node: Node, public: Party, browser: Browser, later_s: int
    ) -> None:
        code = await public.code(browser)
        tokens = (await public.redeem(code)).json()
        others = await (await register(node)).tokens(browser)
        node.clock.forward(seconds=later_s)
        assert refusal(await public.redeem(code)) == (400, "invalid_grant")
        assert not await public.is_good(tokens["access_token"])
        assert refusal(await public.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
        assert await public.is_good(others["access_token"])  # of the same session, by another client

    async def test_400_and_renewed_tokens_end_too(self, node: Node, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        first = (await public.redeem(code)).json()
        renewed = (await public.refresh(first["refresh_token"])).json()
        await public.redeem(code)
        assert not await public.is_good(renewed["access_token"])
        found = await node.rows("SELECT action, entity_name FROM kernel.audit WHERE entity_name = 'CodeReuse'")
        assert found

    async def test_the_end_is_known_to_other_nodes(self, node: Node, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        tokens = (await public.redeem(code)).json()
        await public.redeem(code)
        node.port(Issuer)._noted.clear()
        await node.port(Issuer).reload()
        assert not await public.is_good(tokens["access_token"])

    async def test_ten_at_once_give_tokens_once(self, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        answers = await asyncio.gather(*(public.redeem(code) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9


class TestRenewal:
    async def test_200_an_id_token_of_the_same_sign_in_without_nonce(self, public: Party, browser: Browser) -> None:
        tokens = await public.tokens(browser)
        renewed = (await public.refresh(tokens["refresh_token"])).json()
        first, second = claims_of(tokens["id_token"]), claims_of(renewed["id_token"])
        assert {name: first[name] for name in ("iss", "sub", "aud", "auth_time", "sid", "amr")} == {
            name: second[name] for name in ("iss", "sub", "aud", "auth_time", "sid", "amr")
        }
        assert "nonce" not in second
        assert second["at_hash"] == at_hash(renewed["access_token"])

    async def test_400_for_more_than_was_granted(self, public: Party, browser: Browser) -> None:
        tokens = await public.tokens(browser)
        answer = await public.refresh(tokens["refresh_token"], scope="OR.Jobs OR.Folders")
        assert refusal(answer) == (400, "invalid_scope")

    async def test_ten_at_once_lead_on_by_one_token(self, public: Party, browser: Browser) -> None:
        token = (await public.tokens(browser))["refresh_token"]
        answers = await asyncio.gather(*(public.refresh(token) for _ in range(10)))
        given = [answer.json()["refresh_token"] for answer in answers if answer.status_code == 200]
        assert len(given) == 10  # the grace of decision 36
        goes_on = [(await public.refresh(one)).status_code for one in given[::-1]]
        assert goes_on.count(200) <= 1

    async def test_400_for_a_spent_token_and_every_token_of_the_sign_in_ends(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        tokens = await public.tokens(browser)
        renewed = (await public.refresh(tokens["refresh_token"])).json()
        node.clock.forward(seconds=11)
        assert refusal(await public.refresh(tokens["refresh_token"])) == (400, "invalid_grant")
        assert refusal(await public.refresh(renewed["refresh_token"])) == (400, "invalid_grant")
        assert not await public.is_good(renewed["access_token"])


class TestOtherGrants:
    @pytest.mark.parametrize("grant", ["password", "implicit", "urn:ietf:params:oauth:grant-type:token-exchange"])
    async def test_400_for_a_grant_that_is_not_offered(self, confidential: Party, grant: str) -> None:
        answer = await confidential.post("/connect/token", {"grant_type": grant, "username": "admin", "password": "x"})
        assert refusal(answer) == (400, "unsupported_grant_type")

    @pytest.mark.parametrize("scope", ["offline_access", "openid", "OR.Jobs"])
    async def test_400_user_scopes_for_a_program(self, node: Node, scope: str) -> None:
        party = await register(node, secret=SECRET, application_scopes=("OR.Robots",))
        answer = await party.post("/connect/token", {"grant_type": "client_credentials", "scope": scope})
        assert refusal(answer) == (400, "invalid_scope")
        assert scope in answer.json()["error_description"]

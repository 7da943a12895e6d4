"""PKCE, codes, addresses, and what a client may not ask for: nothing reaches a place that nobody registered."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Iterable
from urllib.parse import parse_qsl, quote, urlencode, urljoin, urlsplit

import httpx
import pytest

from podium.identity.users.rules import User
from tests.api.identity.attacks.addresses import mutations
from tests.api.identity.attacks.conftest import (
    PASSWORD,
    Canary,
    CheapPasswords,
    make_user,
    refusal,
    times,
)
from tests.api.identity.attacks.forged import assemble
from tests.api.identity.oidc.conftest import (
    ISSUER,
    REDIRECT,
    VERIFIER,
    Browser,
    Party,
    challenge,
    claims_of,
    redirect_of,
    register,
)
from tests.api.identity.pages.conftest import Visitor, new_http
from tests.api.identity.pages.hostile import ADDRESSES
from tests.conftest import Node

AUTHORIZE = "/identity_/connect/authorize"
ENDSESSION = "/identity_/connect/endsession"
HERE = "podium.test"
OTHER_VERIFIER = "another-verifier-of-43-characters-at-the-least"


def told(answer: httpx.Response) -> dict[str, str]:
    """What a redirect to the client says, in its query and in its fragment."""
    parts = urlsplit(answer.headers["location"])
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == REDIRECT, answer.headers["location"]
    return dict(parse_qsl(parts.query, keep_blank_values=True)) | dict(parse_qsl(parts.fragment))


async def asks(browser: Browser, party: Party, **more: str | None) -> httpx.Response:
    return await browser.get(AUTHORIZE, party.asks(**more))


class TestProofKey:
    """T6."""

    @pytest.mark.parametrize(
        "wrong",
        [
            {"code_challenge": None, "code_challenge_method": None},
            {"code_challenge": None},
            {"code_challenge": ""},
            {"code_challenge_method": None},
            {"code_challenge_method": "plain"},
            {"code_challenge_method": ""},
            {"code_challenge_method": "s256"},
            {"code_challenge_method": "S256 plain"},
            {"code_challenge_method": "S512"},
            {"code_challenge_method": "none"},
            {"code_challenge": VERIFIER, "code_challenge_method": "plain"},
            {"code_challenge": challenge(VERIFIER)[:-1]},
            {"code_challenge": challenge(VERIFIER) + "A"},
            {"code_challenge": challenge(VERIFIER) + "="},
            {"code_challenge": "ä" * 43},
            {"code_challenge": " " * 43},
            {"code_challenge": "A" * 5000},
        ],
    )
    async def test_a_public_client_gets_no_code_without_a_hashed_challenge(
        self, public: Party, browser: Browser, wrong: dict[str, str | None]
    ) -> None:
        said = told(await asks(browser, public, **wrong))
        assert said["error"] == "invalid_request"
        assert not said.keys() & {"code", "access_token", "id_token"}

    @pytest.mark.parametrize(
        "verifier",
        [
            *(None, "", OTHER_VERIFIER, VERIFIER[:-1], f"{VERIFIER} ", f" {VERIFIER}", VERIFIER.upper(), VERIFIER * 4),
            *(challenge(VERIFIER), f"{challenge(VERIFIER)}=", "A" * 42, "A" * 129, "ä" * 43, "null", "*"),
        ],
    )
    async def test_400_for_a_verifier_that_is_not_the_one(
        self, public: Party, confidential: Party, browser: Browser, verifier: str | None
    ) -> None:
        for party in (public, confidential):  # a secret does not stand in for the proof that was announced
            answer = await party.redeem(await party.code(browser), code_verifier=verifier)
            assert refusal(answer) == (400, "invalid_grant")

    async def test_400_for_a_verifier_where_no_challenge_was_announced(
        self, confidential: Party, browser: Browser
    ) -> None:
        """A code that a stranger asked for, without PKCE, is not swapped into a flow that has it."""
        code = await confidential.code(browser, code_challenge=None, code_challenge_method=None)
        assert refusal(await confidential.redeem(code)) == (400, "invalid_grant")

    async def test_400_the_challenge_cannot_be_taken_out_on_the_way_back(self, public: Party, browser: Browser) -> None:
        stripped = public.asks(code_challenge=None, code_challenge_method=None, asked_at="0")
        assert told(await browser.get(f"{AUTHORIZE}/callback", stripped))["error"] == "invalid_request"


class TestCodes:
    """T7."""

    @pytest.mark.parametrize("later_s", [0, 30])
    async def test_400_for_a_second_use_and_what_the_first_gave_ends(
        self, node: Node, public: Party, browser: Browser, later_s: int
    ) -> None:
        code = await public.code(browser)
        tokens = (await public.redeem(code)).json()
        assert await public.is_good(tokens["access_token"])
        node.clock.forward(seconds=later_s)
        assert refusal(await public.redeem(code)) == (400, "invalid_grant")
        assert not await public.is_good(tokens["access_token"])
        assert refusal(await public.refresh(tokens["refresh_token"])) == (400, "invalid_grant")

    async def test_400_for_the_thief_and_for_the_owner_when_the_thief_was_first(
        self, public: Party, browser: Browser
    ) -> None:
        code = await public.code(browser)
        assert refusal(await public.redeem(code, code_verifier=OTHER_VERIFIER)) == (400, "invalid_grant")
        assert refusal(await public.redeem(code)) == (400, "invalid_grant")

    async def test_a_replay_by_another_client_ends_the_tokens_too(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        code, thief = await public.code(browser), await register(node)
        tokens = (await public.redeem(code)).json()
        assert refusal(await thief.redeem(code)) == (400, "invalid_grant")
        assert not await public.is_good(tokens["access_token"])

    async def test_400_for_the_code_of_another_client(
        self, node: Node, public: Party, confidential: Party, browser: Browser
    ) -> None:
        thieves = [await register(node), confidential]
        for thief in thieves:
            assert refusal(await thief.redeem(await public.code(browser))) == (400, "invalid_grant")

    async def test_400_for_the_code_of_another_organizations_client(self, node: Node, browser: Browser) -> None:
        there, _, _ = await node.make_organization("thieves")
        mine, theirs = await register(node), await register(node, organization=there)
        assert refusal(await theirs.redeem(await mine.code(browser))) == (400, "invalid_grant")

    async def test_400_for_a_code_at_another_address(self, node: Node, browser: Browser) -> None:
        second = "https://app.test/other"
        party = await register(node, redirect_uris=(REDIRECT, second))
        wrong = [second, f"{REDIRECT}/", f"{REDIRECT}?x", REDIRECT.upper(), REDIRECT[:-1], f"{REDIRECT}#x"]
        for address in wrong:
            answer = await party.redeem(await party.code(browser), redirect_uri=address)
            assert refusal(answer) == (400, "invalid_grant"), address
        for nothing in (None, ""):
            answer = await party.redeem(await party.code(browser), redirect_uri=nothing)
            assert refusal(answer) == (400, "invalid_request")

    async def test_400_for_every_code_that_is_one_letter_off(self, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        for at in range(0, len(code), 7):
            near = code[:at] + ("A" if code[at] != "A" else "B") + code[at + 1 :]
            assert refusal(await public.redeem(near)) == (400, "invalid_grant")
        for near in (code[:-1], f"{code}A", f" {code}", f"{code}=", code.swapcase()):
            assert refusal(await public.redeem(near)) == (400, "invalid_grant")
        assert (await public.redeem(code)).status_code == 200

    async def test_400_after_its_five_minutes(self, node: Node, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        node.clock.forward(seconds=300)
        assert refusal(await public.redeem(code)) == (400, "invalid_grant")

    async def test_ten_uses_at_once_give_one_and_that_one_ends(self, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        answers = await asyncio.gather(*(public.redeem(code) for _ in range(10)))
        assert sorted(answer.status_code for answer in answers) == [200] + [400] * 9
        (given,) = [answer.json() for answer in answers if answer.status_code == 200]
        assert not await public.is_good(given["access_token"])

    async def test_a_code_is_kept_as_a_hash(self, node: Node, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        rows = await node.rows("SELECT c::text AS said FROM identity.authorization_codes c")
        assert rows
        assert not any(code in row["said"] or code[22:] in row["said"] for row in rows)


def leads_away(locations: Iterable[str]) -> list[str]:
    """Those that a browser would follow to another host."""
    reached = ((one, urlsplit(urljoin(f"http://{HERE}/identity_/web/login", one))) for one in locations)
    return [one for one, parts in reached if (parts.scheme, parts.netloc) != ("http", HERE)]


def links_of(text: str) -> list[str]:
    """Every address that a page names, and that its forms send along."""
    return [html.unescape(one) for one in re.findall(r'(?:href|action|src|content)="([^"]*)"', text)]


@pytest.fixture
async def person(node: Node, passwords: CheapPasswords) -> AsyncIterator[Visitor]:
    """A browser whose user signs in over and over."""
    async with new_http(node) as http:
        yield Visitor(http)


class TestAddresses:
    """T9: exactly what was registered, and no page of ours is left for anywhere else."""

    def test_there_are_two_hundred(self) -> None:
        assert len(mutations(REDIRECT)) >= 200
        assert len(ADDRESSES) >= 200

    async def test_no_code_and_no_error_goes_to_an_address_like_the_registered_one(
        self, public: Party, browser: Browser
    ) -> None:
        wrong = []
        asked: tuple[dict[str, str], ...] = ({}, {"response_type": "token"}, {"prompt": "none"})
        for number, address in enumerate(mutations(REDIRECT)):
            for more in asked[:: 1 if number % 10 == 0 else 3]:
                answer = await asks(browser, public, redirect_uri=address, **more)
                if not answer.headers["location"].startswith(f"{ISSUER}/web/?errorCode="):
                    wrong.append((address, answer.headers["location"]))
        assert wrong == []
        assert "code" in told(await asks(browser, public))

    async def test_the_error_page_leads_nowhere_else(self, public: Party, visitor: Visitor) -> None:
        for address in ("https://evil.test/", "javascript:alert(1)", '"><a href="https://evil.test">'):
            answer = await visitor.http.get(AUTHORIZE, params=public.asks(redirect_uri=address))
            await visitor.open(answer.headers["location"])
            assert leads_away(links_of(visitor.text)) == []

    async def test_only_the_port_of_a_loopback_address_is_free(self, native: Party, browser: Browser) -> None:
        for good in (
            "http://localhost:1/oidc/login",
            "http://localhost:65535/oidc/login",
            "http://localhost/oidc/login",
        ):
            assert redirect_of(await asks(browser, native, redirect_uri=good)).page == "consent"
        wrong = [
            *("http://localhost:0/oidc/login", "http://localhost:65536/oidc/login", "http://localhost:/oidc/login"),
            *("http://localhost:80x/oidc/login", "http://localhost:-1/oidc/login", "http://localhost:8 /oidc/login"),
            *("https://localhost:8104/oidc/login", "http://127.0.0.1:8104/oidc/login", "http://[::1]:8104/oidc/login"),
            *("http://LOCALHOST:8104/oidc/login", "http://localhost.:8104/oidc/login", "http://localhost:8104/oidc"),
            *("http://localhost:8104@evil.test/oidc/login", "http://u@localhost:8104/oidc/login", "http://localhost"),
            *(
                "http://localhost.evil.test:8104/oidc/login",
                "http://localhost:8104/oidc/login/../x",
                "http://0:8104/oidc/login",
            ),
            *(
                "http://localhost:8104/oidc/login?x",
                "http://localhost:8104/oidc/login#x",
                "http://localhost:8104//oidc/login",
            ),
            *("http://localhost:8104\\@evil.test/oidc/login", "http://localhost:\u0668\u0661/oidc/login"),
        ]
        for address in wrong:
            answer = await asks(browser, native, redirect_uri=address)
            assert answer.headers["location"].startswith(f"{ISSUER}/web/?errorCode="), address

    async def test_after_signing_out_only_registered_addresses_are_gone_to(
        self, node: Node, public: Party, admin: User
    ) -> None:
        browser = Browser(node)
        await browser.sign_in(admin)
        hint = (await public.tokens(browser))["id_token"]
        wrong = []
        for address in mutations(REDIRECT):
            sent = {"id_token_hint": hint, "post_logout_redirect_uri": address, "state": "s"}
            answer = await browser.get(ENDSESSION, sent)
            if answer.headers["location"] != f"{ISSUER}/web/logout":
                wrong.append((address, answer.headers["location"]))
        assert wrong == []
        answer = await browser.get(ENDSESSION, {"id_token_hint": hint, "post_logout_redirect_uri": REDIRECT})
        assert answer.headers["location"] == REDIRECT

    async def test_after_signing_out_no_address_is_gone_to_without_a_good_hint(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        tokens, other = await public.tokens(browser), await register(node)
        hints = [
            *(None, "", "x", tokens["access_token"], assemble({"alg": "none"}, claims_of(tokens["id_token"]), None)),
            f"{tokens['id_token'][:-3]}AAA",
        ]
        for hint in hints:
            sent = {"post_logout_redirect_uri": REDIRECT} | ({} if hint is None else {"id_token_hint": hint})
            assert (await browser.get(ENDSESSION, sent)).headers["location"] == f"{ISSUER}/web/logout"
        sent = {"post_logout_redirect_uri": REDIRECT, "id_token_hint": tokens["id_token"], "client_id": other.client_id}
        assert (await browser.get(ENDSESSION, sent)).headers["location"] == f"{ISSUER}/web/logout"
        assert await public.is_good(tokens["access_token"])  # nobody was signed out by any of them

    async def test_a_sign_in_leads_to_a_page_of_ours_whatever_the_return_url(self, node: Node, person: Visitor) -> None:
        """A third of them; the tests of the page itself send every one (pages/test_sign_in.py)."""
        user, away = await make_user(node, "traveller"), []
        named = {"username": user.user_name, "password": PASSWORD, "organization": str(node.organization_id)}
        for number, address in enumerate(ADDRESSES[:: times(3, 1)]):
            person.http.cookies.clear()
            person.http.cookies.set("podium-csrf", "A" * 43)  # one form serves for every post
            if number % 4 == 0:
                await person.open(f"/identity_/web/login?errorCode=200&returnUrl={quote(address, errors='replace')}")
                away += leads_away(links_of(person.text))
                assert 'name="returnUrl"' not in person.text, address
                form = person.answer
            person.answer = form
            await person.send(None, None, **named, returnUrl=address)
            if person.answer.status_code == 303:
                away += leads_away([person.location])
            else:
                assert (person.answer.status_code, "\0" in address) == (400, True)
        assert away == []

    @pytest.mark.parametrize("page", ["consent", "forgot", "logout", "device", "second-factor", "password", "reset"])
    async def test_no_other_page_takes_a_foreign_address_along(self, person: Visitor, page: str) -> None:
        for address in ADDRESSES[::3]:
            query = "&".join(
                f"{name}={quote(address, errors='replace')}" for name in ("returnUrl", "redirectUrl", "next")
            )
            person.answer = await person.http.get(f"/identity_/web/{page}?{query}")
            assert person.answer.status_code in (200, 303, 400), address
            places = [*links_of(person.text), person.answer.headers.get("location", "")]
            assert leads_away(places) == [], address

    @pytest.mark.parametrize(
        "header",
        ["host", "x-forwarded-host", "x-original-host", "forwarded", "x-forwarded-proto", "x-forwarded-prefix"],
    )
    async def test_no_header_changes_where_it_goes(self, public: Party, stranger: Browser, header: str) -> None:
        sent = {header: "evil.test" if header != "forwarded" else "host=evil.test;proto=https"}
        answer = await public.node.http.get(AUTHORIZE, params=public.asks(), headers=sent)
        assert answer.headers["location"].startswith(f"{ISSUER}/web/login?")
        answer = await public.node.http.get("/identity_/.well-known/openid-configuration", headers=sent)
        assert "evil.test" not in answer.text


class TestMixUp:
    """T10."""

    async def test_every_answer_names_its_issuer_and_gives_the_state_back_as_it_was(
        self, public: Party, browser: Browser
    ) -> None:
        states = ["a b&c=d#e%20", "é\u202e\r\nset-cookie: a=b", "<script>", "https://evil.test", "x" * 2000, ""]
        for state in states:
            for more in ({}, {"scope": "OR.Assets"}, {"response_type": "token"}):
                answer = await asks(browser, public, state=state, **more)
                said = told(answer)
                assert (said["iss"], said["state"]) == (ISSUER, state)
                assert not {"\r", "\n"} & set(answer.headers["location"])
        assert "state" not in told(await asks(browser, public, state=None))

    async def test_a_state_cannot_bring_further_parameters(self, public: Party, browser: Browser) -> None:
        answer = await asks(browser, public, state="x&code=stolen&iss=https://evil.test")
        names = [name for name, _ in parse_qsl(urlsplit(answer.headers["location"]).query)]
        assert sorted(names) == ["code", "iss", "scope", "session_state", "state"]

    async def test_a_nonce_is_in_the_id_token_of_its_own_request_only(self, public: Party, browser: Browser) -> None:
        first, second = await public.code(browser, nonce="one"), await public.code(browser, nonce="two")
        tokens = (await public.redeem(second)).json()
        assert claims_of(tokens["id_token"])["nonce"] == "two"
        assert claims_of((await public.redeem(first)).json()["id_token"])["nonce"] == "one"
        renewed = (await public.refresh(tokens["refresh_token"], nonce="three")).json()
        assert "nonce" not in claims_of(renewed["id_token"])

    @pytest.mark.parametrize("mode", ["fragment", "form_post", "query.jwt", "jwt", "web_message", "", "QUERY", "none"])
    async def test_only_the_query_carries_an_answer(self, public: Party, browser: Browser, mode: str) -> None:
        answer = await asks(browser, public, response_mode=mode)
        assert "#" not in answer.headers["location"]
        said = told(answer)
        assert (said["error"], said.get("code")) == ("invalid_request", None)

    @pytest.mark.parametrize(
        "kind",
        [
            *("token", "id_token", "id_token token", "code token", "code id_token", "code id_token token", "none"),
            *("code code", "CODE", " code", "code ", "device", "saml"),
        ],
    )
    async def test_no_token_leaves_by_the_browser(self, public: Party, browser: Browser, kind: str) -> None:
        said = told(await asks(browser, public, response_type=kind))
        assert said["error"] == "unsupported_response_type"
        assert not said.keys() & {"code", "access_token", "id_token"}

    async def test_request_objects_are_refused_and_never_fetched(
        self, public: Party, browser: Browser, canary: Canary
    ) -> None:
        inside = public.asks(redirect_uri="https://evil.test/", scope="OR.Jobs")
        unsigned = assemble({"alg": "none"}, {"iss": public.client_id, "aud": ISSUER, **inside}, None)
        canary.body = unsigned.encode()
        asked = {
            "request": (unsigned, "request_not_supported"),
            "request_uri": (f"{canary.address}/object", "request_uri_not_supported"),
            "registration": (f'{{"redirect_uris":["{canary.address}"]}}', "registration_not_supported"),
        }
        for name, (value, error) in asked.items():
            assert told(await asks(browser, public, **{name: value}))["error"] == error
        answer = await browser.get(AUTHORIZE, {"client_id": public.client_id, "request": unsigned})
        assert answer.headers["location"].startswith(f"{ISSUER}/web/?errorCode=")
        for name in ("sector_identifier_uri", "jwks_uri", "logo_uri", "resource", "claims"):
            await asks(browser, public, **{name: f"{canary.address}/{name}"})
        assert canary.hits == []

    async def test_a_parameter_that_is_given_twice_is_none(self, public: Party, browser: Browser) -> None:
        for name, value in public.asks().items():
            for pair in ((name, value), (name, "https://evil.test/")):
                pairs = [*public.asks().items(), pair]
                answer = await browser.get(AUTHORIZE, httpx.QueryParams(urlencode(pairs)))
                if name in ("client_id", "redirect_uri"):
                    assert answer.headers["location"].startswith(f"{ISSUER}/web/?errorCode=")
                else:
                    assert told(answer)["error"] == "invalid_request"

    async def test_an_answer_belongs_to_the_client_that_asked(self, node: Node, browser: Browser) -> None:
        """The honest client asked at this issuer; a code that the attacker got for his own client is worth nothing there."""
        honest, attackers = await register(node), await register(node)
        code = await attackers.code(browser)
        assert refusal(await honest.redeem(code)) == (400, "invalid_grant")

    @pytest.mark.parametrize("prompt", ["login", "select_account"])
    async def test_a_new_sign_in_that_was_asked_for_takes_place(
        self, node: Node, public: Party, browser: Browser, prompt: str
    ) -> None:
        node.clock.forward(seconds=1)
        away = await public.authorize(browser, prompt=prompt)
        assert away.page == "login"
        again = redirect_of(await browser.get(f"{AUTHORIZE}/callback", dict(parse_qsl(urlsplit(away.back).query))))
        assert again.page == "login"

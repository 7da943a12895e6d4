"""Clients that are not who they say, and callers who want more than they were given."""

from __future__ import annotations

import base64
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlsplit

import httpx
import msgspec
import pytest

from podium.identity.clients import store as clients_store
from podium.identity.issuer import Issuer
from podium.kernel.secrets import hash_machine_secret
from tests.api.identity.attacks.conftest import (
    PASSWORD,
    CheapPasswords,
    make_user,
    refusal,
)
from tests.api.identity.attacks.forged import assemble
from tests.api.identity.oidc.conftest import ISSUER, REDIRECT, SECRET, Browser, Party, claims_of, redirect_of, register
from tests.api.identity.pages.conftest import Visitor
from tests.conftest import Caller, Node

TOKEN = "/identity_/connect/token"
AUTHORIZE = "/identity_/connect/authorize"
CONSENT = "/identity_/web/consent"
PATS = "/identity_/api/ReferenceToken"
INVALID_CLIENT = (400, "invalid_client")
INVALID_REQUEST = (400, "invalid_request")
INVALID_SCOPE = (400, "invalid_scope")
FORM = {"grant_type": "client_credentials"}


def basic(name: str, secret: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(f'{name}:{secret}'.encode()).decode()}"}


@pytest.fixture
async def program(node: Node) -> Party:
    """A program with a secret that acts for itself."""
    return await register(node, secret=SECRET, application_scopes=("OR.Folders.Read", "PM.Group.Read"))


class TestSecrets:
    """T11."""

    async def test_400_for_a_secret_in_the_address(self, node: Node, program: Party) -> None:
        sent = {"client_id": program.client_id, "client_secret": SECRET}
        tried = (
            (sent, FORM),
            (sent, FORM | sent),
            ({"client_secret": SECRET}, FORM | sent),
            ({"client_id": "x"}, FORM | sent),
        )
        for query, form in tried:
            assert refusal(await node.http.post(TOKEN, params=query, data=form)) == INVALID_REQUEST
        answer = await node.http.get(TOKEN, params=FORM | sent)
        assert answer.status_code in (404, 405)
        assert b"access_token" not in answer.content

    async def test_400_for_both_ways_at_once(self, node: Node, program: Party) -> None:
        name = program.client_id
        good, wrong = {"client_id": name, "client_secret": SECRET}, {"client_id": name, "client_secret": "x"}
        for form, headers in (
            (good, basic(name, SECRET)),
            (good, basic(name, "x")),
            (wrong, basic(name, SECRET)),
            ({"client_id": "another"}, basic(name, SECRET)),
            ({"client_secret": SECRET}, basic(name, SECRET)),
        ):
            answer = await node.http.post(TOKEN, data=FORM | form, headers=headers)
            assert refusal(answer) == INVALID_REQUEST
        answer = await node.http.post(TOKEN, data=FORM, headers=basic(name, SECRET))
        assert answer.status_code == 200

    async def test_400_for_every_secret_that_is_not_the_one(
        self, node: Node, program: Party, confidential: Party
    ) -> None:
        other = await register(node, secret="another secret of another application", application_scopes=("OR.Jobs",))
        hashed = hash_machine_secret(SECRET)
        wrong = [
            *("", " ", "x", SECRET[:-1], SECRET[1:], f"{SECRET} ", f" {SECRET}", f"{SECRET}\n", SECRET.upper()),
            *(
                SECRET * 2,
                hashed.hex(),
                base64.b64encode(hashed).decode(),
                "null",
                "undefined",
                "*",
                "%",
                "' OR 1=1 --",
            ),
            *("A" * 10_000, str(other.secret), SECRET.replace("s", "\u017f"), f"{SECRET}\u200b", program.client_id),
        ]
        for secret in wrong:
            by_form = await program.post("/connect/token", FORM | {"client_secret": secret})
            assert refusal(by_form) == INVALID_CLIENT, secret
            by_header = await node.http.post(TOKEN, data=FORM, headers=basic(program.client_id, secret))
            assert refusal(by_header) == INVALID_CLIENT, secret
        nul = await program.post("/connect/token", FORM | {"client_secret": f"{SECRET}\0"})
        assert refusal(nul) == INVALID_REQUEST
        assert (await program.post("/connect/token", FORM)).status_code == 200

    async def test_400_with_the_same_words_for_an_unknown_client(self, node: Node, program: Party) -> None:
        known = await program.post("/connect/token", FORM | {"client_secret": "x"})
        for name in ("nobody", "", "x" * 201, program.client_id.upper(), f"{program.client_id} ", "' OR 1=1 --"):
            unknown = await node.http.post(TOKEN, data=FORM | {"client_id": name, "client_secret": "x"})
            assert (unknown.status_code, unknown.json()) == (known.status_code, known.json())

    async def test_400_for_a_secret_that_ended(self, node: Node, program: Party) -> None:
        ends = node.clock() + timedelta(hours=1)
        async with node.db.transaction() as db:
            await clients_store.add_secret(
                db, node.organization_id, program.client_id, None, hash_machine_secret("short"), node.clock(), ends
            )
        node.port(Issuer).clients.forget()
        form = FORM | {"client_secret": "short"}
        assert (await program.post("/connect/token", form)).status_code == 200
        node.clock.forward(hours=1)
        assert refusal(await program.post("/connect/token", form)) == INVALID_CLIENT

    async def test_400_for_a_public_client_that_claims_a_secret(self, public: Party, browser: Browser) -> None:
        code = await public.code(browser)
        assert refusal(await public.redeem(code, client_secret="x")) == INVALID_CLIENT
        assert refusal(await public.post("/connect/token", FORM)) == (400, "unauthorized_client")

    @pytest.mark.parametrize(
        "value", ["Basic", "Basic ", "Basic !", "Basic Og==", "Basic eA==", "Basic //8=", "BASIC x"]
    )
    async def test_400_for_a_header_that_says_nothing(self, node: Node, program: Party, value: str) -> None:
        answer = await node.http.post(TOKEN, data=FORM, headers={"authorization": value})
        assert refusal(answer) == INVALID_CLIENT

    async def test_400_for_another_form_of_the_body(self, node: Node, program: Party) -> None:
        sent = FORM | {"client_id": program.client_id, "client_secret": SECRET}
        twice = f"{httpx.QueryParams(sent)}&client_secret=x"
        bodies: list[tuple[str, Any]] = [
            ("application/json", msgspec.json.encode(sent)),
            ("text/plain", str(httpx.QueryParams(sent)).encode()),
            ("multipart/form-data; boundary=x", b"--x--"),
            ("application/x-www-form-urlencoded", twice.encode()),
            ("application/x-www-form-urlencoded", b"\xff=\xfe"),
            ("application/x-www-form-urlencoded", b"a=" + b"x" * 70_000),
        ]
        for kind, body in bodies:
            answer = await node.http.post(TOKEN, content=body, headers={"content-type": kind})
            assert refusal(answer) == INVALID_REQUEST

    async def test_an_assertion_proves_nothing(self, node: Node, program: Party) -> None:
        """private_key_jwt and its kin are not offered, so no text in their place is believed."""
        kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
        said = {"iss": program.client_id, "sub": program.client_id, "aud": f"{ISSUER}/connect/token", "exp": 2**33}
        form = FORM | {"client_assertion_type": kind, "client_assertion": assemble({"alg": "none"}, said, None)}
        answer = await program.post("/connect/token", form | {"client_secret": None})
        assert refusal(answer) == INVALID_CLIENT


BEYOND = (
    *(
        "OR.Jobs OR.Folders",
        "OR.Folders.Read",
        "OR.Jobs PM.User",
        "OR.Job",
        "or.jobs",
        "OR.Jobs.Delete",
        "OR.Jobs.Read.Write",
    ),
    *("OR.*", "*", "OR", "OR.", "openid profile", "offline_access", "IdentityServerApi", "OrchestratorApiUserAccess"),
    *("OR.Default", "OR.Jobs\tOR.Users", "OR.Jobs\nOR.Users", "OR.Jobs,OR.Users", "OR.Jobs\0", "ОR.Jobs", '"OR.Jobs"'),
)


class TestMoreThanGranted:
    """T12, scopes."""

    @pytest.mark.parametrize("scope", BEYOND)
    async def test_400_a_renewal_does_not_widen(self, public: Party, browser: Browser, scope: str) -> None:
        tokens = await public.tokens(browser, scope="OR.Jobs")
        assert "refresh_token" not in tokens
        tokens = await public.tokens(browser, scope="OR.Jobs offline_access")
        if scope == "offline_access":
            return
        answer = await public.refresh(tokens["refresh_token"], scope=scope)
        assert refusal(answer) in (INVALID_SCOPE, INVALID_REQUEST)
        renewed = (await public.refresh(tokens["refresh_token"])).json()  # the wish cost nothing
        assert claims_of(renewed["access_token"])["scope"] == ["OR.Jobs", "offline_access"]

    async def test_a_renewal_that_was_narrowed_is_not_the_new_bound_but_the_sign_in_is(
        self, public: Party, browser: Browser
    ) -> None:
        first = await public.tokens(browser, scope="OR.Jobs.Read offline_access")
        for wider in ("OR.Jobs", "OR.Jobs.Write"):
            assert refusal(await public.refresh(first["refresh_token"], scope=wider)) == INVALID_SCOPE

    @pytest.mark.parametrize("scope", [one for one in BEYOND if one not in ("openid profile", "offline_access")])
    async def test_no_code_for_a_scope_that_the_client_has_not(self, node: Node, browser: Browser, scope: str) -> None:
        party = await register(node, user_scopes=("OR.Jobs",))
        answer = await browser.get(AUTHORIZE, party.asks(scope=scope))
        location = answer.headers["location"]
        said = dict(parse_qsl(urlsplit(location).query))
        assert location.startswith((REDIRECT, f"{ISSUER}/web/?errorCode="))
        assert said.get("error", said.get("errorCode")) in ("invalid_scope", "invalid_request")
        assert "code" not in said

    async def test_what_the_built_in_client_may_ask_for_gives_no_right_that_its_user_has_not(
        self, node: Node, native: Party
    ) -> None:
        user, browser = await make_user(node, "plain"), Browser(node)
        scope = "IdentityServerApi OrchestratorApiUserAccess PM.User Anything.At.All"
        back = redirect_of(await browser.get(AUTHORIZE, native.asks(scope=scope))).back
        await browser.sign_in(user, back)
        code = redirect_of(await browser.get(back)).query["code"]
        token = (await native.redeem(code)).json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        refused = await node.http.get(f"/identity_/api/Group/{node.organization_id}", headers=headers)
        assert refused.status_code == 403

    @pytest.mark.parametrize(
        "scope",
        ["OR.Folders", "OR.Folders.Write", "OR.Jobs", "PM.Group", "openid", "offline_access", "IdentityServerApi"],
    )
    async def test_400_for_a_program_that_wants_more(self, program: Party, scope: str) -> None:
        assert refusal(await program.post("/connect/token", FORM | {"scope": scope})) == INVALID_SCOPE

    @pytest.mark.parametrize(
        "grant",
        [
            *("urn:ietf:params:oauth:grant-type:token-exchange", "urn:ietf:params:oauth:grant-type:jwt-bearer"),
            *(
                "urn:ietf:params:oauth:grant-type:saml2-bearer",
                "password",
                "implicit",
                "hybrid",
                "delegation",
                "user_token",
            ),
        ],
    )
    async def test_400_for_every_way_to_turn_a_token_into_another(
        self, node: Node, program: Party, browser: Browser, public: Party, grant: str
    ) -> None:
        held = await public.tokens(browser)
        form = {
            "grant_type": grant,
            "subject_token": held["access_token"],
            "subject_token_type": "urn:ietf:params:oauth:token-type:access_token",
            "assertion": held["access_token"],
            "token": held["access_token"],
            "username": "admin",
            "password": "correct horse 7 battery",
            "scope": "OR.Folders PM.User",
        }
        assert refusal(await program.post("/connect/token", form)) == (400, "unsupported_grant_type")


def pat(node: Node, *scopes: str) -> dict[str, Any]:
    end = (node.clock() + timedelta(days=30)).isoformat()
    return {"description": "x", "expiration": end, "scopes": list(scopes)}


class TestPersonalTokens:
    """T12, personal tokens: none is more than its maker, and none makes another."""

    async def test_403_for_more_than_the_caller_has(self, node: Node, api: Caller) -> None:
        own = api.with_scopes("OrchestratorApiUserAccess")
        for scopes in (["PM.User"], ["OR.Folders", "PM.Group.Read"]):
            assert (await own.request("POST", PATS, pat(node, *scopes))).status == 403
        for scopes in (["IdentityServerApi"], ["OrchestratorApiUserAccess"], ["openid"], ["OR.*"], ["OR.Default"], []):
            assert (await own.request("POST", PATS, pat(node, *scopes))).status == 400

    async def test_403_for_whoever_did_not_sign_in_himself(
        self, node: Node, api: Caller, public: Party, browser: Browser
    ) -> None:
        user = api.with_scopes("OrchestratorApiUserAccess", "IdentityServerApi")
        token = await user.post(PATS, pat(node, "OR.Folders", "PM.User"), expect=201)
        third_party = (await public.tokens(browser))["access_token"]
        exchanged = await user.request(
            "POST",
            f"{PATS}/Exchange",
            content=msgspec.json.encode(token),
            headers={"content-type": "application/json"},
        )
        held = {
            "a personal token": token,
            "what it was exchanged for": exchanged.json["userAccessToken"],
            "an application's token": await node.application_token(["PM.User", "OR.Folders"]),
            "a token that the user let an application have": third_party,
        }
        for name, one in held.items():
            assert (await api.bearer(one).request("POST", PATS, pat(node, "OR.Folders"))).status == 403, name
            assert (await api.bearer(one).request("GET", PATS)).status == 403, name

    async def test_401_or_403_beyond_its_own_scopes(self, node: Node, api: Caller) -> None:
        user = api.with_scopes("OrchestratorApiUserAccess", "IdentityServerApi")
        token = await user.post(PATS, pat(node, "OR.Folders.Read"), expect=201)
        holder = api.bearer(token)
        assert (await holder.request("GET", "/odata/Folders")).status == 200
        assert (await holder.request("POST", "/odata/Folders", {"DisplayName": "x"})).status == 403
        assert (await holder.request("GET", f"/identity_/api/Group/{node.organization_id}")).status == 403

    async def test_404_for_the_personal_token_of_somebody_else(self, node: Node, api: Caller) -> None:
        own = api.with_scopes("OrchestratorApiUserAccess", "IdentityServerApi")
        await own.post(PATS, pat(node, "OR.Folders"), expect=201)
        (id_, *_) = [one["id"] for one in await own.get(PATS)]
        thief = await api.as_role("Administrator").with_scopes("OrchestratorApiUserAccess", "IdentityServerApi")
        renewed = await thief.request("PUT", f"{PATS}/{id_}", {"expiration": pat(node)["expiration"]})
        assert renewed.status == 404
        assert (await thief.request("DELETE", f"{PATS}/{id_}")).status == 404


class TestConsent:
    """T12, consent: given by its user, on our page, for these scopes."""

    @pytest.fixture(autouse=True)
    def _cheap(self, passwords: CheapPasswords) -> None:
        """Many people sign in here."""

    @pytest.fixture
    async def asking(self, node: Node) -> Party:
        """An application that needs its user's word."""
        return await register(node, requires_consent=True, user_scopes=("OR.Jobs", "OR.Folders"))

    async def page(self, visitor: Visitor, party: Party, **more: str) -> str:
        """Ask for a code; where that leads."""
        visitor.answer = await visitor.http.get(AUTHORIZE, params=party.asks(**more))
        return visitor.location

    async def signed_in(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "person")
        await visitor.open("/identity_/web/login")
        named = {"username": user.user_name, "password": PASSWORD, "organization": str(node.organization_id)}
        await visitor.send(303, None, **named)

    async def test_no_code_before_it_however_the_way_back_is_forged(
        self, node: Node, asking: Party, visitor: Visitor
    ) -> None:
        await self.signed_in(visitor, node)
        for more in (
            *({"asked_at": "0"}, {"asked_at": str(2**50)}, {"consent": "allow"}, {"decision": "allow"}),
            *({"consented": "true"}, {"flow": "x"}, {"prompt": "login"}, {"max_age": "0"}, {"scope": "openid"}),
        ):
            for path in (AUTHORIZE, f"{AUTHORIZE}/callback"):
                visitor.answer = await visitor.http.get(path, params=asking.asks(**more))
                assert visitor.location.startswith((f"{ISSUER}/web/consent?", f"{ISSUER}/web/login?")), (path, more)
        assert "error=consent_required" in await self.page(visitor, asking, prompt="none")

    async def test_no_code_for_another_users_consent(
        self, node: Node, asking: Party, visitor: Visitor, other_visitor: Visitor
    ) -> None:
        await self.signed_in(visitor, node)
        await visitor.open(await self.page(visitor, asking))
        await visitor.send(303, decision="allow")
        way_back = visitor.location
        await visitor.open(way_back, 302)
        assert "code=" in visitor.location
        await self.signed_in(other_visitor, node)
        other_visitor.answer = await other_visitor.http.get(way_back)
        assert other_visitor.location.startswith(f"{ISSUER}/web/consent?")

    async def test_a_forged_confirmation_is_not_taken(
        self, node: Node, asking: Party, visitor: Visitor, other_visitor: Visitor
    ) -> None:
        await self.signed_in(visitor, node)
        await visitor.open(await self.page(visitor, asking))
        good = visitor.answer
        await self.signed_in(other_visitor, node)
        await other_visitor.open(await self.page(other_visitor, asking))
        theirs = other_visitor.text.split('name="csrf" value="')[1].split('"')[0]
        for status, fields, headers in (
            (400, {"csrf": None}, {}),
            (400, {"csrf": ""}, {}),
            (400, {"csrf": "0" * 64}, {}),
            (400, {"csrf": theirs}, {}),
            (403, {}, {"origin": "https://evil.test"}),
            (403, {}, {"origin": "null"}),
            (403, {}, {"sec-fetch-site": "cross-site"}),
            (403, {}, {"sec-fetch-site": "same-site"}),
            (400, {}, {"content-type": "text/plain"}),
            (400, {}, {"content-type": "application/json"}),
        ):
            visitor.answer = good
            await visitor.send(status, headers=headers, decision="allow", **fields)
        assert (await self.page(visitor, asking)).startswith(f"{ISSUER}/web/consent?")
        rows = await node.rows("SELECT 1 FROM identity.consents WHERE client_id = $1", asking.client_id)
        assert rows == []

    async def test_a_get_or_a_post_without_a_session_agrees_to_nothing(
        self, node: Node, asking: Party, visitor: Visitor, other_visitor: Visitor
    ) -> None:
        await self.signed_in(visitor, node)
        place = await self.page(visitor, asking)
        await visitor.open(f"{place}&decision=allow")
        assert (await self.page(visitor, asking)).startswith(f"{ISSUER}/web/consent?")
        back = dict(parse_qsl(urlsplit(place).query))["returnUrl"]
        await other_visitor.open("/identity_/web/login")
        csrf = other_visitor.text.split('name="csrf" value="')[1].split('"')[0]
        answer = await other_visitor.http.post(CONSENT, data={"csrf": csrf, "returnUrl": back, "decision": "allow"})
        assert (answer.status_code, answer.headers["location"].split("?")[0]) == (303, "/identity_/web/login")
        assert await node.rows("SELECT 1 FROM identity.consents WHERE client_id = $1", asking.client_id) == []

    async def test_what_was_agreed_to_is_not_more_than_was_shown(
        self, node: Node, asking: Party, visitor: Visitor
    ) -> None:
        await self.signed_in(visitor, node)
        await visitor.open(await self.page(visitor, asking, scope="openid OR.Jobs.Read"))
        await visitor.send(303, decision="allow")
        await visitor.open(visitor.location, 302)
        assert "code=" in visitor.location
        assert "code=" in await self.page(visitor, asking, scope="OR.Jobs.Read")
        for wider in ("openid OR.Jobs", "openid OR.Jobs.Read OR.Folders", "OR.Jobs.Write", "openid offline_access"):
            assert (await self.page(visitor, asking, scope=wider)).startswith(f"{ISSUER}/web/consent?"), wider
        other = await register(node, requires_consent=True)
        assert (await self.page(visitor, other, scope="openid")).startswith(f"{ISSUER}/web/consent?")

    async def test_a_changed_way_back_is_another_request(self, node: Node, asking: Party, visitor: Visitor) -> None:
        """Agreed to with `prompt=consent`: that agreement is for that request, and once."""
        await self.signed_in(visitor, node)
        await visitor.open(await self.page(visitor, asking, prompt="consent", scope="OR.Jobs"))
        await visitor.send(303, decision="allow")
        way_back = visitor.location
        changed = way_back.replace("nonce-1", "nonce-2")
        assert changed != way_back
        visitor.answer = await visitor.http.get(changed)
        assert visitor.location.startswith(f"{ISSUER}/web/consent?")
        await visitor.open(way_back, 302)
        assert "code=" in visitor.location
        await visitor.open(way_back, 302)
        assert visitor.location.startswith(f"{ISSUER}/web/consent?")

    async def test_a_program_on_the_users_machine_gets_nothing_without_him(
        self, node: Node, native: Party, visitor: Visitor
    ) -> None:
        """RFC 8252, 8.6: whoever is signed in anyway is asked, because any program may pose as this client."""
        await self.signed_in(visitor, node)
        for _ in range(2):
            assert (await self.page(visitor, native, scope="openid OR.Jobs")).startswith(f"{ISSUER}/web/consent?")
        assert "error=consent_required" in await self.page(visitor, native, scope="openid", prompt="none")
        place = await self.page(visitor, native, scope="openid OR.Jobs")
        await visitor.open(place)
        await visitor.send(303, decision="allow")
        await visitor.open(visitor.location, 302)
        assert "code=" in visitor.location
        assert (await self.page(visitor, native, scope="openid OR.Jobs")).startswith(f"{ISSUER}/web/consent?")

    async def test_a_refusal_gives_no_code(self, node: Node, asking: Party, visitor: Visitor) -> None:
        await self.signed_in(visitor, node)
        await visitor.open(await self.page(visitor, asking))
        await visitor.send(303, decision="deny")
        said = dict(parse_qsl(urlsplit(visitor.location).query))
        assert (said["error"], "code" in said) == ("access_denied", False)
        assert (await self.page(visitor, asking)).startswith(f"{ISSUER}/web/consent?")

    async def test_the_page_shows_whom_and_cannot_be_framed(self, node: Node, asking: Party, visitor: Visitor) -> None:
        await self.signed_in(visitor, node)
        await visitor.open(await self.page(visitor, asking))
        assert "frame-ancestors 'none'" in visitor.answer.headers["content-security-policy"]
        assert visitor.answer.headers["x-frame-options"] == "DENY"
        hostile = f"{CONSENT}?returnUrl={quote('https://evil.test/callback', safe='')}"
        await visitor.open(hostile, 400)

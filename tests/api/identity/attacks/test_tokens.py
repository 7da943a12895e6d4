"""Forged, foreign, early, late and ended tokens: each is refused by an orchestrator and by an identity operation."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from podium.identity.issuer import Issuer
from podium.identity.keys.rules import signer
from podium.identity.sessions import actions as sessions
from podium.identity.users.rules import User
from tests.api.identity.attacks import forged
from tests.api.identity.attacks.conftest import (
    EVERY_SCOPE,
    OPEN,
    PASSWORD,
    SHUT,
    Canary,
    Doors,
    knock,
    make_user,
)
from tests.api.identity.attacks.forged import Seen
from tests.api.identity.oidc.conftest import SECRET, Browser, Party, register
from tests.conftest import Caller, Node, database, running, settings

USER = "/identity_/api/User"
PATS = "/identity_/api/ReferenceToken"
APPS = "/identity_/api/ExternalClient"


@pytest.fixture
def seen(node: Node, admin: User) -> Seen:
    """A good token of the administrator, as an attacker has come by it."""
    issuer = node.port(Issuer)
    token = issuer.issue_user_token(admin, "tests", EVERY_SCOPE, node.clock())
    dates = signer((key.dates for key in issuer._keys), node.clock())
    (key,) = [one for one in issuer._keys if one.dates is dates]
    return Seen(token, key.public, key.jwk)


@pytest.fixture
def private(node: Node, seen: Seen) -> Any:
    """The issuer's own key, for what must be refused although its signature holds."""
    (key,) = [one for one in node.port(Issuer)._keys if one.dates.kid == seen.kid]
    return key.private


async def let_in(node: Node, variants: Mapping[str, str | bytes]) -> dict[str, Doors]:
    """The variants that some door did not refuse by 401."""
    found = {name: await knock(node, token) for name, token in variants.items()}
    return {name: doors for name, doors in found.items() if doors != SHUT}


class TestForged:
    """T1."""

    async def test_401_for_every_forgery(self, node: Node, seen: Seen, private: Any) -> None:
        variants = dict(forged.every(seen, private))
        assert len(variants) >= 50
        assert seen.token not in variants.values()
        assert await knock(node, seen.token) == OPEN
        assert await let_in(node, variants) == {}
        assert await knock(node, seen.token) == OPEN  # none of them spoiled what is known of the good one

    async def test_the_forging_itself_makes_good_tokens(self, node: Node, seen: Seen, private: Any) -> None:
        made = forged.assemble(seen.header, {**seen.payload, "jti": "0" * 32}, forged.with_key(private))
        assert await knock(node, made) == OPEN


class TestKeysThatTheTokenNames:
    """T2."""

    async def test_401_whatever_the_kid_is(self, node: Node, seen: Seen) -> None:
        kids: list[object] = [
            *("../../../../dev/null", "/dev/null", "..\\..\\windows\\win.ini", "file:///etc/passwd", "key.pem\0"),
            *("' OR 1=1 --", "x'; DROP TABLE identity.signing_keys; --", "x' UNION SELECT 'AAAA' --", "%' --"),
            *("https://evil.test/jwks", "//evil.test", "ldap://evil.test/x", "|/usr/bin/id", "$(id)", "{{7*7}}"),
            *("unknown", "", " ", "0", "*", "a" * 10_240, "\u202e", seen.kid.upper(), seen.kid + " ", seen.kid[:-1]),
            *(None, 0, True, [seen.kid], {"kid": seen.kid}, 2**70),
        ]
        variants: dict[str, str | bytes] = {}
        for number, kid in enumerate(kids):
            header = {**seen.header, "kid": kid}
            variants[f"{number} own key"] = forged.assemble(header, seen.payload, forged.own_rsa)
            variants[f"{number} empty secret"] = forged.assemble(
                {**header, "alg": "HS256"}, seen.payload, forged._hmac(b"", "sha256")
            )
        keys = await node.rows("SELECT kid FROM identity.signing_keys")
        assert await let_in(node, variants) == {}
        assert await node.rows("SELECT kid FROM identity.signing_keys") == keys

    async def test_401_and_no_address_of_a_header_is_fetched(self, node: Node, seen: Seen, canary: Canary) -> None:
        canary.body = json.dumps({"keys": [forged.own_jwk(kid=seen.kid, use="sig")]}).encode()
        variants: dict[str, str | bytes] = {}
        for name in ("jku", "x5u", "jwk", "jwks", "jwks_uri", "iss", "kid"):
            for path in ("/jwks", "/.well-known/jwks.json", "/cert.pem"):
                header = {**seen.header, name: f"{canary.address}{path}"}
                variants[f"{name} {path}"] = forged.assemble(header, seen.payload, forged.own_rsa)
        elsewhere = {**seen.payload, "iss": canary.address}
        variants["the issuer's own discovery"] = forged.assemble(seen.header, elsewhere, forged.own_rsa)
        assert await let_in(node, variants) == {}
        assert canary.hits == []


class TestWrongClaims:
    """T3: well signed, so that nothing but the claim is wrong."""

    async def test_401_for_what_is_no_access_token_of_this_issuer(self, node: Node, seen: Seen, private: Any) -> None:
        wrong: dict[str, list[object]] = {
            "iss": [
                *(
                    "https://evil.test",
                    "http://podium.test",
                    "http://podium.test/identity",
                    "http://podium.test/other_",
                ),
                *("http://podium.test/identity_/", "HTTP://PODIUM.TEST/identity_", "", None, 1, [seen.payload["iss"]]),
            ],
            "aud": [
                *("UiPath.Orchestrator", "tests", "", None, [], [None], ["evil"], [["UiPath.Orchestrator"]], {}),
                *(["uipath.orchestrator"], "UiPath.Orchestrator IdentityServerApi", 1),
            ],
            "scope": ["OrchestratorApiUserAccess", None, [1], {}, [None], [["OR.Jobs"]]],
            "sub_type": ["admin", "User", "", None, 1, ["user"]],
            "sub": ["", None, 1, "admin", "00000000", ["x"]],
            "prt_id": ["", None, 1, "default", "*"],
            "client_id": ["", None, 1, ["tests"]],
            "jti": ["", None, 1, "not hex at all"],
            "nonce": ["n"],
            "at_hash": ["x"],
        }
        sign = forged.with_key(private)
        variants: dict[str, str | bytes] = {}
        for name, values in wrong.items():
            for value in values:
                claims = {**seen.payload, name: value}
                variants[f"{name}={value!r}"] = forged.assemble(seen.header, claims, sign)
        for name in ("iss", "aud", "scope", "sub_type", "sub", "prt_id", "client_id", "jti", "iat", "nbf", "exp"):
            claims = {key: value for key, value in seen.payload.items() if key != name}
            variants[f"no {name}"] = forged.assemble(seen.header, claims, sign)
        foreign = {**seen.payload, "aud": "tests", "azp": "evil"}
        variants["an ID token's audience and party"] = forged.assemble(seen.header, foreign, sign)
        assert await let_in(node, variants) == {}

    async def test_401_for_every_other_secret_as_a_bearer(
        self, node: Node, seen: Seen, public: Party, confidential: Party, browser: Browser
    ) -> None:
        tokens = await public.tokens(browser)
        device = (await public.post("/connect/deviceauthorization", {"scope": "OR.Jobs"})).json()
        others: dict[str, str | bytes] = {
            "an ID token": tokens["id_token"],
            "an ID token under another typ": forged.assemble(
                {**seen.header, "typ": "at+jwt"}, forged.unb64(tokens["id_token"].split(".")[1]).decode(), None
            ),
            "a refresh token": tokens["refresh_token"],
            "a code": await public.code(browser),
            "a session": browser.cookie,
            "a client's secret": str(confidential.secret),
            "a client's id": confidential.client_id,
            "a device code": device["device_code"],
            "a user code": device["user_code"],
            "a look-alike": f"rt_{'A' * 43}",
            "a look-alike, long": f"rt_{'A' * 5000}",
            "a look-alike of SQL": "rt_' OR 1=1 --",
            "a prefix": "rt_",
            "a prefix and a token": f"rt_{seen.token}",
            "another prefix": "RT_" + "A" * 43,
            "a user's id": str(seen.payload["sub"]),
        }
        assert await let_in(node, others) == {}

    async def test_401_for_a_token_of_another_installation(
        self, node: Node, seen: Seen, server_url: str, installed: str, closed_folder: Any
    ) -> None:
        """The same address, the same clock, other keys."""
        async with database(server_url, "podium_attacks_elsewhere") as url:
            folder = closed_folder / "attacks-elsewhere"
            async with running(settings(url, folder), node.clock) as elsewhere:
                token = elsewhere.token(await elsewhere.user(elsewhere.admin), EVERY_SCOPE)
                assert await knock(elsewhere, token) == OPEN
                assert await knock(node, token) == SHUT

    async def test_403_for_a_token_of_another_organization(self, node: Node, seen: Seen) -> None:
        _, name, there = await node.make_organization("other")
        token = node.token(there, EVERY_SCOPE)
        assert await knock(node, token) == Doors(403, 403)
        answer = await node.http.get(
            f"/{name}/identity_/api/Group/{there.organization_id}", headers={"authorization": f"Bearer {seen.token}"}
        )
        assert answer.status_code == 403


class TestTime:
    """T4: sixty seconds are forgiven, not one more."""

    async def test_401_beyond_the_skew(self, node: Node, seen: Seen, private: Any) -> None:
        sign, now = forged.with_key(private), int(node.clock().timestamp())
        assert node.clock().microsecond == 0

        def token(**claims: object) -> str:
            return forged.assemble(seen.header, {**seen.payload, **claims}, sign)

        good: dict[str, str | bytes] = {
            "expired 59 s ago": token(iat=now - 3600, nbf=now - 3600, exp=now - 59),
            "valid in 60 s": token(nbf=now + 60),
            "made in 60 s": token(iat=now + 60),
        }
        for name, one in good.items():
            assert await knock(node, one) == OPEN, name
        bad: dict[str, str | bytes] = {
            "expired 60 s ago": token(iat=now - 3600, nbf=now - 3600, exp=now - 60),
            "expired an hour ago": token(iat=now - 7200, exp=now - 3600),
            "valid in 61 s": token(nbf=now + 61),
            "valid in a century": token(nbf=now + 3_200_000_000),
            "made in 61 s": token(iat=now + 61),
            "made in a century": token(iat=now + 3_200_000_000, exp=now + 3_200_003_600),
            "made before time began": token(iat=-1),
            "ends as it begins": token(iat=now, exp=now),
            "ends before it begins": token(iat=now + 30, exp=now + 20),
        }
        for name in ("iat", "nbf", "exp"):
            for value in ("null", f'"{now + 60}"', f"{now}.5", "1e400", "-1e400", "NaN", "true", "[]", "{}", '""'):
                text = json.dumps({**seen.payload, name: "@"}).replace('"@"', value)
                bad[f"{name} {value}"] = forged.assemble(seen.header, text, sign)
        assert await let_in(node, bad) == {}

    async def test_401_at_the_end_for_a_token_that_was_used_all_the_time(self, node: Node, admin: User) -> None:
        token = node.token(admin, EVERY_SCOPE)
        assert await knock(node, token) == OPEN
        node.clock.forward(seconds=3659)
        assert await knock(node, token) == OPEN
        node.clock.forward(seconds=1)
        assert await knock(node, token) == SHUT


async def signed_in(node: Node, user: User) -> tuple[Browser, Party, dict[str, Any]]:
    """A browser of the user, an application, and what it got."""
    browser, party = Browser(node), await register(node)
    await browser.sign_in(user)
    return browser, party, await party.tokens(browser)


async def personal(api: Caller, user: User) -> str:
    """A personal token of the user."""
    token = api.node.token(user, EVERY_SCOPE)
    body = {
        "description": "x",
        "expiration": (api.node.clock() + timedelta(days=30)).isoformat(),
        "scopes": ["OR.Folders", "PM.Group"],
    }
    return str(await api.bearer(token).post(PATS, body, expect=201))


class TestEnded:
    """T5: refused from the very next call on here, and on other nodes as soon as they look, every five seconds."""

    async def test_401_for_a_token_that_its_client_gave_back_alone(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        first, second = await public.tokens(browser), await public.tokens(browser)
        answer = await public.post("/connect/revocation", {"token": first["access_token"]})
        assert answer.status_code == 200
        assert not await public.is_good(first["access_token"])
        assert await public.is_good(second["access_token"])
        assert (await public.refresh(first["refresh_token"])).status_code == 200

    async def test_401_for_the_access_tokens_of_a_refresh_token_that_was_given_back(
        self, public: Party, browser: Browser
    ) -> None:
        first = await public.tokens(browser)
        renewed = (await public.refresh(first["refresh_token"])).json()
        answer = await public.post("/connect/revocation", {"token": renewed["refresh_token"]})
        assert answer.status_code == 200
        for tokens in (first, renewed):
            assert not await public.is_good(tokens["access_token"])
            assert (await public.refresh(tokens["refresh_token"])).status_code == 400

    async def test_200_and_nothing_ends_for_a_token_of_another_client(
        self, node: Node, public: Party, browser: Browser
    ) -> None:
        tokens, thief = await public.tokens(browser), await register(node, secret=SECRET)
        for name in ("access_token", "refresh_token"):
            assert (await thief.post("/connect/revocation", {"token": tokens[name]})).status_code == 200
        assert await public.is_good(tokens["access_token"])
        assert (await public.refresh(tokens["refresh_token"])).status_code == 200

    async def test_401_once_the_session_ended_on_every_node(self, node: Node, victim: User) -> None:
        browser, party, tokens = await signed_in(node, victim)
        _, other, others = await signed_in(node, victim)
        second = replace(node.config, data_dir=node.config.data_dir.with_name(f"{node.config.data_dir.name}-2"))
        async with running(second, node.clock) as neighbour:
            headers = {"authorization": f"Bearer {tokens['access_token']}"}
            assert (await neighbour.http.get("/odata/Folders", headers=headers)).status_code != 401
            hint = {"id_token_hint": tokens["id_token"]}
            assert (await browser.get("/identity_/connect/endsession", hint)).status_code == 302
            assert not await party.is_good(tokens["access_token"])
            await neighbour.port(Issuer).reload()
            assert (await neighbour.http.get("/odata/Folders", headers=headers)).status_code == 401
        assert (await party.refresh(tokens["refresh_token"])).status_code == 400
        assert await other.is_good(others["access_token"])

    @pytest.mark.parametrize("how", ["disabled", "deleted"])
    async def test_401_for_everything_of_a_user_who_is_gone(
        self, node: Node, api: Caller, pm: Caller, victim: User, how: str
    ) -> None:
        browser, party, tokens = await signed_in(node, victim)
        pat, classic = await personal(api, victim), node.token(victim, EVERY_SCOPE)
        code = await party.code(browser)
        assert await knock(node, pat) != SHUT
        assert await knock(node, classic) != SHUT
        if how == "disabled":
            await pm.put(f"{USER}/{victim.id}", {"isActive": False})
        else:
            await pm.delete(f"{USER}/{victim.id}")
        held: dict[str, str | bytes] = {"pat": pat, "classic": classic, "access": tokens["access_token"]}
        assert await let_in(node, held) == {}
        assert (await party.refresh(tokens["refresh_token"])).status_code == 400
        assert (await party.redeem(code)).status_code == 400
        assert (await party.authorize(browser)).address.endswith("/web/login")
        if how == "disabled":
            await pm.put(f"{USER}/{victim.id}", {"isActive": True})
            assert await let_in(node, held) == {}  # what ended does not come back with the user
            assert (await party.refresh(tokens["refresh_token"])).status_code == 400
            assert (await party.authorize(browser)).address.endswith("/web/login")

    async def test_401_for_what_came_before_a_new_password(self, node: Node, pm: Caller, victim: User) -> None:
        browser, party, tokens = await signed_in(node, victim)
        classic = node.token(victim, EVERY_SCOPE)
        body = {"userId": str(victim.id), "oldPassword": PASSWORD, "newPassword": "another teapot 42"}
        answer = await pm.bearer(classic).request("POST", f"{USER}/{victim.id}/changepassword", body)
        assert answer.status == 200, answer.text
        assert await let_in(node, {"classic": classic, "access": tokens["access_token"]}) == {}
        assert (await party.refresh(tokens["refresh_token"])).status_code == 400
        assert (await party.authorize(browser)).address.endswith("/web/login")

    async def test_401_and_no_more_tokens_once_a_secret_is_gone(self, node: Node, pm: Caller) -> None:
        home = str(node.organization_id)
        scopes = [{"name": "OR.Folders", "type": 1}, {"name": "PM.Group", "type": 1}]
        body = {"partitionGlobalId": home, "name": f"App {uuid4()}", "isConfidential": True, "scopes": scopes}
        app = await pm.post(APPS, body, expect=201)
        form = {"grant_type": "client_credentials", "client_id": app["id"], "client_secret": app["secret"]}
        given = await node.http.post("/identity_/connect/token", data=form)
        token = given.json()["access_token"]
        assert (await knock(node, token)).identity == 200
        fresh = await pm.post(f"{APPS}/GenerateSecret", {"partitionGlobalId": home, "clientId": app["id"]})
        (old,) = [one["id"] for one in app["secrets"]]
        await pm.delete(f"{APPS}/{node.organization_id}/secrets/{old}")
        assert await knock(node, token) == SHUT
        assert (await node.http.post("/identity_/connect/token", data=form)).json() == {"error": "invalid_client"}
        node.clock.forward(seconds=2)
        again = await node.http.post("/identity_/connect/token", data=form | {"client_secret": fresh["secret"]})
        assert (await knock(node, again.json()["access_token"])).identity == 200

    async def test_401_for_a_personal_token_and_what_it_was_exchanged_for(self, node: Node, api: Caller) -> None:
        user = await node.user(node.admin)
        pat, own = await personal(api, user), api.bearer(node.token(user, EVERY_SCOPE))
        assert await knock(node, pat) == OPEN
        exchanged = await own.request("POST", f"{PATS}/Exchange", content=msgspec.json.encode(pat),
                                      headers={"content-type": "application/json"})  # fmt: skip
        assert exchanged.status == 200, exchanged.text
        token = exchanged.json["userAccessToken"]
        assert await knock(node, token) == OPEN
        (listed,) = [one["id"] for one in await own.get(PATS)]
        await own.delete(f"{PATS}/{listed}")
        assert await let_in(node, {"pat": pat, "exchanged": token}) == {}

    async def test_400_for_a_code_of_a_session_that_ended(self, node: Node, victim: User) -> None:
        browser, party, _ = await signed_in(node, victim)
        code = await party.code(browser)
        assert browser.session is not None
        async with node.db.transaction() as db:
            await sessions.end(db, browser.session, node.clock(), 3600)
        assert (await party.redeem(code)).status_code == 400

    async def test_a_name_that_is_free_again_is_another_user(self, node: Node, pm: Caller) -> None:
        former = await make_user(node, "former")
        token = node.token(former, EVERY_SCOPE)
        await pm.delete(f"{USER}/{former.id}")
        node.clock.forward(seconds=1)
        await pm.post(USER, {"userName": former.user_name, "password": PASSWORD})
        assert await knock(node, token) == SHUT

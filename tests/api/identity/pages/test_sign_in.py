"""Signing in on the page: who gets a session, and where it leads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote, urlencode

import httpx
import pytest

from podium.identity.settings.known import SECOND_FACTOR
from tests.api.identity.pages.conftest import Visitor, new_http
from tests.api.identity.pages.hostile import ADDRESSES
from tests.api.identity.pages.persons import PASSWORD, make_user, sessions_of, set_setting
from tests.conftest import ADMIN_PASSWORD, MovableClock, Node, database, running, settings

LOGIN = "/identity_/web/login"
ACCOUNT = "/identity_/web/account"
CLIENT = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"
CALLBACK = "/identity_/connect/authorize/callback"
ASKED = {
    "response_type": "code",
    "client_id": CLIENT,
    "redirect_uri": "http://localhost:8104/oidc/login",
    "scope": "openid",
    "code_challenge": "x" * 43,
    "code_challenge_method": "S256",
}
WRONG = "These details do not match an active account."


def callback(**more: str) -> str:
    """An address that the authorization endpoint sends people back to."""
    return f"{CALLBACK}?{urlencode(ASKED | more)}"


class TestShow:
    async def test_200_a_form_for_a_name_and_a_password(self, visitor: Visitor) -> None:
        await visitor.open(LOGIN)
        assert '<html lang="en">' in visitor.text
        assert 'name="organization"' not in visitor.text
        assert 'href="/identity_/web/forgot"' in visitor.text

    async def test_200_names_the_application_and_takes_its_hint(self, visitor: Visitor) -> None:
        back = callback(login_hint='"><script>alert(1)</script>', ui_locales="de en")
        await visitor.open(f"{LOGIN}?returnUrl={quote(back, safe='')}")
        assert "to continue to UiPath tools" in visitor.text
        assert 'value="&#34;&gt;&lt;script&gt;alert(1)&lt;/script&gt;"' in visitor.text
        policy = visitor.answer.headers["content-security-policy"]
        assert "form-action 'self' http://localhost:8104;" in policy

    async def test_200_without_a_way_out_for_an_address_that_is_not_registered(self, visitor: Visitor) -> None:
        back = callback(redirect_uri="https://evil.test/oidc/login")
        await visitor.open(f"{LOGIN}?returnUrl={quote(back, safe='')}")
        assert "form-action 'self';" in visitor.answer.headers["content-security-policy"]

    @pytest.mark.parametrize(
        ("code", "said"),
        [
            ("219", "not accepted the invitation"),
            ("200", "did not work"),
            ("<b>", "did not work"),
            ("invalid_scope", "not allowed"),
        ],
    )
    async def test_200_says_what_the_code_means(self, visitor: Visitor, code: str, said: str) -> None:
        await visitor.open(f"{LOGIN}?errorCode={quote(code)}&traceId=0HN:1")
        assert '<div role="alert" id="problem">' in visitor.text
        assert said in visitor.text
        assert "<b>" not in visitor.text

    async def test_303_to_the_account_for_who_is_signed_in(self, visitor: Visitor) -> None:
        await visitor.sign_in()
        await visitor.open(LOGIN, 303)
        assert visitor.location == ACCOUNT
        await visitor.open(f"{LOGIN}?returnUrl={quote(callback(), safe='')}")

    async def test_200_asks_for_the_organization_where_there_are_several(self, visitor: Visitor, node: Node) -> None:
        _, name, _ = await node.make_organization("second")
        await visitor.open(LOGIN)
        assert 'name="organization" type="text"' in visitor.text
        for known in (
            f"/{name}{LOGIN}",
            f"{LOGIN}?returnUrl={quote(callback(acr_values=f'tenantName:{name}'), safe='')}",
        ):
            await visitor.open(known)
            assert f"Organization: {name}" in visitor.text
            assert 'name="organization" type="text"' not in visitor.text
        await node.rows("UPDATE identity.organizations SET is_active = false WHERE name = $1", name)
        node.clock.forward(seconds=10)


class TestSignIn:
    async def test_303_with_a_new_session(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "newcomer")
        assert await visitor.sign_in("NEWCOMER", PASSWORD) == ACCOUNT
        (given,) = [one for one in visitor.answer.headers.get_list("set-cookie") if one.startswith("podium=")]
        assert given == f"podium={visitor.cookie('podium')}; Path=/; HttpOnly; SameSite=Lax"
        assert len(await sessions_of(node, user.id)) == 1
        await visitor.open("/identity_/web/logout")
        assert "You are signed in as newcomer X." in visitor.text

    async def test_303_by_mail_address_and_to_stay(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "stayer")
        await visitor.open(LOGIN)
        await visitor.send(303, username=" stayer@podium.test ", password=PASSWORD, remember="true")
        (given,) = [one for one in visitor.answer.headers.get_list("set-cookie") if one.startswith("podium=")]
        assert f"Max-Age={14 * 24 * 3600}" in given
        assert "Secure" not in given

    async def test_303_back_to_the_application(self, visitor: Visitor) -> None:
        back = callback(state="a b/ü")
        assert await visitor.sign_in(returnUrl=back) == back

    @pytest.mark.parametrize("address", ADDRESSES)
    async def test_303_never_to_somewhere_else(self, signed_in: Visitor, address: str) -> None:
        """Two hundred ways to name another host; the form keeps none of them, and sent directly none is followed."""
        await signed_in.open(f"{LOGIN}?errorCode=200&returnUrl={quote(address, safe='', errors='replace')}")
        assert 'name="returnUrl"' not in signed_in.text
        is_no_text = "\0" in address
        await signed_in.send(400 if is_no_text else 303, username="admin", password=ADMIN_PASSWORD, returnUrl=address)
        assert is_no_text or signed_in.location == ACCOUNT

    @pytest.mark.parametrize(
        "wrong",
        [
            {"password": "not it"},
            {"username": "nobody"},
            {"username": "x" * 5000},
            {"password": "x" * 5000},
            {"username": "disabled"},
            {"username": "disabled", "password": PASSWORD},
            {"username": "locked", "password": PASSWORD},
        ],
        ids=lambda wrong: ",".join(f"{name}={value[:9]}" for name, value in wrong.items()),
    )
    async def test_400_the_same_sentence_whatever_was_wrong(
        self, visitor: Visitor, closed_accounts: None, wrong: dict[str, str]
    ) -> None:
        await visitor.open(LOGIN)
        fields = {"username": "admin", "password": ADMIN_PASSWORD} | wrong
        await visitor.send(400, None, **fields)
        assert WRONG in visitor.text
        assert fields["password"] not in visitor.text
        assert visitor.cookie("podium") is None

    @pytest.mark.parametrize("fields", [{"username": "", "password": "x"}, {"username": "x", "password": ""}])
    async def test_400_for_empty_fields(self, visitor: Visitor, fields: dict[str, str]) -> None:
        await visitor.open(LOGIN)
        await visitor.send(400, None, **fields)
        assert "Enter your user name and your password." in visitor.text

    async def test_400_in_an_organization_that_is_not_the_user_s(self, visitor: Visitor, node: Node) -> None:
        _, name, _ = await node.make_organization("foreign")
        for organization in (name, "nowhere", ""):
            await visitor.open(LOGIN)
            await visitor.send(400, username="admin", password=ADMIN_PASSWORD, organization=organization)
            assert WRONG in visitor.text
            assert 'name="organization" type="text"' in visitor.text
        await visitor.open(LOGIN)
        await visitor.send(303, username="admin", password=ADMIN_PASSWORD, organization="DEFAULT")
        await visitor.open(f"/default{LOGIN}?errorCode=200")
        await visitor.send(303, username="admin", password=ADMIN_PASSWORD)
        await node.rows("UPDATE identity.organizations SET is_active = false WHERE name = $1", name)

    async def test_the_trail_tells_who_came_in_and_how(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "watched")
        await visitor.sign_in("watched", PASSWORD)
        (row,) = await node.rows("SELECT * FROM kernel.audit WHERE actor_id = $1", user.id)
        assert (row["component"], row["action"], row["actor_name"]) == ("Authentication", "UserLogin", "watched")
        assert row["organization_id"] == node.organization_id
        assert '"pwd"' in row["detail"]


class TestSession:
    async def test_a_planted_cookie_is_not_the_session_afterwards(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "fixed")
        planted = "A" * 43
        visitor.http.cookies.set("podium", planted, domain="podium.test")
        await visitor.sign_in("fixed", PASSWORD)
        (given,) = [one for one in visitor.answer.headers.get_list("set-cookie") if one.startswith("podium=")]
        assert planted not in given
        assert len(await sessions_of(node, user.id)) == 1

    async def test_a_second_sign_in_changes_the_cookie_and_keeps_the_session(
        self, visitor: Visitor, node: Node
    ) -> None:
        user = await make_user(node, "again")
        await visitor.sign_in("again", PASSWORD)
        before, first = await sessions_of(node, user.id), visitor.cookie("podium")
        await visitor.sign_in("again", PASSWORD, errorCode="200")
        assert await sessions_of(node, user.id) == before
        assert visitor.cookie("podium") != first
        async with new_http(node, cookies={"podium": first or ""}) as thief:
            answer = await thief.get("/identity_/web/logout")
        assert "You are signed out" in answer.text

    async def test_another_person_ends_the_session_that_was_there(self, visitor: Visitor, node: Node) -> None:
        earlier, later = await make_user(node, "earlier"), await make_user(node, "later")
        await visitor.sign_in("earlier", PASSWORD)
        await visitor.sign_in("later", PASSWORD, errorCode="200")
        assert await sessions_of(node, earlier.id) == []
        assert len(await sessions_of(node, later.id)) == 1

    async def test_it_ends_when_it_is_not_used(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "idle")
        await visitor.sign_in("idle", PASSWORD)
        node.clock.forward(minutes=29)
        await visitor.open("/identity_/web/logout")
        assert "Sign out?" in visitor.text
        node.clock.forward(minutes=31)
        await visitor.open("/identity_/web/logout")
        assert "You are signed out" in visitor.text


class TestSteps:
    async def test_303_to_a_new_password_without_a_session(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "due", must_change=True)
        back = callback()
        there = await visitor.sign_in("due", PASSWORD, returnUrl=back)
        assert there == f"/identity_/web/password?{urlencode({'returnUrl': back})}"
        assert await sessions_of(node, user.id) == []
        assert visitor.cookie("podium") is None
        (given,) = [one for one in visitor.answer.headers.get_list("set-cookie") if one.startswith("podium-pending=")]
        assert given.endswith("; Path=/; HttpOnly; SameSite=Lax; Max-Age=600")

    async def test_303_to_the_second_factor_before_a_due_password(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "both", must_change=True)
        await set_setting(node, SECOND_FACTOR, "true")
        assert (await visitor.sign_in("both", PASSWORD)).partition("?")[0] == "/identity_/web/second-factor"
        await set_setting(node, SECOND_FACTOR, "false")
        assert visitor.cookie("podium") is None


@pytest.fixture
async def closed_accounts(node: Node) -> None:
    """A person who is disabled and one who is locked out."""
    names = {row["user_name"] for row in await node.rows("SELECT user_name FROM identity.users")}
    if "disabled" in names:
        return
    disabled, locked = await make_user(node, "disabled"), await make_user(node, "locked")
    await node.rows("UPDATE identity.users SET is_active = false WHERE id = $1", disabled.id)
    await node.rows(
        "UPDATE identity.users SET locked_until = $2 WHERE id = $1", locked.id, node.clock.now.replace(year=2100)
    )


@pytest.fixture(scope="module")
async def signed_in(node: Node) -> AsyncIterator[Visitor]:
    """One browser for many tries."""
    async with new_http(node) as http:
        yield Visitor(http)


class TestOverTls:
    async def test_cookies_are_secure_and_of_this_host_only(
        self, server_url: str, installed: str, closed_folder: Path
    ) -> None:
        name = f"{installed}_tls"
        async with database(server_url, name, installed) as url:
            config = replace(settings(url, closed_folder / name), public_url="https://podium.test")
            async with running(config, MovableClock()) as node, new_http(node) as http:
                http.base_url = httpx.URL("https://podium.test")
                visitor = Visitor(http)
                await visitor.open(LOGIN)
                assert visitor.answer.headers["strict-transport-security"] == "max-age=31536000"
                given = visitor.answer.headers.get_list("set-cookie")
                await visitor.send(
                    303, username="admin", password=ADMIN_PASSWORD, headers={"origin": "https://podium.test"}
                )
                given += visitor.answer.headers.get_list("set-cookie")
                assert len(given) == 4
                for cookie in given:
                    assert cookie.startswith("__Host-podium")
                    assert {"Path=/", "HttpOnly", "SameSite=Lax", "Secure"} <= set(cookie.split("; "))
                    assert "Domain" not in cookie

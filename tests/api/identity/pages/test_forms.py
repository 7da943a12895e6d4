"""What every page and every form has in common: headers, cookies, and where a post must come from."""

from __future__ import annotations

import re

import pytest

from podium.identity import cookies
from podium.server.pages import csrf
from podium.server.pages.headers import form_source, security
from tests.api.identity.pages.conftest import Forms, Visitor
from tests.conftest import ADMIN_PASSWORD, PUBLIC_URL

PAGES = ["/web/login", "/web/logout", "/web/error?errorCode=x", "/web/?errorCode=219"]
POSTS = ["/web/login", "/web/consent", "/web/device", "/web/logout"]
BASES = ["/identity_", "/identity", "/default/identity_", "/default/default/identity_"]
POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)


class TestHeaders:
    @pytest.mark.parametrize("path", PAGES)
    async def test_a_page_is_closed_to_other_sites(self, visitor: Visitor, path: str) -> None:
        await visitor.open(f"/identity_{path}")
        headers = visitor.answer.headers
        assert headers["content-type"] == "text/html; charset=utf-8"
        assert headers["content-security-policy"] == POLICY
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert headers["cross-origin-opener-policy"] == "same-origin"
        assert headers["cache-control"] == "no-store"
        assert headers.get_list("referrer-policy")[-1] == "same-origin"
        assert "strict-transport-security" not in headers

    def test_hsts_over_tls_only(self) -> None:
        assert "max-age=" in security("https://podium.test")["strict-transport-security"]
        assert "strict-transport-security" not in security("http://podium.test")

    @pytest.mark.parametrize(
        ("address", "source"),
        [
            ("http://localhost:8104/oidc/login", "http://localhost:8104"),
            ("https://App.example/x?y#z", "https://app.example"),
            ("http://[::1]:7/x", "http:"),
            ("com.example.app:/back", "com.example.app:"),
            ("https://a.b; script-src *", None),
            ("https://a b/", None),
            ("https://*/", None),
            ("https://a:x/", None),
            ("https://[::1", None),
            ("javascript:alert(1)", None),
            ("data:text/html,x", None),
            ("/relative", None),
            ("", None),
        ],
    )
    def test_only_an_origin_enters_the_policy(self, address: str, source: str | None) -> None:
        assert form_source(address) == source

    async def test_the_page_is_the_same_under_every_form_of_the_address(self, visitor: Visitor) -> None:
        for base in BASES:
            await visitor.open(f"{base}/web/login", host="evil.test", x_forwarded_host="evil.test")
            assert "evil.test" not in visitor.text
            ((action, _),) = Forms(visitor.text).found
            assert action == "/identity_/web/login"


class TestAssets:
    async def test_links_name_a_version_that_is_kept_for_good(self, visitor: Visitor) -> None:
        await visitor.open("/identity_/web/login")
        for link in re.findall(r'href="(/identity_/web/assets/[^"]+)"', visitor.text):
            await visitor.open(link)
            assert "immutable" in visitor.answer.headers["cache-control"]
            assert visitor.answer.headers["x-content-type-options"] == "nosniff"
        await visitor.open("/identity_/web/assets/page.css")
        assert visitor.answer.headers["content-type"] == "text/css; charset=utf-8"
        assert "immutable" not in visitor.answer.headers["cache-control"]

    @pytest.mark.parametrize("name", ["none.css", "..%2Fshell.py", "shell.py", "PAGE.CSS"])
    async def test_404_for_what_is_none(self, visitor: Visitor, name: str) -> None:
        await visitor.open(f"/identity_/web/assets/{name}", 404)


class TestCookies:
    async def test_a_page_sets_a_random_cookie_once(self, visitor: Visitor, other_visitor: Visitor) -> None:
        await visitor.open("/identity_/web/login")
        given = visitor.answer.headers["set-cookie"]
        assert re.fullmatch(r"podium-csrf=[\w-]{43}; Path=/; HttpOnly; SameSite=Lax", given)
        await visitor.open("/identity_/web/login")
        assert "set-cookie" not in visitor.answer.headers
        await other_visitor.open("/identity_/web/login")
        assert other_visitor.cookie("podium-csrf") != visitor.cookie("podium-csrf")

    async def test_a_cookie_of_another_form_is_replaced(self, visitor: Visitor) -> None:
        await visitor.open("/identity_/web/login", cookie='podium-csrf="><script>')
        assert "<script>" not in visitor.text
        assert re.match(r"podium-csrf=[\w-]{43};", visitor.answer.headers["set-cookie"])

    def test_over_tls_they_belong_to_this_host_alone(self) -> None:
        written = cookies.write("https://podium.test", "podium-csrf", "x", 5)
        assert written == "__Host-podium-csrf=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=5; Secure"
        assert (
            cookies.clear("https://podium.test", "a") == "__Host-a=; Path=/; HttpOnly; SameSite=Lax; Max-Age=0; Secure"
        )
        name = cookies.cookie_name("https://podium.test", "a")
        assert cookies.read({"cookie": "a=1; __Host-a=2; __Host-a=3"}, name) == "2"
        assert cookies.read({}, name) is None


class TestPosts:
    @pytest.mark.parametrize("path", POSTS)
    @pytest.mark.parametrize("field", ["", "x", "0" * 64, "é"])
    async def test_400_and_the_way_back_without_the_hidden_field(self, visitor: Visitor, path: str, field: str) -> None:
        await visitor.open("/identity_/web/login")
        return_url = "/identity_/web/account"
        answer = await visitor.http.post(f"/identity_{path}", data={"csrf": field, "returnUrl": return_url})
        assert answer.status_code == 400
        assert "This page is out of date" in answer.text
        assert f'href="/identity_{path}?returnUrl=%2Fidentity_%2Fweb%2Faccount"' in answer.text

    @pytest.mark.parametrize("path", POSTS)
    async def test_400_without_the_cookie(self, visitor: Visitor, path: str) -> None:
        answer = await visitor.http.post(f"/identity_{path}", data={"csrf": "0" * 64})
        assert answer.status_code == 400
        assert "Cookies are needed" in answer.text

    @pytest.mark.parametrize(
        "headers",
        [
            {"origin": "https://evil.test"},
            {"origin": "null"},
            {"origin": "http://podium.test:81"},
            {"origin": "https://podium.test"},
            {"sec-fetch-site": "cross-site"},
            {"sec-fetch-site": "same-site", "origin": PUBLIC_URL},
        ],
    )
    async def test_403_from_elsewhere(self, visitor: Visitor, headers: dict[str, str]) -> None:
        await visitor.open("/identity_/web/login")
        await visitor.send(403, headers=headers, username="admin", password=ADMIN_PASSWORD)
        assert "This form came from elsewhere" in visitor.text
        assert visitor.cookie("podium") is None

    @pytest.mark.parametrize(
        "headers", [{"origin": PUBLIC_URL}, {"sec-fetch-site": "same-origin", "origin": "http://localhost"}]
    )
    async def test_303_from_here(self, visitor: Visitor, headers: dict[str, str]) -> None:
        await visitor.open("/identity_/web/login")
        await visitor.send(303, headers=headers, username="admin", password=ADMIN_PASSWORD)

    @pytest.mark.parametrize(
        ("body", "kind"),
        [
            (b'{"username":"admin"}', "application/json"),
            (b"username=admin", "text/plain"),
            (b"a=1&a=2", "application/x-www-form-urlencoded"),
            (b"a=%ff", "application/x-www-form-urlencoded"),
            (b"\xff\xfe", "application/x-www-form-urlencoded"),
            (b"a=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
            (b"&".join(b"f%d=1" % number for number in range(100)), "application/x-www-form-urlencoded"),
        ],
    )
    async def test_400_for_what_is_no_form(self, visitor: Visitor, body: bytes, kind: str) -> None:
        await visitor.open("/identity_/web/login")
        answer = await visitor.http.post("/identity_/web/login", content=body, headers={"content-type": kind})
        assert answer.status_code == 400
        assert "This form cannot be read" in answer.text

    async def test_400_with_the_field_of_another_browser(self, visitor: Visitor, other_visitor: Visitor) -> None:
        await visitor.open("/identity_/web/login")
        await other_visitor.open("/identity_/web/login")
        ((_, fields),) = Forms(other_visitor.text).found
        await visitor.send(400, csrf=fields["csrf"])

    async def test_400_with_a_planted_pair_once_somebody_is_signed_in(
        self, visitor: Visitor, other_visitor: Visitor
    ) -> None:
        await other_visitor.open("/identity_/web/login")
        ((_, planted),) = Forms(other_visitor.text).found
        await visitor.sign_in()
        visitor.http.cookies.delete("podium-csrf")
        visitor.http.cookies.set("podium-csrf", other_visitor.cookie("podium-csrf") or "")
        answer = await visitor.http.post("/identity_/web/logout", data={"csrf": planted["csrf"]})
        assert answer.status_code == 400
        await visitor.open("/identity_/web/logout")
        assert "Sign out?" in visitor.text

    def test_an_origin_is_written_as_browsers_do(self) -> None:
        assert csrf.origin("https://Podium.test:443/base") == "https://podium.test"
        assert csrf.origin("http://[::1]:8000") == "http://[::1]:8000"
        assert csrf.origin("http://podium.test:8000/") == "http://podium.test:8000"

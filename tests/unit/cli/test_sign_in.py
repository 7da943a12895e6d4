"""`podium login` by OAuth, the renewal of what it kept, and `podium logout`, against a server on real sockets."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx
import pytest

from podium.cli import credentials, renewal
from podium.cli.credentials import Stored
from podium.cli.failure import Exit, Failure
from tests.unit.cli.conftest import TOKEN, Asked, Ended, Podium, Wire

CLIENT = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"
LIST_JOBS = ("jobs", "list")
HOUR_S = 3600


@dataclass
class Issuer:
    """The identity server's part of the wire, and how it misbehaves."""

    wire: Wire
    claims: dict[str, Any] = field(default_factory=dict)
    polls: list[str] = field(default_factory=list)
    given: int = 0
    nonce: str | None = None
    challenge: str = ""

    @property
    def url(self) -> str:
        return f"{self.wire.url}/identity_"

    def serve(self) -> None:
        endpoint = f"{self.url}/connect"
        said = {
            "issuer": self.url,
            "authorization_endpoint": f"{endpoint}/authorize",
            "token_endpoint": f"{endpoint}/token",
            "revocation_endpoint": f"{endpoint}/revocation",
            "device_authorization_endpoint": f"{endpoint}/deviceauthorization",
        }
        self.wire.answers["GET", "/identity_/.well-known/openid-configuration"] = (200, said)
        self.wire.answers["POST", "/identity_/connect/token"] = self.token
        self.wire.answers["POST", "/identity_/connect/revocation"] = (200, b"")
        codes = {
            "device_code": "d-1",
            "user_code": "BCDF-GHJK",
            "verification_uri": f"{self.url}/web/device",
            "expires_in": 300,
            "interval": 5,
        }
        self.wire.answers["POST", "/identity_/connect/deviceauthorization"] = (200, codes)

    def token(self, request: Asked) -> tuple[int, Any]:
        form = request.form
        if form["grant_type"].endswith("device_code") and self.polls:
            return 400, {"error": self.polls.pop(0)}
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenge
        if form["grant_type"] == "refresh_token" and form["refresh_token"] != f"refresh-{self.given}":
            return 400, {"error": "invalid_grant"}
        self.given += 1
        claims = {"iss": self.url, "aud": CLIENT, "exp": time.time() + 300, "preferred_username": "ada"}
        if self.nonce is not None:
            claims["nonce"] = self.nonce
        payload = base64.urlsafe_b64encode(json.dumps(claims | self.claims).encode()).rstrip(b"=").decode()
        answer = {"access_token": TOKEN, "expires_in": HOUR_S, "id_token": f"h.{payload}.s"}
        return 200, answer | {"refresh_token": f"refresh-{self.given}"}

    def refreshes(self) -> int:
        return sum(one.form.get("grant_type") == "refresh_token" for one in self.wire.of("POST", "/connect/token"))


@pytest.fixture
def issuer(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> Issuer:
    """An identity server on the wire, and nobody signed in."""
    monkeypatch.delenv("PODIUM_TOKEN")
    found = Issuer(wire)
    found.serve()
    return found


class Visitor:
    """The system's browser, in whose place a thread goes straight to the redirect address."""

    def __init__(self, issuer: Issuer, **changes: str | None) -> None:
        self.issuer = issuer
        self.changes = changes
        self.asked: dict[str, str] = {}
        self.pages: list[httpx.Response] = []

    def open(self, address: str) -> bool:
        self.asked = dict(parse_qsl(urlsplit(address).query))
        self.issuer.nonce, self.issuer.challenge = self.asked["nonce"], self.asked["code_challenge"]
        answer = {"code": "c-1", "state": self.asked["state"], "iss": self.issuer.url} | self.changes
        query = urlencode({name: value for name, value in answer.items() if value is not None})
        self.thread = threading.Thread(target=self._visit, args=(f"{self.asked['redirect_uri']}?{query}",))
        self.thread.start()
        return True

    def _visit(self, address: str) -> None:
        for strayed in ("/favicon.ico", "/oidc/login", "/oidc/login?state=forged&code=c-2"):
            self.pages.append(httpx.get(urljoin(address, strayed), trust_env=False))
        self.pages.append(httpx.get(address, trust_env=False))


@pytest.fixture
def visit(issuer: Issuer, podium: Podium, monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[Visitor, Ended]]:
    """`podium login --browser` with a visitor whose answer holds the changes."""

    def sign_in(**changes: str | None) -> tuple[Visitor, Ended]:
        visitor = Visitor(issuer, **changes)
        monkeypatch.setattr("webbrowser.open", visitor.open)
        ended = podium("login", "--browser")
        visitor.thread.join()
        return visitor, ended

    return sign_in


class TestBrowser:
    def test_asks_with_everything_that_makes_it_safe(self, issuer: Issuer, visit: Callable[..., Any]) -> None:
        visitor, ended = visit()
        assert (ended.status, ended.out.splitlines()[-1]) == (0, f"Signed in to {issuer.wire.url} as ada")
        asked = visitor.asked
        assert (asked["client_id"], asked["response_type"]) == (CLIENT, "code")
        assert asked["code_challenge_method"] == "S256"
        assert asked["scope"] == "openid profile offline_access OrchestratorApiUserAccess IdentityServerApi"
        assert asked["acr_values"] == "tenantName:default"
        redirect = urlsplit(asked["redirect_uri"])
        assert (redirect.scheme, redirect.hostname, redirect.path) == ("http", "localhost", "/oidc/login")
        (redeemed,) = issuer.wire.of("POST", "/connect/token")
        assert redeemed.form["redirect_uri"] == asked["redirect_uri"]
        assert [page.status_code for page in visitor.pages] == [404, 400, 400, 200]
        stored = credentials.load()
        assert stored is not None
        assert (stored.token, stored.refresh_token) == (TOKEN, "refresh-1")

    def test_the_port_is_closed_afterwards(self, issuer: Issuer, visit: Callable[..., Any]) -> None:
        visitor, _ = visit()
        with pytest.raises(httpx.ConnectError):
            httpx.get(visitor.asked["redirect_uri"], trust_env=False)

    @pytest.mark.parametrize("other", [None, "https://elsewhere.test/identity_"])
    def test_4_for_the_answer_of_another_server_whose_code_goes_nowhere(
        self, issuer: Issuer, visit: Callable[..., Any], other: str | None
    ) -> None:
        _, ended = visit(iss=other)
        assert (ended.status, "did not come from the server" in ended.err) == (4, True)
        assert issuer.wire.of("POST", "/connect/token") == []

    def test_4_when_it_is_refused_and_the_page_shows_text_as_text(self, visit: Callable[..., Any]) -> None:
        visitor, ended = visit(code=None, error="access_denied", error_description="The <b>user</b> refused.")
        assert (ended.status, "The <b>user</b> refused." in ended.err) == (4, True)
        assert "The &lt;b&gt;user&lt;/b&gt; refused." in visitor.pages[-1].text

    @pytest.mark.parametrize(
        "claims",
        [
            {"nonce": "another"},
            {"aud": "another"},
            {"azp": "another"},
            {"iss": "https://elsewhere.test/identity_"},
            {"exp": 1},
            {"exp": None},
        ],
    )
    def test_4_for_an_id_token_of_something_else_and_nothing_is_kept(
        self, issuer: Issuer, visit: Callable[..., Any], claims: dict[str, Any]
    ) -> None:
        issuer.claims = claims
        _, ended = visit()
        assert (ended.status, "does not belong to this sign-in" in ended.err) == (4, True)
        assert credentials.load() is None

    def test_1_for_a_server_that_calls_itself_something_else(self, issuer: Issuer, podium: Podium) -> None:
        ended = podium("login", "--no-browser", "--url", issuer.wire.url.replace("127.0.0.1", "localhost"))
        assert ended.status == 1
        assert f"calls itself {issuer.wire.url} - use that address" in ended.err

    def test_2_without_a_terminal(self, issuer: Issuer, podium: Podium, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("sys.stdin", io.StringIO())
        ended = podium("login")
        assert (ended.status, "--device" in ended.err) == (2, True)
        assert issuer.wire.asked == []

    def test_2_for_two_ways_at_once(self, issuer: Issuer, podium: Podium) -> None:
        assert podium("login", "--device", "--no-browser").status == 2
        assert podium("login", "--device", "--user", "ada").status == 2

    def test_a_second_one_ends_the_first(self, issuer: Issuer, visit: Callable[..., Any]) -> None:
        visit()
        visit()
        (revoked,) = issuer.wire.of("POST", "/connect/revocation")
        assert revoked.form["token"] == "refresh-1"


class TestDevice:
    @pytest.fixture
    def pauses(self, monkeypatch: pytest.MonkeyPatch) -> list[float]:
        """The pauses between polls, which are not made."""
        made: list[float] = []
        monkeypatch.setattr("podium.cli.device.time.sleep", made.append)
        return made

    def test_polls_until_it_is_approved_and_slower_when_told(
        self, issuer: Issuer, podium: Podium, pauses: list[float]
    ) -> None:
        issuer.polls = ["authorization_pending", "slow_down", "authorization_pending"]
        ended = podium("login", "--device")
        assert ended.status == 0
        assert f"Open {issuer.url}/web/device on any device and type\n\n  BCDF-GHJK\n" in ended.out
        assert pauses == [5, 5, 10, 10]
        assert podium(*LIST_JOBS).status == 0

    @pytest.mark.parametrize(
        ("word", "sentence"),
        [
            ("access_denied", "The sign-in was refused in the browser"),
            ("expired_token", "The code has expired; nobody approved it"),
            ("invalid_grant", "invalid_grant"),
        ],
    )
    def test_4_when_nothing_comes_of_it(
        self, issuer: Issuer, podium: Podium, pauses: list[float], word: str, sentence: str
    ) -> None:
        issuer.polls = [word]
        ended = podium("login", "--device")
        assert (ended.status, ended.err) == (4, f"Error: {sentence}\n")


class TestRenewal:
    @pytest.fixture
    def kept(self, issuer: Issuer) -> Stored:
        """A sign-in whose token ends in a moment."""
        issuer.given = 1
        stored = Stored(issuer.wire.url, "default", "default", "ada", "spent", "refresh-1", time.time() + 30)
        credentials.save(stored)
        return stored

    def test_a_token_that_holds_is_used_as_it_is(self, issuer: Issuer, podium: Podium, kept: Stored) -> None:
        credentials.save(replace(kept, token=TOKEN, expires_at=time.time() + HOUR_S))
        assert podium(*LIST_JOBS).status == 0
        assert issuer.refreshes() == 0

    def test_one_that_is_about_to_end_is_replaced_first(self, issuer: Issuer, podium: Podium, kept: Stored) -> None:
        assert podium(*LIST_JOBS).status == 0
        stored = credentials.load()
        assert stored is not None
        assert (stored.token, stored.refresh_token) == (TOKEN, "refresh-2")
        assert stored.expires_at is not None
        assert stored.expires_at > time.time() + HOUR_S - 60

    def test_at_once_it_is_done_once(self, issuer: Issuer, kept: Stored) -> None:
        source = renewal.kept(kept.url, "default")
        assert source is not None
        together = threading.Barrier(8)

        def use(_: int) -> str:
            together.wait()
            return source()

        with ThreadPoolExecutor(8) as threads:
            assert set(threads.map(use, range(8))) == {TOKEN}
        assert issuer.refreshes() == 1

    def test_4_and_what_to_do_when_the_server_refuses(self, issuer: Issuer, podium: Podium, kept: Stored) -> None:
        issuer.given = 7
        ended = podium(*LIST_JOBS)
        assert ended.status == 4
        assert ended.err == f"Error: The sign-in to {kept.url} has ended - sign in again with `podium login`\n"

    def test_1_when_the_server_has_trouble_and_the_sign_in_is_kept(
        self, issuer: Issuer, podium: Podium, kept: Stored
    ) -> None:
        issuer.wire.answers["POST", "/identity_/connect/token"] = (503, {"message": "Later."})
        assert podium(*LIST_JOBS).status == 1
        assert credentials.load() == kept

    def test_a_long_command_goes_on_with_the_next_token(self, issuer: Issuer, kept: Stored) -> None:
        source = renewal.kept(kept.url, "default")
        assert source is not None
        assert source() == TOKEN
        stored = credentials.load()
        assert stored is not None
        credentials.save(replace(stored, expires_at=time.time()))
        source()
        assert issuer.refreshes() == 2

    def test_4_when_it_was_signed_out_meanwhile(self, issuer: Issuer, kept: Stored) -> None:
        source = renewal.kept(kept.url, "default")
        assert source is not None
        credentials.forget()
        with pytest.raises(Failure) as refused:
            source()
        assert refused.value.status is Exit.NOT_AUTHENTICATED

    def test_another_organization_gets_nothing(self, issuer: Issuer, podium: Podium, kept: Stored) -> None:
        assert podium("--org", "other", *LIST_JOBS).status == 4

    def test_client_credentials_are_asked_again_before_their_token_ends(self) -> None:
        ends = iter([time.time() + 30, time.time() + HOUR_S])
        given = iter(["first", "second"])
        source = renewal.asked(lambda: (next(given), next(ends)))
        assert [source(), source(), source()] == ["first", "second", "second"]


class TestToken:
    def test_prints_the_token_that_commands_would_use(
        self, issuer: Issuer, visit: Callable[..., Any], podium: Podium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert podium("token").status == 4
        visit()
        assert podium("token").out == f"{TOKEN}\n"
        monkeypatch.setenv("PODIUM_TOKEN", "another")
        assert podium("token").out == "another\n"


class TestLogout:
    def test_gives_the_refresh_token_back(self, issuer: Issuer, visit: Callable[..., Any], podium: Podium) -> None:
        visit()
        assert podium("logout").out == "Signed out\n"
        (asked,) = issuer.wire.of("POST", "/connect/revocation")
        assert asked.form == {"client_id": CLIENT, "token": "refresh-1", "token_type_hint": "refresh_token"}
        assert credentials.load() is None

    def test_0_when_the_server_cannot_be_told_and_says_so(
        self, issuer: Issuer, visit: Callable[..., Any], podium: Podium
    ) -> None:
        visit()
        issuer.wire.answers["POST", "/identity_/connect/revocation"] = (503, {"message": "Later."})
        ended = podium("logout")
        assert (ended.status, ended.out) == (0, "Signed out\n")
        assert ended.err == "The server does not know of it: Later.\n"
        assert credentials.load() is None

    def test_removes_a_file_that_is_broken(self, issuer: Issuer, podium: Podium) -> None:
        path = credentials.location()
        path.parent.mkdir(parents=True)
        path.write_text("[]")
        assert podium("logout").out == "Signed out\n"
        assert not path.exists()

"""Authorization requests, consent, devices and sessions: the rules without a database."""

from __future__ import annotations

import base64
import contextlib
import hashlib
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit
from uuid import UUID

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from podium.identity.clients.rules import Client, ScopeRefused
from podium.identity.oidc.device_rules import (
    LETTERS,
    DeviceGrant,
    Poll,
    judge_poll,
    new_user_code,
    shown,
    user_code_key,
)
from podium.identity.oidc.errors import AuthorizeError, NoRedirect
from podium.identity.oidc.rules import (
    PROMPTS,
    AuthorizeRequest,
    Consent,
    Step,
    is_registered,
    is_verified,
    next_step,
    parse_parameters,
    read_request,
    user_grant,
    with_parameters,
)
from podium.identity.sessions.rules import Session, is_over, life
from podium.identity.settings.rules import SessionPolicy
from podium.identity.tokens.claims import at_hash

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
ORGANIZATION, USER = UUID(int=1), UUID(int=2)
WEB, NATIVE = "https://app.test/back", "http://localhost:8104/oidc/login"
FLOW, OTHER_FLOW = b"f" * 32, b"o" * 32
CLIENT = Client(
    ORGANIZATION, UUID(int=3), "client", "external", "App", False, (WEB, NATIVE), (), ("OR.Jobs",), False, ()
)
moments = st.integers(-7200, 7200).map(lambda seconds: NOW + timedelta(seconds=seconds))


def asked(**facts: object) -> AuthorizeRequest:
    request = AuthorizeRequest(
        client=CLIENT,
        redirect_uri=WEB,
        scopes=("openid",),
        state=None,
        nonce=None,
        code_challenge=None,
        prompts=frozenset(),
        max_age=None,
        login_hint="",
        id_token_hint="",
        tenant_name="",
        ui_locales="",
        carried=(),
        asked_at=None,
        flow=b"",
    )
    return request._replace(**facts)  # type: ignore[arg-type]


def session(authenticated_at: datetime = NOW, **facts: object) -> Session:
    made = Session(
        ORGANIZATION,
        UUID(int=9),
        USER,
        ("pwd",),
        authenticated_at,
        authenticated_at,
        authenticated_at + timedelta(hours=12),
        False,
        authenticated_at,
        timedelta(minutes=30),
    )
    return made._replace(**facts)  # type: ignore[arg-type]


class TestRedirectAddresses:
    @given(st.text(max_size=80))
    def test_any_other_text_is_not_registered(self, text: str) -> None:
        assume(text != WEB)
        assert not is_registered(text, (WEB,))

    @given(st.integers(0, len(WEB)), st.text(st.characters(min_codepoint=1, max_codepoint=0x2FFF), max_size=3))
    def test_a_letter_more_or_fewer_is_another_address(self, at: int, inserted: str) -> None:
        changed = WEB[:at] + inserted + WEB[at:]
        assert is_registered(changed, (WEB,)) is (changed == WEB)
        assert not is_registered(WEB[:at] + WEB[at + 1 :], (WEB,)) or at >= len(WEB)

    @given(st.integers(0, 99999))
    def test_a_loopback_port_is_free_and_must_be_one(self, port: int) -> None:
        assert is_registered(f"http://localhost:{port}/oidc/login", (NATIVE,)) is (0 < port < 65536)

    @pytest.mark.parametrize("host", ["127.0.0.1", "[::1]"])
    def test_three_loopback_hosts_are_three(self, host: str) -> None:
        own = f"http://{host}/x"
        assert is_registered(f"http://{host}:4711/x", (own,))
        assert not is_registered("http://localhost:4711/x", (own,))

    @given(st.dictionaries(st.sampled_from(("code", "state", "scope")), st.text(max_size=30) | st.none()))
    def test_what_is_added_is_read_again_and_the_rest_stays(self, added: dict[str, str | None]) -> None:
        made = urlsplit(with_parameters(f"{WEB}?kept=1", added))
        query = dict(parse_qsl(made.query, keep_blank_values=True))
        assert query == {"kept": "1"} | {name: value for name, value in added.items() if value is not None}
        assert f"{made.scheme}://{made.netloc}{made.path}" == WEB
        assert made.query.isascii()


class TestReading:
    @given(st.text(max_size=200))
    def test_any_text_is_parameters_or_a_refusal(self, text: str) -> None:
        try:
            found = parse_parameters(text)
        except NoRedirect:
            return
        assert not set(found.values) & found.repeated
        with contextlib.suppress(AuthorizeError):
            assert read_request(found, CLIENT, WEB, b"", is_callback=True).client == CLIENT

    def test_scopes_of_a_user_are_the_clients_and_those_of_openid(self) -> None:
        assert user_grant(CLIENT, ["openid", "offline_access", "OR.Jobs.Read"]) == [
            *("openid", "offline_access", "OR.Jobs.Read"),
        ]
        with pytest.raises(ScopeRefused):
            user_grant(CLIENT, ["OR.Folders"])
        with pytest.raises(ScopeRefused):
            user_grant(CLIENT._replace(user_scopes=()), [])
        assert user_grant(CLIENT._replace(takes_any_scope=True), ["JamJamApi"]) == ["JamJamApi"]


class TestPkce:
    @given(st.text("abcXYZ019-._~", min_size=43, max_size=128), st.text("abcXYZ019-._~", min_size=43, max_size=128))
    def test_only_the_verifier_that_was_hashed(self, verifier: str, other: str) -> None:
        digest = hashlib.sha256(verifier.encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        assert is_verified(verifier, challenge)
        assert is_verified(other, challenge) is (other == verifier)
        assert not is_verified(challenge, challenge) or challenge == verifier
        assert not is_verified(None, challenge)
        assert not is_verified(verifier, None)
        assert is_verified(None, None)

    @pytest.mark.parametrize("verifier", ["", "a" * 42, "a" * 129, "a" * 42 + "ä", "a" * 42 + "\n"])
    def test_text_of_another_form_verifies_nothing(self, verifier: str) -> None:
        digest = hashlib.sha256(verifier.encode()).digest()
        assert not is_verified(verifier, base64.urlsafe_b64encode(digest).rstrip(b"=").decode())

    def test_the_hash_in_an_id_token_is_that_of_the_standard(self) -> None:
        # OpenID Connect Core 1.0, A.3
        assert at_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y") == "77QmUPtjPfzWtF2AnpK9RQ"


class TestNextStep:
    @given(
        prompts=st.sets(st.sampled_from(PROMPTS)).map(frozenset),
        max_age=st.none() | st.integers(0, 3600).map(lambda seconds: timedelta(seconds=seconds)),
        asked_at=st.none() | moments,
        authenticated_at=st.none() | moments,
        consent=st.none() | st.builds(Consent, st.sampled_from(((), ("openid",))), st.sampled_from((None, FLOW))),
        is_native=st.booleans(),
        requires_consent=st.booleans(),
        session_flow=st.sampled_from((None, FLOW, OTHER_FLOW)),
        is_foreign=st.booleans(),
    )
    def test_no_code_without_what_the_request_wants(
        self,
        prompts: frozenset[str],
        max_age: timedelta | None,
        asked_at: datetime | None,
        authenticated_at: datetime | None,
        consent: Consent | None,
        is_native: bool,
        requires_consent: bool,
        session_flow: bytes | None,
        is_foreign: bool,
    ) -> None:
        client = CLIENT._replace(requires_consent=requires_consent)
        request = asked(
            client=client,
            redirect_uri=NATIVE if is_native else WEB,
            prompts=prompts,
            max_age=max_age,
            asked_at=asked_at,
            flow=FLOW if asked_at is not None else b"",
        )
        organization = UUID(int=77) if is_foreign else ORGANIZATION
        found = session(authenticated_at, flow=session_flow, organization_id=organization) if authenticated_at else None
        step = self.step_of(request, found, consent)
        if step is not Step.ANSWER:
            assert (step is None) is ("none" in prompts)
            return
        assert found is not None
        assert not is_foreign
        is_new = asked_at is not None and found.authenticated_at >= asked_at
        assert is_new or not prompts & {"login", "select_account"}
        assert is_new or max_age is None or NOW - found.authenticated_at <= max_age
        has_agreed = consent is not None and consent.flow == request.flow
        assert has_agreed or "consent" not in prompts
        assert has_agreed or not is_native or found.flow == request.flow
        assert has_agreed or not requires_consent or (consent is not None and "openid" in consent.scopes)

    def step_of(self, request: AuthorizeRequest, found: Session | None, consent: Consent | None) -> Step | None:
        """What comes next, None when the client is refused."""
        try:
            return next_step(request, found, consent, None, NOW)
        except AuthorizeError:
            return None

    def test_a_signed_in_user_of_the_organization_needs_nothing(self) -> None:
        assert next_step(asked(), session(), None, None, NOW) is Step.ANSWER
        assert next_step(asked(), session(), None, USER, NOW) is Step.ANSWER

    def test_another_user_than_the_hinted_one_signs_in(self) -> None:
        assert next_step(asked(), session(), None, UUID(int=8), NOW) is Step.SIGN_IN


class TestDevices:
    @given(st.text(max_size=20))
    def test_what_is_typed_is_a_code_or_nothing(self, text: str) -> None:
        key = user_code_key(text)
        assert key is None or (len(key) == 8 and set(key) <= set(LETTERS))

    def test_a_code_is_read_as_it_is_shown(self) -> None:
        code = new_user_code()
        assert user_code_key(shown(code)) == user_code_key(shown(code).lower()) == code

    @given(st.sampled_from(("pending", "approved", "denied", "used")), st.none() | moments, moments, st.integers(5, 60))
    def test_tokens_only_once_approved_in_time_and_for_its_client(
        self, state: str, polled_at: datetime | None, expires_at: datetime, interval_s: int
    ) -> None:
        grant = DeviceGrant("client", state, interval_s, polled_at, expires_at)
        verdict = judge_poll(grant, "client", NOW)
        assert (verdict is Poll.TOKENS) is (state == "approved" and expires_at > NOW)
        assert judge_poll(grant, "another", NOW) is Poll.UNKNOWN
        if verdict is Poll.PENDING and polled_at is not None:
            assert NOW - polled_at >= timedelta(seconds=interval_s)

    def test_an_unknown_code_gets_nothing(self) -> None:
        assert judge_poll(None, "client", NOW) is Poll.UNKNOWN


class TestSessionLife:
    @given(st.integers(0, 600), st.integers(1, 48), st.integers(1, 60), st.booleans(), st.integers(0, 90 * 24 * 60))
    def test_it_never_outlives_its_policy(
        self, idle: int, absolute: int, days: int, is_persistent: bool, minutes: int
    ) -> None:
        policy = SessionPolicy(idle, absolute, days)
        allowed = life(policy, is_persistent=is_persistent)
        made = session(expires_at=NOW + allowed.absolute, idle=allowed.idle, is_persistent=is_persistent)
        age = timedelta(minutes=minutes)
        if not is_over(made, NOW + age):
            assert age < (timedelta(days=days) if is_persistent else timedelta(hours=absolute))
            assert is_persistent or idle == 0 or age < timedelta(minutes=idle)

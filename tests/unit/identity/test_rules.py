"""The pure rules of identity, without a database."""

from __future__ import annotations

from base64 import b64encode
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.clients import rules as clients
from podium.identity.clients.rules import Client, ScopeRefused, Secret
from podium.identity.keys.rules import ANNOUNCE, KEEP, LIFE, KeyDates, next_key, signer
from podium.identity.names import fold
from podium.identity.oidc.errors import OAuthError
from podium.identity.oidc.form import credentials, parse_form
from podium.identity.partitions.rules import why_not_a_name
from podium.identity.tokens.rules import GRACE, RefreshToken, Renewal, judge_renewal
from podium.identity.users.rules import Failures, Lockout, LoginResult, User, after_failure, is_locked, judge
from podium.kernel.secrets import hash_machine_secret

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ORGANIZATION = UUID(int=7)


def an_application(secrets: tuple[Secret, ...] = ()) -> Client:
    return Client(
        organization_id=ORGANIZATION,
        id=UUID(int=1),
        client_id="app",
        kind="external",
        name="App",
        is_confidential=True,
        redirect_uris=(),
        application_scopes=("OR.Jobs", "OR.Queues.Read", "OR.Default"),
        user_scopes=("OR.Folders",),
        takes_any_scope=False,
        secrets=secrets,
    )


class TestNames:
    @given(st.text())
    def test_folding_twice_changes_nothing(self, name: str) -> None:
        assert fold(fold(name)) == fold(name)

    @pytest.mark.parametrize(
        ("one", "other"),
        [("Anna", "ANNA"), ("Straße", "STRASSE"), ("Zoe\u0301", "ZO\u00c9"), ("\u1e9b\u0323", "\u1e69")],
    )
    def test_the_same_name_written_otherwise_is_the_same(self, one: str, other: str) -> None:
        assert fold(one) == fold(other)

    @pytest.mark.parametrize("name", ["", "identity_", "HOST", "a/b", "a b", "-a", "x" * 64, "ä", "a\n"])
    def test_an_organization_cannot_be_called_so(self, name: str) -> None:
        assert why_not_a_name(name)

    @pytest.mark.parametrize("name", ["default", "Acme-Corp_2.0", "9lives"])
    def test_an_organization_can_be_called_so(self, name: str) -> None:
        assert why_not_a_name(name) is None


class TestLockout:
    @given(
        st.lists(st.tuples(st.sampled_from(["wrong", "wait"]), st.integers(1, 400)), max_size=60), st.integers(1, 12)
    )
    def test_no_more_wrong_passwords_count_between_two_locks_than_allowed(
        self, steps: list[tuple[str, int]], most: int
    ) -> None:
        policy, failures, now, counted = Lockout(max_failures=most), Failures(), NOW, 0
        for what, seconds in steps:
            now += timedelta(seconds=seconds if what == "wait" else 0)
            if what == "wait":
                continue
            was_locked = is_locked(failures.locked_until, now)
            after = after_failure(failures, policy, now)
            if was_locked:
                assert after == failures
                continue
            counted += 1
            assert is_locked(after.locked_until, now) == (counted == most)
            counted = 0 if counted == most else counted
            failures = after

    def test_a_policy_that_is_off_locks_nobody(self) -> None:
        policy = Lockout(is_enabled=False)
        assert after_failure(Failures(9), policy, NOW) == Failures(9)

    def test_a_lock_of_zero_seconds_closes_nothing(self) -> None:
        assert not is_locked(after_failure(Failures(9), Lockout(lock_s=0), NOW).locked_until, NOW)


class TestJudgingATry:
    user = User(ORGANIZATION, UUID(int=2), "anna", None, None, None, None, True, "hash", False, None)

    @pytest.mark.parametrize(
        ("user", "is_right", "result"),
        [
            (user, True, LoginResult.SUCCESS),
            (user, False, LoginResult.INVALID_PASSWORD),
            (user._replace(is_active=False), True, LoginResult.USER_IS_NOT_ACTIVE),
            (user._replace(is_active=False), False, LoginResult.INVALID_PASSWORD),
            (user._replace(locked_until=NOW + timedelta(seconds=1)), True, LoginResult.LOCKED_OUT),
            (user._replace(locked_until=NOW), True, LoginResult.SUCCESS),
            (None, False, LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME),
            (None, True, LoginResult.INVALID_USER_NAME_OR_TENANCY_NAME),
        ],
    )
    def test_result(self, user: User | None, is_right: bool, result: LoginResult) -> None:
        assert judge(user, NOW, is_password_right=is_right) is result

    def test_full_name_falls_back_to_the_user_name(self) -> None:
        assert self.user.full_name == "anna"
        assert self.user._replace(last_name="Berg").full_name == "Berg"
        assert self.user._replace(first_name="Anna", last_name="Berg").full_name == "Anna Berg"
        assert self.user._replace(first_name="Anna", display_name="AB").full_name == "AB"


@dataclass
class Family:
    """A model of a refresh family: what a correct server remembers, kept the slow way."""

    is_revoked: bool = False
    tokens: list[dict[str, object]] = field(default_factory=list)

    def state(self, number: int) -> RefreshToken:
        token = self.tokens[number]
        successor = token["successor"]
        return RefreshToken(
            client_id="app",
            expires_at=NOW + timedelta(days=60),
            family_revoked_at=NOW if self.is_revoked else None,
            used_at=token["used_at"],  # type: ignore[arg-type]  # the model is loosely typed
            superseded_at=token["superseded_at"],  # type: ignore[arg-type]  # as above
            is_successor_used=isinstance(successor, int) and self.tokens[successor]["used_at"] is not None,
        )

    def add(self) -> None:
        self.tokens.append({"used_at": None, "superseded_at": None, "successor": None})

    def renew(self, number: int, now: datetime) -> Renewal:
        verdict = judge_renewal(self.state(number), "app", now)
        token = self.tokens[number]
        if verdict is Renewal.REUSED:
            self.is_revoked = True
        if verdict in (Renewal.RENEW, Renewal.AGAIN):
            if isinstance(token["successor"], int):
                self.tokens[token["successor"]]["superseded_at"] = now
            token["used_at"] = token["used_at"] or now
            self.add()
            token["successor"] = len(self.tokens) - 1
        return verdict


class TestRenewal:
    def test_once_and_again_within_the_grace(self) -> None:
        family = Family()
        family.add()
        assert family.renew(0, NOW) is Renewal.RENEW
        assert family.renew(0, NOW + GRACE) is Renewal.AGAIN
        assert family.renew(2, NOW + GRACE) is Renewal.RENEW

    def test_after_the_grace_the_family_ends(self) -> None:
        family = Family()
        family.add()
        family.renew(0, NOW)
        assert family.renew(0, NOW + GRACE + timedelta(microseconds=1)) is Renewal.REUSED
        assert family.renew(1, NOW + GRACE) is Renewal.REFUSE

    def test_within_the_grace_but_after_its_successor_was_used_the_family_ends(self) -> None:
        family = Family()
        family.add()
        family.renew(0, NOW)
        family.renew(1, NOW)
        assert family.renew(0, NOW) is Renewal.REUSED

    def test_a_superseded_successor_ends_the_family(self) -> None:
        family = Family()
        family.add()
        family.renew(0, NOW)
        family.renew(0, NOW)
        assert family.renew(1, NOW) is Renewal.REUSED

    @pytest.mark.parametrize(("is_used", "verdict"), [(False, Renewal.REFUSE), (True, Renewal.REUSED)])
    def test_another_client_gets_nothing(self, is_used: bool, verdict: Renewal) -> None:
        token = RefreshToken("app", NOW + timedelta(days=1), used_at=NOW if is_used else None)
        assert judge_renewal(token, "other", NOW) is verdict

    def test_at_its_end_it_is_refused(self) -> None:
        assert judge_renewal(RefreshToken("app", NOW), "app", NOW) is Renewal.REFUSE

    @given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 15)), max_size=30))
    def test_at_any_time_one_token_at_most_leads_on_by_itself(self, steps: list[tuple[int, int]]) -> None:
        family, now = Family(), NOW
        family.add()
        for number, seconds in steps:
            now += timedelta(seconds=seconds)
            family.renew(number % len(family.tokens), now)
            verdicts = [judge_renewal(family.state(i), "app", now) for i in range(len(family.tokens))]
            assert verdicts.count(Renewal.RENEW) == (0 if family.is_revoked else 1)
            assert verdicts.count(Renewal.AGAIN) <= 1
            if family.is_revoked:
                assert set(verdicts) == {Renewal.REFUSE}


class TestScopes:
    @pytest.mark.parametrize("text", ["OR.Jobs", "OR.Jobs.Read", "OR.Jobs.Write", "OR.Queues.Read", "OR.Jobs  OR.Jobs"])
    def test_an_application_gets_what_it_has(self, text: str) -> None:
        asked = clients.parse_scopes(text)
        assert clients.application_grant(an_application(), asked) == list(dict.fromkeys(text.split()))

    def test_nothing_asked_is_everything_it_has(self) -> None:
        assert clients.application_grant(an_application(), []) == ["OR.Jobs", "OR.Queues.Read", "OR.Default"]

    @pytest.mark.parametrize(
        "scope",
        [
            "OR.Queues",
            "OR.Queues.Write",
            "OR.Jobs.Delete",
            "or.jobs",
            "OR",
            "offline_access",
            "openid",
            "Nothing",
            "OR.Job",
        ],
    )
    def test_an_application_does_not_get_what_it_lacks(self, scope: str) -> None:
        with pytest.raises(ScopeRefused, match=scope):
            clients.application_grant(an_application(), [scope])

    def test_a_user_scope_is_refused_with_the_reason(self) -> None:
        with pytest.raises(ScopeRefused, match="not allowed to access User scopes"):
            clients.application_grant(an_application(), ["OR.Folders.Read"])

    @pytest.mark.parametrize("text", ['a"b', "a\\b", "a\tb", "ä", "x" * 201, " ".join(str(n) for n in range(201))])
    def test_text_that_holds_no_scope_names_is_refused(self, text: str) -> None:
        with pytest.raises(ScopeRefused):
            clients.parse_scopes(text)

    @given(st.lists(st.sampled_from(["A", "A.Read", "A.Write", "B", "B.Read", "C"]), max_size=4))
    def test_a_renewal_never_holds_more_than_the_sign_in(self, asked: list[str]) -> None:
        granted = ["A", "B.Read"]
        try:
            got = clients.narrowed_grant(granted, asked)
        except ScopeRefused:
            return
        assert set(got) <= {"A", "A.Read", "A.Write", "B.Read"}


class TestSecrets:
    def test_any_secret_that_has_not_ended_proves_the_client(self) -> None:
        kept = (
            Secret(hash_machine_secret("old"), NOW),
            Secret(hash_machine_secret("first"), None),
            Secret(hash_machine_secret("second"), NOW + timedelta(seconds=1)),
        )
        client = an_application(secrets=kept)
        assert clients.is_own_secret(client, ["first"], NOW)
        assert clients.is_own_secret(client, ["wrong", "second"], NOW)
        assert not clients.is_own_secret(client, ["old"], NOW)
        assert not clients.is_own_secret(client, ["wrong"], NOW)
        assert not clients.is_own_secret(an_application(), [""], NOW)
        assert not clients.is_own_secret(None, ["first"], NOW)

    def test_a_client_id_that_is_no_guid_is_a_principal_too(self) -> None:
        assert clients.principal_id("0F6C2C1E-5A3B-4F0E-9D55-6F2A4D3B1C01") == UUID(
            "0f6c2c1e-5a3b-4f0e-9d55-6f2a4d3b1c01"
        )
        assert clients.principal_id("robots") == clients.principal_id("robots") != clients.principal_id("Robots")


class TestOrigins:
    registered = ("http://localhost:8104/oidc/login", "https://app.example.com/back", "https://api.example.com:8443/x")

    @pytest.mark.parametrize(
        "origin",
        ["http://localhost:8104", "http://localhost:42042", "https://app.example.com", "https://api.example.com:8443"],
    )
    def test_a_registered_page_may_call(self, origin: str) -> None:
        assert clients.is_allowed_origin(origin, self.registered)

    @pytest.mark.parametrize(
        "origin",
        [
            "",
            "null",
            "*",
            "https://localhost:8104",
            "http://app.example.com",
            "https://app.example.com:8443",
            "https://app.example.com.evil.test",
            "https://evil.test/app.example.com",
            "https://app.example.com@evil.test",
            "https://user@app.example.com",
            "https://app.example.com/",
            "https://app.example.com:99999",
            "http://127.0.0.1:8104",
            "http://localhost.evil.test",
            "file://",
            "http://[::1",
        ],
    )
    def test_any_other_page_may_not(self, origin: str) -> None:
        assert not clients.is_allowed_origin(origin, self.registered)


class TestKeyLife:
    def test_the_first_key_signs_at_once(self) -> None:
        due = next_key([], NOW)
        assert due is not None
        assert due.active_from == NOW

    @given(st.lists(st.integers(1, 200), min_size=1, max_size=40))
    def test_whatever_the_gaps_between_turns_a_key_signs_and_it_was_announced(self, gaps: list[int]) -> None:
        """A server that is started now and then still never signs with a key that relying parties may not know."""
        keys: list[KeyDates] = []
        now = NOW
        for days in gaps:
            due = next_key(keys, now)
            if due is not None:
                assert due.active_from >= now + (ANNOUNCE if keys else timedelta())
                keys = [key if key.retired_at else key._replace(retired_at=due.predecessors_until) for key in keys]
                keys.append(KeyDates(str(len(keys)), due.active_from))
            assert next_key(keys, now) is None, "one turn makes what is due"
            assert signer(keys, now) is not None
            now += timedelta(days=days)

    def test_a_replaced_key_verifies_longer_than_its_last_token_lives(self) -> None:
        due = next_key([KeyDates("a", NOW)], NOW + LIFE - ANNOUNCE)
        assert due is not None
        assert due.active_from == NOW + LIFE
        assert due.predecessors_until == NOW + LIFE + KEEP

    def test_before_its_time_no_key_is_made(self) -> None:
        assert next_key([KeyDates("a", NOW)], NOW + LIFE - ANNOUNCE - timedelta(seconds=1)) is None


class TestForms:
    def test_fields_are_decoded(self) -> None:
        assert parse_form(b"grant_type=client_credentials&scope=OR.Jobs+OR.Queues&empty=&k=%C3%A4") == {
            "grant_type": "client_credentials",
            "scope": "OR.Jobs OR.Queues",
            "empty": "",
            "k": "ä",
        }

    @pytest.mark.parametrize(
        "body", [b"a=1&a=2", b"a=%ff", b"\xff=1", b"a=%00", "ä=1".encode(), b"&".join(b"a%d=1" % n for n in range(51))]
    )
    def test_what_is_ambiguous_or_malformed_is_refused(self, body: bytes) -> None:
        with pytest.raises(OAuthError) as refused:
            parse_form(body)
        assert refused.value.error == "invalid_request"

    @given(st.binary(max_size=200))
    def test_any_bytes_are_fields_or_a_refusal(self, body: bytes) -> None:
        try:
            fields = parse_form(body)
        except OAuthError:
            return
        assert all("\0" not in text for pair in fields.items() for text in pair)

    def test_a_basic_secret_is_read_encoded_and_plain(self) -> None:
        got = credentials({"authorization": f"basic {b64encode(b'app:a+b%2Bc').decode()}"}, {}, {})
        assert got.client_id == "app"
        assert got.secrets == ("a b+c", "a+b%2Bc")

    @pytest.mark.parametrize("value", ["Basic", "Basic !!!", "Basic YXBw", "Basic /w=="])
    def test_a_malformed_basic_header_is_no_client(self, value: str) -> None:
        with pytest.raises(OAuthError) as refused:
            credentials({"authorization": value}, {}, {})
        assert refused.value.error == "invalid_client"

    @pytest.mark.parametrize("form", [{"client_secret": "s"}, {"client_id": "other"}])
    def test_two_ways_at_once_are_refused(self, form: dict[str, str]) -> None:
        with pytest.raises(OAuthError) as refused:
            credentials({"authorization": "Basic YXBwOnM="}, {}, form)
        assert refused.value.error == "invalid_request"

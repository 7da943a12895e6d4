"""Settings, texts and mails as rules: what is read out of them, what is refused."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.mails.rules import WAITS, is_address, is_one_line, wait_after, words_of
from podium.identity.message_templates.rules import BUILT_IN, filled, parsed, why_not
from podium.identity.names import fold
from podium.identity.settings import known, rules
from podium.identity.settings.readers import Complexity, complexity
from podium.identity.settings.rules import SignInPolicy, Smtp

RULE = '{"hasSpecialCharacter":false,"hasLowercase":true,"hasUppercase":false,"hasDigit":true,"Length":"8"}'
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
stored = st.dictionaries(st.sampled_from(sorted(known.KNOWN)), st.text(max_size=40))


class TestComplexity:
    def test_the_published_sample_is_the_default(self) -> None:
        assert complexity(RULE) == Complexity() == Complexity(8, False, True, False, True)

    @pytest.mark.parametrize("length", ['"12"', "12", '" 12 "'])
    @pytest.mark.parametrize("name", ["Length", "length", "LENGTH"])
    def test_length_as_number_or_text_in_any_case(self, name: str, length: str) -> None:
        assert complexity(f'{{"{name}":{length}}}') == Complexity(length=12)

    @given(st.dictionaries(st.sampled_from(["Length", "hasDigit", "HASLOWERCASE", "other"]), anything))
    def test_whatever_the_members_are_it_is_a_rule_or_none(self, said: dict[str, Any]) -> None:
        rule = complexity(json.dumps(said))
        assert rule is None or 1 <= rule.length <= 256

    @given(st.text())
    def test_whatever_the_text_is(self, text: str) -> None:
        assert complexity(text) is None or text.strip().startswith("{")

    @pytest.mark.parametrize("text", ["", "null", "[]", "8", "[" * 100_000, '{"Length":1e999}', '{"Length":true}'])
    def test_none_for_what_is_no_rule(self, text: str) -> None:
        assert complexity(text) is None


class TestPolicies:
    def test_without_settings_the_published_defaults(self) -> None:
        assert rules.sign_in_policy(rules.inherited({}, {})) == SignInPolicy() == rules.sign_in_policy({})

    @given(stored, stored)
    def test_whatever_is_stored_there_is_a_policy_within_its_ranges(
        self, own: dict[str, str], host: dict[str, str]
    ) -> None:
        values = rules.inherited(own, host)
        policy = rules.sign_in_policy(values)
        assert 1 <= policy.password.min_length <= 256
        assert 1 <= policy.session.idle_minutes <= 1440
        assert policy.lockout.max_failures >= 1
        assert 1 <= rules.personal_token_policy(values).max_days <= 1800
        days = rules.mail_retention_days(values)
        assert days is None or days >= 1

    @given(st.sampled_from(sorted(known.KNOWN)), st.text(max_size=20))
    def test_what_may_be_written_is_what_is_read(self, key: str, text: str) -> None:
        is_accepted = rules.why_not(key, text, is_of_user=False) is None
        if is_accepted and key == fold(known.SESSION_IDLE):
            assert rules.sign_in_policy({key: text}).session.idle_minutes == int(text)

    @pytest.mark.parametrize("one", [one for one in known.KNOWN.values() if one.default is not None])
    def test_every_default_may_be_written(self, one: known.Known) -> None:
        assert rules.why_not(one.key, one.default or "", is_of_user=False) is None


class TestSmtp:
    HOST = fold(known.SMTP_HOST)
    USER = fold(known.SMTP_USER)
    SSL = fold(known.SMTP_SSL)

    def test_none_without_a_host(self) -> None:
        assert rules.smtp({self.HOST: ""}, {self.USER: "u"}, None) is None

    def test_credentials_are_those_of_the_level_that_names_the_server(self) -> None:
        found = rules.smtp({self.HOST: "own.test"}, {self.HOST: "host.test", self.USER: "u"}, None)
        assert found is not None
        assert (found.host, found.user_name, found.port) == ("own.test", None, 25)

    def test_default_credentials_are_none(self) -> None:
        key = fold(known.SMTP_DEFAULT_CREDENTIALS)
        found = rules.smtp({self.HOST: "own.test", self.USER: "u", key: "True"}, {}, "secret")
        assert found is not None
        assert (found.user_name, found.password) == (None, None)

    def test_the_password_is_not_in_its_text(self) -> None:
        server = Smtp("mail.test", 25, "u", "planted", False, "a@b.test", "x")
        assert "planted" not in f"{server!r} {server}"

    @pytest.mark.parametrize(
        ("host", "port", "is_secure", "may"),
        [
            ("MAIL.test", 25, True, True),
            ("mail.test", 25, False, False),
            ("mail.test", 26, True, False),
            ("evil.test", 25, True, False),
        ],
    )
    def test_a_saved_password_goes_to_its_own_server_with_no_less_care(
        self, host: str, port: int, is_secure: bool, may: bool
    ) -> None:
        saved = Smtp("mail.test", 25, "u", "p", True, "a@b.test", "x")
        assert rules.may_use_saved_password(saved, host, port, is_secure=is_secure) is may
        assert not rules.may_use_saved_password(None, host, port, is_secure=is_secure)

    def test_tls_from_the_start_on_its_own_port_only(self) -> None:
        server = Smtp("mail.test", 465, None, None, True, "a@b.test", "x")
        assert server.is_implicit_tls
        assert not server._replace(port=587).is_implicit_tls
        assert not server._replace(is_secure=False).is_implicit_tls

    @pytest.mark.parametrize("host", ["mail.test", "::1", "a b"])
    def test_there_is_always_an_address_to_send_from(self, host: str) -> None:
        assert is_address(rules.sender("", "somebody", host))


class TestTexts:
    @pytest.mark.parametrize("one", BUILT_IN.values())
    def test_every_built_in_text_can_be_written_and_filled(self, one: Any) -> None:
        assert why_not(one.name, one.value) is None
        values = {"name": "Mora", "organization": "Acme", "link": "https://x.test"}
        subject, body = filled(one.name, one.value, values)
        assert subject
        assert "{{" not in subject + body
        assert ("https://x.test" in body) is bool(one.needs)

    @given(st.text(), st.text(), st.text())
    def test_a_subject_is_one_line_whatever_is_filled_in(self, head: str, name: str, body: str) -> None:
        subject, _ = filled("PasswordReset", f"Subject: {head}{{{{name}}}}\n\n{body}", {"name": name})
        assert "\n" not in subject
        assert "\r" not in subject

    @given(st.text())
    def test_values_are_filled_in_once(self, body: str) -> None:
        assert filled("x", "{{a}}", {"a": "{{b}}" + body, "b": "c"}).body == "{{b}}" + body + "\n"

    def test_without_a_subject_of_its_own_it_has_the_built_in_one(self) -> None:
        assert filled("PasswordReset", "{{link}}", {"link": "x"}) == ("Choose a new password", "x\n")
        assert parsed("Subject matters\n\nx").subject == ""


class TestMails:
    def test_waits_get_longer_and_end(self) -> None:
        assert [wait_after(tries) for tries in range(1, 6)] == [*WAITS, None]
        assert [timedelta(0), *WAITS] == sorted([timedelta(0), *WAITS])

    @given(st.text(st.characters(codec="utf-8")))
    def test_what_is_an_address_cannot_begin_another_header(self, text: str) -> None:
        assert not is_address(f"a{text}@b\n.test")
        if is_address(text):
            assert text.count("@") == 1
            assert is_one_line(text)
            assert not set(text) & set(' ,;<>"()')

    @given(st.text())
    def test_a_servers_words_are_one_line_that_can_be_stored(self, text: str) -> None:
        words = words_of(text)
        assert is_one_line(words)
        assert len(words) <= 500
        words.encode()

"""What names, addresses and passwords may be, without a database."""

from __future__ import annotations

import string
from datetime import UTC, datetime, timedelta
from ipaddress import IPv6Address
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.identity.settings.rules import PasswordPolicy
from podium.identity.users.passwords import Passwords
from podium.identity.users.rules import (
    BUDGET_WINDOW,
    MAX_PASSWORD_CHARACTERS,
    Spent,
    User,
    after_spending,
    broken_email_rules,
    broken_name_rules,
    broken_password_rules,
    has_form_of_email,
    is_over_budget,
    is_password_due,
    network,
    taken,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ANNA = User(UUID(int=7), UUID(int=2), "anna", None, None, None, None, True, "hash", False, None, NOW)
ORDER = [
    "PasswordTooShort",
    "PasswordRequiresNonAlphanumeric",
    "PasswordRequiresDigit",
    "PasswordRequiresLower",
    "PasswordRequiresUpper",
    "PasswordTooLong",
]
POLICIES = st.builds(
    PasswordPolicy,
    min_length=st.integers(1, 256),
    needs_special=st.booleans(),
    needs_lower=st.booleans(),
    needs_upper=st.booleans(),
    needs_digit=st.booleans(),
)
PASSWORDS = st.text(max_size=300) | st.text(string.ascii_letters + string.digits + "!", max_size=20)


class TestPasswords:
    @given(PASSWORDS, POLICIES)
    def test_exactly_the_broken_rules_are_named_in_the_published_order(
        self, password: str, policy: PasswordPolicy
    ) -> None:
        broken = [code for code, _ in broken_password_rules(password, policy)]
        is_kept = {
            "PasswordTooShort": len(password) >= policy.min_length,
            "PasswordRequiresNonAlphanumeric": not policy.needs_special
            or any(one not in string.ascii_letters + string.digits for one in password),
            "PasswordRequiresDigit": not policy.needs_digit or any(one in string.digits for one in password),
            "PasswordRequiresLower": not policy.needs_lower or any(one in string.ascii_lowercase for one in password),
            "PasswordRequiresUpper": not policy.needs_upper or any(one in string.ascii_uppercase for one in password),
            "PasswordTooLong": len(password) <= MAX_PASSWORD_CHARACTERS,
        }
        assert broken == [code for code in ORDER if not is_kept[code]]

    @given(PASSWORDS, POLICIES, PASSWORDS)
    def test_what_is_added_to_a_password_heals_and_breaks_nothing_but_the_length(
        self, password: str, policy: PasswordPolicy, more: str
    ) -> None:
        before = {code for code, _ in broken_password_rules(password, policy)}
        after = {code for code, _ in broken_password_rules(password + more, policy)}
        assert after - before <= {"PasswordTooLong"}

    def test_the_default_policy(self) -> None:
        assert broken_password_rules("patr0nu5", PasswordPolicy()) == []
        assert broken_password_rules("PATRONU", PasswordPolicy()) == [
            ("PasswordTooShort", "Passwords must be at least 8 characters."),
            ("PasswordRequiresDigit", "Passwords must have at least one digit ('0'-'9')."),
            ("PasswordRequiresLower", "Passwords must have at least one lowercase ('a'-'z')."),
        ]

    @pytest.mark.parametrize("password", ["password1", "Passw0rd", "qwerty123", "1qaz2wsx", "P@ssw0rd1", "a1" * 200])
    async def test_what_everybody_guesses_first_is_common(self, password: str) -> None:
        assert await Passwords(time_cost=1, memory_kib=64).is_common(password)

    @pytest.mark.parametrize("password", ["patr0nu5", "correct horse 7 battery", "harmless teapot 41", ""])
    async def test_the_published_password_is_not(self, password: str) -> None:
        assert not await Passwords(time_cost=1, memory_kib=64).is_common(password)

    async def test_the_own_name_is_common(self) -> None:
        passwords = Passwords(time_cost=1, memory_kib=64)
        assert not await passwords.is_common("zwergenkoenig7")
        assert await passwords.is_common("zwergenkoenig7", ["zwergenkoenig", ""])

    @settings(max_examples=50)
    @given(st.text(max_size=400))
    async def test_any_text_can_be_estimated(self, password: str) -> None:
        assert await Passwords(time_cost=1, memory_kib=64).is_common(password, [password[:50]]) in (True, False)


class TestDue:
    @given(st.integers(0, 1000), st.integers(0, 2000))
    def test_after_the_days_of_the_policy_and_with_zero_never(self, days: int, age: int) -> None:
        policy = PasswordPolicy(expires_after_days=days)
        assert is_password_due(ANNA, policy, NOW + timedelta(days=age)) is (0 < days <= age)

    def test_when_it_was_set_by_somebody_else(self) -> None:
        assert is_password_due(ANNA._replace(must_change_password=True), PasswordPolicy(), NOW)

    def test_never_of_the_operator_or_of_who_has_none(self) -> None:
        policy = PasswordPolicy(expires_after_days=1)
        later = NOW + timedelta(days=9)
        assert not is_password_due(ANNA._replace(password_changed_at=None), policy, later)
        assert not is_password_due(ANNA._replace(password_hash=None), policy, later)


class TestNames:
    @pytest.mark.parametrize("name", ["a", "mora.k", "mora@acme.test", "A-_.@+9", "x" * 256])
    def test_a_user_can_be_called_so(self, name: str) -> None:
        assert broken_name_rules(name) == []

    @pytest.mark.parametrize("name", ["", "a b", "a\n", "mörä", "a/b", "a\\b", "\u0430nna", "x" * 257, "a\0"])
    def test_a_user_cannot_be_called_so(self, name: str) -> None:
        assert [code for code, _ in broken_name_rules(name)] == ["InvalidUserName"]

    @pytest.mark.parametrize("email", ["a@b", "mora.k+x@acme.test", "mörä@acme.test"])
    def test_an_address(self, email: str) -> None:
        assert has_form_of_email(email)
        assert broken_email_rules(email) == []

    @pytest.mark.parametrize("email", ["", "a", "@", "a@", "@b", "a@b@c"])
    def test_no_address(self, email: str) -> None:
        assert not has_form_of_email(email)

    @pytest.mark.parametrize("email", ["a b@c", "a@b\r\nBcc: c@d", "a@b,c", "<a@b>", "x" * 255 + "@b"])
    def test_an_address_nobody_may_have(self, email: str) -> None:
        assert [code for code, _ in broken_email_rules(email)] == ["InvalidEmail"]

    def test_both_names_taken_are_both_told(self) -> None:
        assert taken("a", "b@c", {"email", "user_name"}) == [
            ("DuplicateUserName", "Username 'a' is already taken."),
            ("DuplicateEmail", "Email 'b@c' is already taken."),
        ]
        assert taken(None, None, {"email", "user_name"}) == taken("a", "b", set()) == []


class TestAddresses:
    @pytest.mark.parametrize(
        ("address", "counted"),
        [
            ("", None),
            (None, None),
            (" 198.51.100.7 ", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("fe80::1%eth0", "fe80::/64"),
            ("unix\0socket", "unix?socket"),
        ],
    )
    def test_counted_as(self, address: str | None, counted: str | None) -> None:
        assert network(address) == counted

    @given(st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1), st.integers(0, 2**64 - 1))
    def test_a_whole_network_of_version_six_is_one(self, prefix: int, one: int, other: int) -> None:
        first, second = (str(IPv6Address(prefix << 64 | host)) for host in (one, other))
        mapped = prefix == 0
        assert mapped or network(first) == network(second)

    @given(st.text(max_size=200))
    def test_any_text_can_be_counted_and_stored(self, text: str) -> None:
        counted = network(text)
        assert counted is None or ("\0" not in counted and len(counted) <= 64)

    @given(st.integers(1, 6), st.lists(st.integers(0, 400), max_size=60))
    def test_no_ten_minutes_from_a_first_failure_have_more_than_allowed(self, most: int, gaps: list[int]) -> None:
        spent: Spent | None = None
        counted: list[datetime] = []
        now = NOW
        for seconds in gaps:
            now += timedelta(seconds=seconds)
            if is_over_budget(spent, most, now):
                continue
            before, spent = spent, after_spending(spent, now)
            if before is None or spent.window_from != before.window_from:
                counted = []
            counted.append(now)
            assert len(counted) <= most
            assert counted[-1] < spent.window_from + BUDGET_WINDOW

    def test_zero_is_no_limit(self) -> None:
        assert not is_over_budget(Spent(NOW, 10**6), 0, NOW)
        assert is_over_budget(Spent(NOW, 3), 3, NOW)
        assert not is_over_budget(Spent(NOW, 3), 3, NOW + BUDGET_WINDOW)

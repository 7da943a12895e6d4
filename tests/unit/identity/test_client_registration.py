"""What an application may be registered with: addresses, scopes, and what of a change ends its tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.identity.clients import addresses, catalog
from podium.identity.clients.catalog import RESOURCES, SCOPES, Use
from podium.identity.clients.registration import (
    Registration,
    exceeds,
    faults,
    sort_scopes,
    takes_away,
)
from podium.identity.clients.rules import APPLICATION_SCOPES, MARKER_SCOPE, USER_SCOPES, covers

PLAIN = Registration("Ledger", True, (), (), False, ("OR.Jobs",), ())

GOOD = [
    "https://a.test",
    "https://a.test/",
    "https://a.test/in?tenant=1&x=%2F",
    "https://a.test:8443/in",
    "https://[2001:db8::1]/in",
    "http://localhost:8104/oidc/login",
    "http://localhost",
    "http://127.0.0.1:1/in",
    "http://[::1]:5000/in",
    "com.acme.ledger:/signed-in",
    "ledger://signed-in",
]
BAD = [
    "",
    "a.test/in",
    "/in",
    "//a.test/in",
    "https:",
    "https://",
    "https:///in",
    "https:/a.test",
    "https:a.test",
    "https://a.test:",
    "https://a.test:0/in",
    "https://a.test:99999/in",
    "https://a.test:x/in",
    "https://a.test#",
    "https://a.test/in#there",
    "https://*.a.test/in",
    "https://a.test/*",
    "https://a.test/in, https://b.test",
    "https://good.test@a.test/in",
    "https://:secret@a.test/in",
    "https://a.test\\@b.test/in",
    "https://a.test/../in",
    "https://a.test/./in",
    "https://a test/in",
    "https://a.test/\tin",
    "https://a.test/in\n",
    "https://\u00e4.test/in",
    "https://a%2etest/in",
    "https://-a.test/in",
    "HTTPS://a.test/in",
    "javascript:alert(1)",
    "data:text/html,x",
    "file:///etc/passwd",
    "vbscript:x",
    "blob:https://a.test/x",
    "view-source:https://a.test",
    "ws://a.test/in",
    "c:/in",
    "ledger:",
    "ledger://",
    "https://a.test/" + "x" * 2000,
]


class TestAddresses:
    @pytest.mark.parametrize("address", GOOD)
    def test_these_may_be_registered(self, address: str) -> None:
        assert addresses.why_not(address, allows_http=False) is None

    @pytest.mark.parametrize("address", BAD)
    def test_these_may_not(self, address: str) -> None:
        assert addresses.why_not(address, allows_http=True) is not None

    def test_http_to_another_machine_only_where_the_server_is_reached_so_itself(self) -> None:
        for address in ("http://a.test/in", "http://127.0.0.2/in", "http://localhost.a.test/in"):
            assert addresses.why_not(address, allows_http=False) == "must be https, or a loopback address"
            assert addresses.why_not(address, allows_http=True) is None

    @given(st.text(max_size=60))
    def test_any_text_is_judged(self, text: str) -> None:
        reason = addresses.why_not(text, allows_http=True)
        assert reason is None or reason

    @given(st.sampled_from(GOOD), st.text("#*,@\\ \t\n\x00\u00e4", min_size=1, max_size=3), st.integers(0, 8))
    def test_nothing_ambiguous_gets_in_before_the_path(self, address: str, noise: str, at: int) -> None:
        assert addresses.why_not(address[:at] + noise + address[at:], allows_http=True) is not None

    def test_a_text_parts_them_with_commas(self) -> None:
        assert addresses.split(" https://a.test ,,https://b.test,https://a.test,") == (
            "https://a.test",
            "https://b.test",
        )
        assert addresses.split(" , ") == ()

    def test_at_most_fifty(self) -> None:
        many = tuple(f"https://a.test/{one}" for one in range(51))
        assert addresses.faults(many[:50], allows_http=False) == []
        assert addresses.faults(many, allows_http=False) == ["There are more than 50 addresses."]


class TestCatalogue:
    def test_it_has_every_scope_that_the_server_knows(self) -> None:
        widths = {f"{name}{width}" for name in APPLICATION_SCOPES for width in ("", ".Read", ".Write")}
        assert set(SCOPES) == widths - {f"{MARKER_SCOPE}.Read", f"{MARKER_SCOPE}.Write"}
        assert set(USER_SCOPES) == {name for name, one in SCOPES.items() if one.use is Use.BOTH}
        assert [name for name, one in SCOPES.items() if one.use is Use.APPLICATION] == [MARKER_SCOPE]

    def test_every_scope_has_words_of_its_own(self) -> None:
        for words in ("display_name", "description"):
            shown = [getattr(one, words) for resource in RESOURCES for one in resource.scopes]
            assert all(shown)
        assert len({one.description for one in SCOPES.values()}) == len(SCOPES)

    @given(st.sets(st.sampled_from(sorted(USER_SCOPES))), st.sets(st.sampled_from(sorted(SCOPES))))
    def test_what_is_granted_is_shown_once_with_its_use(self, users: set[str], applications: set[str]) -> None:
        shown = [one for resource in catalog.granted(applications, users) for one in resource.scopes]
        assert {one.name for one in shown} == users | applications
        assert len(shown) == len(users | applications)
        assert {one.name for one in shown if one.use in (Use.USER, Use.BOTH)} == users
        assert {one.name for one in shown if one.use in (Use.APPLICATION, Use.BOTH)} == applications


class TestSortScopes:
    @given(st.lists(st.tuples(st.sampled_from(sorted(USER_SCOPES)), st.sampled_from(Use)), max_size=40))
    def test_each_scope_gets_every_use_that_was_asked_for(self, asked: list[tuple[str, Use]]) -> None:
        applications, users, wrong = sort_scopes(asked)
        assert wrong == []
        assert set(users) == {name for name, use in asked if use is not Use.APPLICATION}
        assert set(applications) == {name for name, use in asked if use is not Use.USER}
        assert (len(set(users)), len(set(applications))) == (len(users), len(applications))

    def test_unknown_ones_and_wrong_uses_are_named(self) -> None:
        _, _, wrong = sort_scopes([("or.jobs", Use.USER), (MARKER_SCOPE, Use.BOTH), ("OR.Jobs", Use.USER)])
        assert wrong == ["The scope 'or.jobs' is not known.", f"The scope '{MARKER_SCOPE}' is not for that use."]

    def test_a_request_without_end_is_not_read(self) -> None:
        assert sort_scopes([("x", Use.USER)] * 201)[2] == ["There are more than 200 scopes."]


class TestRegistration:
    def test_a_plain_one_is_right(self) -> None:
        assert faults(PLAIN, allows_http=False) == {}

    @pytest.mark.parametrize(
        ("change", "members"),
        [
            ({"name": ""}, ["Name"]),
            ({"name": "x" * 129}, ["Name"]),
            ({"name": "a\u202eb"}, ["Name"]),
            ({"is_confidential": False}, ["Scopes", "RedirectUri"]),
            ({"is_confidential": False, "application_scopes": ()}, ["RedirectUri"]),
            ({"user_scopes": ("OR.Jobs",)}, ["RedirectUri"]),
            ({"redirect_uris": ("http://a.test",)}, ["RedirectUri"]),
            ({"post_logout_uris": ("ws://a.test",)}, ["PostLogoutRedirectUris"]),
        ],
    )
    def test_what_is_wrong_is_told_by_member(self, change: dict[str, Any], members: list[str]) -> None:
        assert list(faults(PLAIN._replace(**change), allows_http=False)) == members

    def test_nobody_hands_out_what_he_has_not(self) -> None:
        wanted = PLAIN._replace(application_scopes=("OR.Jobs", "PM.User.Read"), user_scopes=("OR.Assets",))
        assert exceeds({"OR.Jobs", "PM.User", "OR.Assets"}, wanted) == []
        assert exceeds({"OR.Jobs.Read", "PM.User.Read"}, wanted) == ["OR.Jobs", "OR.Assets"]
        assert exceeds((), wanted) == wanted.scopes

    @given(
        st.sets(st.sampled_from(["OR.Jobs", "OR.Jobs.Read", "OR.Assets", "PM.User.Write"])),
        st.sets(st.sampled_from(["OR.Jobs", "OR.Jobs.Read", "OR.Assets", "PM.User.Write"])),
    )
    def test_a_scope_is_gone_when_nothing_covers_it_any_more(self, before: set[str], after: set[str]) -> None:
        is_gone = any(not covers(after, scope) for scope in before)
        old, new = (PLAIN._replace(application_scopes=tuple(scopes)) for scopes in (before, after))
        assert takes_away(old, new) is is_gone
        old, new = (PLAIN._replace(application_scopes=(), user_scopes=tuple(scopes)) for scopes in (before, after))
        assert takes_away(old, new) is is_gone

    def test_an_address_that_goes_counts_and_one_that_comes_does_not(self) -> None:
        two = PLAIN._replace(redirect_uris=("https://a.test", "https://b.test"))
        assert takes_away(two, two._replace(redirect_uris=("https://b.test",)))
        assert not takes_away(PLAIN, two)
        assert not takes_away(two, two._replace(redirect_uris=two.redirect_uris[::-1], name="Other"))

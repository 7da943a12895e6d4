"""Nobody is led out of the issuer by an address that somebody else wrote."""

from __future__ import annotations

from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from podium.server.pages.returns import own_path, parameters
from tests.api.identity.pages.hostile import ADDRESSES

BASE = "/identity_"
HERE = "https://podium.test"
GOOD = "/identity_/connect/authorize/callback?client_id=a&redirect_uri=https%3A%2F%2Fevil.test%2F&state=%25"


@pytest.mark.parametrize(
    "address",
    [
        GOOD,
        "/identity_/connect/authorize?x=1",
        "/identity/connect/endsession",
        "/identity_/web/account",
        "/identity_/web/account/recovery-codes",
        "/identity_/web/device?user_code=BCDF-GHJK",
        "/default/identity_/web/consent?returnUrl=%2Fidentity_%2Fconnect%2Fauthorize",
        "/default/default/identity_/web/logout",
    ],
)
def test_places_of_this_issuer_are_kept_as_they_are(address: str) -> None:
    assert own_path(address, BASE) == address


@pytest.mark.parametrize("address", ADDRESSES)
def test_every_other_address_is_refused(address: str) -> None:
    assert own_path(address, BASE) is None


def test_the_path_of_the_public_address_stands_before_it() -> None:
    assert own_path("/podium/identity_/web/account", "/podium/identity_") == "/podium/identity_/web/account"
    assert own_path("/identity_/web/account", "/podium/identity_") is None
    assert own_path("/podiumx/identity_/web/account", "/podium/identity_") is None


PIECES = (
    *(
        "/",
        "//",
        "\\",
        "identity_",
        "web",
        "account",
        "connect/authorize",
        "evil.test",
        "@",
        ":",
        "https:",
        "%2f",
        "%5c",
    ),
    *(".", "..", "?", "#", "\t", "\n", "\r", "\0", " ", "&", ";", "default", "javascript:", "É", "\u2215", "\u3002"),
)
pieces = st.lists(st.sampled_from(PIECES), max_size=9).map("".join)
changed = st.builds(
    lambda at, cut, put: GOOD[:at] + put + GOOD[at + cut :], st.integers(0, 60), st.integers(0, 9), pieces
)


@given(st.one_of(st.text(), pieces, changed))
@example(GOOD)
def test_what_is_kept_stays_at_this_host(text: str) -> None:
    kept = own_path(text, BASE)
    if kept is not None:
        assert kept == text
        reached = urlsplit(urljoin(f"{HERE}/identity_/web/login", kept))
        assert (reached.scheme, reached.netloc, reached.fragment) == ("https", "podium.test", "")
        assert "/identity" in reached.path.lower()
        assert kept.isascii()
        assert kept.isprintable()


def test_an_endless_address_is_refused() -> None:
    assert own_path("/identity_/web/account?" + "a" * 20_000, BASE) is None


def test_parameters_of_a_broken_query_are_none() -> None:
    assert parameters("/x?login_hint=a&login_hint=b&bad=%ff") == {}
    assert parameters("/x?login_hint=a&login_hint=b") == {"login_hint": "a"}
    assert parameters("/x") == {}

"""What stores may be told, and what of it is kept, without a server."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.credential_stores.plain_text import EnvironmentVariables, secret_of
from podium.orchestrator.credential_stores.rules import MASK, Configured, configured
from podium.orchestrator.credential_stores.types import Denied, Entry, NotThere, Secret

ENTRIES = (
    Entry("Url", "Address", is_required=True, is_address=True),
    Entry("Mode", "Mode", "Choice", choices=("Fast", "Safe")),
    Entry("Count", "Count", "Number"),
    Entry("On", "On", "Boolean"),
    Entry("Token", "Token", "Secret"),
    Entry("Other", "Other", "Secret"),
)
STORED = Configured({"Url": "a"}, {"Token": "old", "Other": "kept"})
EMPTY = Configured({}, {})
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)


def asked(**members: Any) -> Configured:
    return configured(ENTRIES, json.dumps({"Url": "a", **members}), STORED)


def test_every_kind_is_stored_in_its_own_spelling() -> None:
    found = configured(ENTRIES, '{"URL": " a ", "mode": "SAFE", "Count": 3, "On": true, "Token": " t "}', EMPTY)
    assert found.shown == {**found.plain, "Token": MASK}
    assert tuple(found) == ({"Url": "a", "Mode": "Safe", "Count": "3", "On": "true"}, {"Token": " t "})
    assert " t " not in repr(found)


@pytest.mark.parametrize(
    ("members", "secret"),
    [
        ({}, {"Token": "old", "Other": "kept"}),
        ({"Token": MASK, "Other": None}, {"Token": "old", "Other": "kept"}),
        ({"Token": "new"}, {"Token": "new", "Other": "kept"}),
        ({"Token": ""}, {"Other": "kept"}),
        ({"Url": "b"}, {}),
        ({"Url": "b", "Token": MASK}, {}),
        ({"Url": "b", "Token": "new"}, {"Token": "new"}),
    ],
)
def test_a_secret_stays_until_it_is_replaced_or_would_go_elsewhere(members: Any, secret: Mapping[str, str]) -> None:
    assert asked(**members).secret == secret


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("", "Url"),
        ("{}", "Url"),
        ('{"Url": "a", "Mode": "Slow"}', "Mode"),
        ('{"Url": "a", "Count": "x"}', "Count"),
        ('{"Url": "a", "On": "maybe"}', "On"),
        ('{"Url": "a", "Nope": 1}', "Nope"),
        ('{"Url": ["a"]}', "Url"),
        ('{"Url": "a", "Token": 1.5}', "Token"),
        ("[" * 100_000, "AdditionalConfiguration"),
    ],
)
def test_what_is_wrong_is_named(text: str, named: str) -> None:
    with pytest.raises(BadRequest, match=named):
        configured(ENTRIES, text, EMPTY)


@given(st.dictionaries(st.sampled_from([entry.key for entry in ENTRIES]), JSON) | JSON)
def test_any_json_is_refused_or_kept_in_its_part(value: Any) -> None:
    try:
        found = configured(ENTRIES, json.dumps(value), STORED)
    except BadRequest:
        return
    assert set(found.plain) <= {"Url", "Mode", "Count", "On"}
    assert set(found.secret) <= {"Token", "Other"}
    assert all(found.values.values())
    assert configured(ENTRIES, json.dumps(found.shown), found) == found


@given(st.text(max_size=30))
def test_any_text_is_a_secret(text: str) -> None:
    assert secret_of(text + "\n", has_user=False) == Secret(None, text.removesuffix("\r"))


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_credential_comes_back_from_json(user: str, password: str) -> None:
    text = json.dumps({"UserName": user, "password": password})
    assert secret_of(text, has_user=True) == Secret(user, password)


@pytest.mark.parametrize(
    "text", ["", "one", "a\nb\nc", '{"Username": "a"}', '{"Username": 1, "Password": "b"}', "null"]
)
def test_a_credential_in_neither_form_is_refused(text: str) -> None:
    with pytest.raises(Denied):
        secret_of(text, has_user=True)


@given(st.text(max_size=12), st.text(max_size=12), st.text(max_size=12), st.text(max_size=12))
def test_a_variable_means_one_tenant_and_one_name(tenant: str, name: str, other_tenant: str, other_name: str) -> None:
    """Two variables are the same only if tenant and name are alike each for itself; none leaves the prefix."""
    type_ = EnvironmentVariables("VAULT_", {})
    try:
        one, other = type_.variable(tenant, name), type_.variable(other_tenant, other_name)
    except NotThere:
        return
    assert one.startswith("VAULT_")
    assert one.count("__") == 1
    parts = one.removeprefix("VAULT_").split("__")
    assert (one == other) is (parts == other.removeprefix("VAULT_").split("__"))

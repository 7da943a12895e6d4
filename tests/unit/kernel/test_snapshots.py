"""What of a change is kept, and what never is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import wire
from podium.kernel import snapshots
from podium.kernel.snapshots import HIDDEN, bounded, detail_of, masked

SECRET = "s3cr3t-fern-and-moss"
JSON_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(max_size=20), inner, max_size=5),
    max_leaves=30,
)


def struct_members() -> list[tuple[str, str]]:
    """Every member of every published body, by model and name."""
    return [
        (model.__name__, name)
        for model in vars(wire).values()
        if isinstance(model, type) and issubclass(model, msgspec.Struct)
        for name in model.__struct_encode_fields__
    ]


class TestSecrets:
    @pytest.mark.parametrize(
        "body",
        [
            {"Password": SECRET},
            {"AdminPassword": SECRET},
            {"CredentialPassword": SECRET},
            {"secretValue": SECRET},
            {"Secret": SECRET},
            {"client_secret": SECRET},
            {"LicenseKey": SECRET},
            {"ApiKey": SECRET},
            {"UnattendedRobot": {"UserName": "a", "Password": SECRET}},
            {"robotAsset": {"UserValues": [{"CredentialPassword": SECRET}]}},
            {"settings": [{"Name": "Abp.Net.Mail.Smtp.Password", "Value": SECRET}]},
            {"KeyValueList": [{"Key": "api-token", "Value": SECRET}]},
            {"ValueType": "DBConnectionString", "StringValue": SECRET},
            {"ValueType": "Secret", "Value": SECRET},
            {"AdditionalConfiguration": f'{{"Token":"{SECRET}"}}'},
            {"StorageParameters": f"AccountKey={SECRET}"},
            {"itemData": {"Name": "q", "SpecificContent": {"card": SECRET}}},
            {"startInfo": {"InputArguments": f'{{"pin": "{SECRET}"}}'}},
            {"EnvironmentVariables": f"TOKEN={SECRET}"},
            {"Url": f"https://ana:{SECRET}@hooks.test/x"},
            {"Url": "x" * 990 + f"://ana:{SECRET}@hooks.test/x"},
            {"Secret": [SECRET]},
            {"Secret": {"a": SECRET}},
        ],
    )
    def test_they_are_replaced(self, body: dict[str, Any]) -> None:
        text = json.dumps(masked(body))
        assert SECRET not in text
        assert SECRET[:10] not in text

    def test_what_is_beside_them_stays(self) -> None:
        body = {"Name": "Login", "CredentialUsername": "ana", "CredentialPassword": SECRET, "HasPassword": True}
        expected = {"Name": "Login", "CredentialUsername": "ana", "CredentialPassword": HIDDEN, "HasPassword": True}
        assert masked(body) == expected

    def test_an_empty_one_shows_that_it_is_empty(self) -> None:
        assert masked({"Password": "", "Secret": None}) == {"Password": "", "Secret": None}

    def test_an_ordinary_key_and_value_stay(self) -> None:
        assert masked({"Name": "Abp.Timing.TimeZone", "Value": "UTC"}) == {
            "Name": "Abp.Timing.TimeZone",
            "Value": "UTC",
        }
        assert masked({"ValueType": "Text", "StringValue": "blue"}) == {"ValueType": "Text", "StringValue": "blue"}

    def test_every_published_member_that_sounds_like_a_secret_is_one(self) -> None:
        sounding = ("password", "secret", "token", "apikey", "licensekey", "privatekey", "connectionstring")
        missed = [member for member in struct_members() if member[1].lower().endswith(sounding)]
        assert len(missed) > 20
        assert [member for member in missed if not snapshots.is_secret_name(member[1])] == []


class TestBounds:
    def test_a_struct_is_told_by_its_wire_names_without_what_is_absent(self) -> None:
        body = wire.TenantDto(name="Acme", admin_password=SECRET, display_name=None)
        assert masked(body) == {"AdminPassword": HIDDEN, "DisplayName": None, "Name": "Acme"}

    def test_values_of_other_kinds(self) -> None:
        key = UUID(int=5)
        at = datetime(2026, 3, 2, tzinfo=UTC)
        assert masked({"Key": key, "At": at, "Raw": b"x"}) == {"Key": str(key), "At": at.isoformat(), "Raw": HIDDEN}

    def test_long_texts_and_lists_are_cut(self) -> None:
        shown = masked({"Text": "x" * 5000, "List": list(range(500))})
        assert isinstance(shown, dict)
        assert shown["Text"] == "x" * snapshots.MOST_CHARACTERS + "..."
        assert shown["List"][-1] == f"... {500 - snapshots.MOST_ITEMS} more"

    def test_one_that_is_too_large_is_told_of(self) -> None:
        shown = bounded({f"Member{n}": "y" * 900 for n in range(40)})
        assert isinstance(shown, dict)
        assert shown["truncated"] is True
        assert "Member0" in shown["members"]

    def test_what_is_too_deep_ends(self) -> None:
        deep: Any = "x"
        for _ in range(500):
            deep = {"a": deep}
        assert HIDDEN in json.dumps(masked(deep))

    @given(JSON_VALUES)
    def test_any_value_becomes_small_json(self, value: object) -> None:
        shown = bounded(value)
        assert len(msgspec.json.encode(shown)) <= snapshots.MOST_BYTES

    @given(st.sampled_from(["Password", "apiKey", "client_secret"]), JSON_VALUES)
    def test_a_secret_never_leaves_by_its_member(self, name: str, beside: object) -> None:
        text = json.dumps(masked({"a": [{"b": beside, name: SECRET}]}))
        assert SECRET not in text

    def test_nothing_said_is_nothing_kept(self) -> None:
        assert detail_of(None, None) is None
        assert detail_of({"A": 1}, None) == {"body": {"A": 1}}
        assert detail_of(None, {"A": 1}) == {"before": {"A": 1}}

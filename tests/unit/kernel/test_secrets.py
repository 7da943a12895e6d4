from __future__ import annotations

import base64
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel import secrets
from podium.kernel.secrets import MasterKey, SecretError, key_id, key_id_of, new_data_key, open_, seal, unwrap, wrap

KEY = bytes(range(32))
PLACE: dict[str, Any] = {"owner": 1, "table": "assets", "row": 7, "column": "value"}


@given(
    text=st.text(), owner=st.integers(0) | st.uuids(), table=st.text(), row=st.integers() | st.uuids(), column=st.text()
)
def test_a_sealed_value_opens_at_its_place(text: str, owner: Any, table: str, row: Any, column: str) -> None:
    place: dict[str, Any] = {"owner": owner, "table": table, "row": row, "column": column}
    assert open_(KEY, seal(KEY, text, **place), **place) == text


@given(text=st.text(min_size=1), data=st.data())
def test_a_flipped_bit_does_not_open(text: str, data: st.DataObject) -> None:
    sealed = bytearray(seal(KEY, text, **PLACE))
    at = data.draw(st.integers(0, len(sealed) * 8 - 1))
    sealed[at // 8] ^= 1 << at % 8
    with pytest.raises(SecretError):
        open_(KEY, bytes(sealed), **PLACE)


@given(st.binary(max_size=80))
def test_rubbish_does_not_open(rubbish: bytes) -> None:
    with pytest.raises(SecretError):
        open_(KEY, rubbish, **PLACE)


@given(length=st.integers(0, 40))
def test_a_shortened_value_does_not_open(length: int) -> None:
    with pytest.raises(SecretError):
        open_(KEY, seal(KEY, "a long enough text", **PLACE)[:length], **PLACE)


@pytest.mark.parametrize(
    "elsewhere",
    [{"owner": 2}, {"table": "settings"}, {"row": 8}, {"column": "other"}, {"table": "assets7", "row": ""}],
)
def test_a_value_copied_elsewhere_does_not_open(elsewhere: dict[str, Any]) -> None:
    with pytest.raises(SecretError, match="belongs elsewhere"):
        open_(KEY, seal(KEY, "text", **PLACE), **(PLACE | elsewhere))


def test_places_that_read_the_same_are_different() -> None:
    sealed = seal(KEY, "text", owner=1, table="a", row="bc", column="d")
    with pytest.raises(SecretError):
        open_(KEY, sealed, owner=1, table="ab", row="c", column="d")


def test_another_key_does_not_open() -> None:
    with pytest.raises(SecretError, match="another key"):
        open_(new_data_key(), seal(KEY, "text", **PLACE), **PLACE)


def test_two_seals_of_the_same_text_differ_and_do_not_show_it() -> None:
    first, second = seal(KEY, "plain text", **PLACE), seal(KEY, "plain text", **PLACE)
    assert first != second
    assert b"plain text" not in first


def test_a_data_key_is_wrapped_under_its_id_for_one_master_key() -> None:
    master, key = MasterKey(KEY), new_data_key()
    wrapped = wrap(master, key)
    assert unwrap(master, wrapped, key_id(key)) == key
    assert key not in wrapped
    with pytest.raises(SecretError):
        unwrap(master, wrapped, key_id(new_data_key()))
    with pytest.raises(SecretError):
        unwrap(MasterKey(new_data_key()), wrapped, key_id(key))


def test_a_sealed_value_names_its_key_without_telling_it() -> None:
    sealed = seal(KEY, "text", **PLACE)
    assert key_id_of(sealed) == key_id(KEY) == MasterKey(KEY).id
    assert KEY not in sealed


def test_a_wrapped_key_is_not_a_value() -> None:
    with pytest.raises(SecretError):
        open_(KEY, wrap(MasterKey(KEY), new_data_key()), **PLACE)


class TestMasterKey:
    def test_the_file_is_made_once_for_its_owner(self, tmp_path: Path) -> None:
        with ThreadPoolExecutor(8) as pool:
            keys = set(pool.map(lambda _: MasterKey.load(tmp_path / "data"), range(16)))
        assert len(keys) == 1
        path = tmp_path / "data" / "master.key"
        assert path.stat().st_mode & 0o777 == 0o600
        assert [found.name for found in path.parent.iterdir()] == ["master.key"]

    def test_a_configured_key_wins(self, tmp_path: Path) -> None:
        for configured in (base64.b64encode(b"\xff" * 32), base64.urlsafe_b64encode(b"\xff" * 32)):
            assert MasterKey.load(tmp_path, configured.decode() + "\n").key == b"\xff" * 32
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize("configured", ["", "x", "!" * 44, base64.b64encode(b"short").decode()])
    def test_a_configured_key_of_another_form_is_refused(self, tmp_path: Path, configured: str) -> None:
        with pytest.raises(SecretError):
            MasterKey.load(tmp_path, configured)

    def test_a_file_open_to_others_is_refused(self, tmp_path: Path) -> None:
        MasterKey.load(tmp_path)
        (tmp_path / "master.key").chmod(0o644)
        with pytest.raises(SecretError, match="owner only"):
            MasterKey.load(tmp_path)

    def test_a_file_of_another_length_is_refused(self, tmp_path: Path) -> None:
        MasterKey.load(tmp_path)
        (tmp_path / "master.key").write_bytes(b"short")
        with pytest.raises(SecretError, match="32 bytes"):
            MasterKey.load(tmp_path)

    def test_its_repr_does_not_show_it(self) -> None:
        assert repr(MasterKey(KEY)) == "MasterKey()"


def test_machine_secrets_are_long_and_compared_by_hash() -> None:
    made = {secrets.new_secret() for _ in range(100)}
    assert len(made) == 100
    assert {len(secret) for secret in made} == {43}
    digest = secrets.hash_machine_secret("secret")
    assert len(digest) == 32
    assert secrets.same(digest, secrets.hash_machine_secret("secret"))
    assert not secrets.same(digest, secrets.hash_machine_secret("Secret"))
    assert secrets.same("ä", "ä".encode())

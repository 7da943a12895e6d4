"""Ids, keys and file names of packages."""

from __future__ import annotations

import unicodedata
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, NotFound
from podium.orchestrator.packages.rules import check_filename, key_parts, package_id, package_key
from podium.orchestrator.packages.versions import parse_version

AGREE = [
    ("adder.1.0.0.nupkg", "adder", "1.0.0"),
    ("ADDER.1.0.0.NUPKG", "adder", "1.0.0"),
    (".uipath/adder.1.0.0.nupkg", "adder", "1.0.0"),
    ("C:\\work\\adder.1.0.0.nupkg", "adder", "1.0.0"),
    ("adder.1.0.nupkg", "adder", "1.0.0"),
    ("adder.1.0.0.nupkg", "Adder", "1.0"),
    ("adder.1.0.0-beta.1.nupkg", "adder", "1.0.0-Beta.1+build.7"),
    ("adder.1.0.0+build.7.nupkg", "adder", "1.0.0"),
    ("Foo.2.1.0.0.nupkg", "Foo.2", "1.0.0"),
    ("Foo.2.1.0.0.nupkg", "Foo", "2.1.0.0"),
    ("My%20Robot.1.0.0.nupkg", "My Robot", "1.0.0"),
    ("Cafe\u0301.1.0.0.nupkg", "Café", "1.0.0"),
]
SAYS_NOTHING = [
    "package.nupkg", "x.nupkg", "adder.nupkg", "adder.1.0.0 (1).nupkg", "adder-1.0.0.nupkg",
    "report.2024.nupkg", "other.2.1.nupkg", "file", "blob", "", "1.0.0.nupkg", ".nupkg",
]  # fmt: skip
DIFFER = [
    "adder.1.0.1.nupkg", "adder.1.0.0-beta.nupkg", "adder.2.0.nupkg", "other.1.0.0.nupkg", "adder.x.1.0.0.nupkg",
    "../../evil.1.0.0.nupkg", "Foo.2.1.0.0.nupkg", "adder.1.0.0.zip", "adder.1.0.0.nupkg.exe", "a." * 200 + ".nupkg",
]  # fmt: skip


@pytest.mark.parametrize(("filename", "name", "version"), AGREE)
def test_file_names_that_agree(filename: str, name: str, version: str) -> None:
    check_filename(filename, name, parse_version(version))


@pytest.mark.parametrize("filename", SAYS_NOTHING)
def test_file_names_that_say_nothing_are_accepted(filename: str) -> None:
    check_filename(filename, "adder", parse_version("1.0.0"))


@pytest.mark.parametrize("filename", DIFFER)
def test_400_file_names_that_say_something_else(filename: str) -> None:
    with pytest.raises(BadRequest):
        check_filename(filename, "adder", parse_version("1.0.0"))


def test_400_1665_extension() -> None:
    with pytest.raises(BadRequest) as refusal:
        check_filename("adder.1.0.0.zip", "adder", parse_version("1.0.0"))
    assert refusal.value.code == 1665


@pytest.mark.parametrize("name", ["adder", "UiPath.Mail-2_x", "My(1)", "My Robot", "Ärger", "日本", "a" * 100])
def test_ids_that_packers_write(name: str) -> None:
    assert package_id(name) == name


@pytest.mark.parametrize(
    "name", ["", " a", "a ", ".a", "a.", "a..b", "a/b", "a\\b", "a:b", "a\nb", "a\0", "a%b", "a" * 101]
)
def test_400_ids_that_cannot_be(name: str) -> None:
    with pytest.raises(BadRequest):
        package_id(name)


@given(st.text())
def test_an_accepted_id_is_accepted_unchanged_and_makes_a_key(text: str) -> None:
    try:
        name = package_id(text)
    except BadRequest:
        return
    assert package_id(name) == name
    assert key_parts(package_key(name, "1.2.3-b.1")) == (name, "1.2.3-b.1")


@given(st.text(), st.text())
def test_any_key_and_file_name_is_taken_or_refused(key: str, filename: str) -> None:
    with suppress(BadRequest, NotFound):
        assert package_key(*key_parts(key)) == unicodedata.normalize("NFC", key)
    with suppress(BadRequest):
        check_filename(filename, "adder", parse_version("1.0.0"))


@pytest.mark.parametrize("key", ["", ":", "adder", "adder:", ":1.0.0"])
def test_400_not_a_key(key: str) -> None:
    with pytest.raises(BadRequest):
        key_parts(key)


@pytest.mark.parametrize("key", ["adder:latest", "a/b:1.0.0", "a:b:1.0.0", " :1.0.0"])
def test_404_keys_that_no_package_has(key: str) -> None:
    with pytest.raises(NotFound):
        key_parts(key)

"""Paths, patterns, options and storage parameters of buckets."""

from __future__ import annotations

import re
import unicodedata
from datetime import timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.buckets import rules
from podium.orchestrator.buckets.rules import Options

PARTS = st.text(
    st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp"), exclude_characters="/\\"), min_size=1, max_size=20
)


def is_legal(path: str) -> bool:
    try:
        rules.clean_path(path)
    except BadRequest:
        return False
    return True


class TestCleanPath:
    @given(st.lists(PARTS, min_size=1, max_size=4))
    def test_a_clean_path_stays_as_it_is(self, parts: list[str]) -> None:
        path = "/".join(parts)
        assume(is_legal(path))
        clean = rules.clean_path(path)
        assert clean == unicodedata.normalize("NFC", path)
        assert rules.clean_path(clean) == rules.clean_path(rules.shown_path(clean)) == clean
        assert rules.directory_of(clean) + rules.file_name(clean) == clean
        assert rules.clean_directory(rules.directory_of(clean)) == rules.directory_of(clean)

    @pytest.mark.parametrize(
        "path",
        [
            "a b.txt",
            "x&y+z%?.txt",
            "q#h;'\".txt",
            "日本/ü.txt",
            "😀👩‍👩‍👧.png",
            "...",
            "..x",
            "a:b=c",
            " a ",
            "%2e%2e/x",
            "a" * 1024,
        ],
    )
    def test_every_name_that_is_no_trick_is_taken(self, path: str) -> None:
        assert rules.clean_path(path) == path

    @pytest.mark.parametrize(
        "path",
        [
            "",
            "/",
            "//",
            "//a",
            "a//b",
            "a/",
            "../a",
            "a/../b",
            "a/..",
            "./a",
            ".",
            "a\\b",
            "C:\\x",
            "a\0",
            "a\nb",
            "a\x7f",
            "a\u2028b",
            "a\ud800",
            "a\ufffe",
            "a" * 1025,
            "ü" * 513,
        ],
    )
    def test_a_trick_is_refused_by_the_name_of_the_parameter(self, path: str) -> None:
        with pytest.raises(BadRequest, match=r"^path: "):
            rules.clean_path(path)

    def test_forms_of_one_character_are_one(self) -> None:
        assert rules.clean_path("u\u0308.txt") == "\u00fc.txt"
        assert rules.clean_path("u\u0308.txt", keeps_form=True) == "u\u0308.txt"

    @pytest.mark.parametrize(("given_", "clean"), [("", ""), ("/", ""), ("a", "a/"), ("/a/b/", "a/b/")])
    def test_directories_end_in_a_slash(self, given_: str, clean: str) -> None:
        assert rules.clean_directory(given_) == clean

    @pytest.mark.parametrize("path", ["..", "a//", "a\\", "//"])
    def test_a_directory_is_no_trick_either(self, path: str) -> None:
        with pytest.raises(BadRequest, match=r"^directory: "):
            rules.clean_directory(path)


class TestGlob:
    @given(st.text("ab*?.%_\\", max_size=8), st.text("ab.%_\\", max_size=8))
    def test_matches_what_the_regular_expression_does(self, glob: str, name: str) -> None:
        glob = rules.check_glob(glob)
        pattern = "".join({"*": ".*", "?": "."}.get(each, re.escape(each)) for each in glob)
        assert rules.matches(glob, name) == bool(re.fullmatch(pattern, name))

    def test_many_stars_take_no_time(self) -> None:
        assert not rules.matches(rules.check_glob("a*" * 100 + "b"), "a" * 1000)

    @pytest.mark.parametrize("glob", ["a/b", "x" * 256, "a\0"])
    def test_what_is_no_pattern_is_refused(self, glob: str) -> None:
        with pytest.raises(BadRequest, match=r"^fileNameGlob: "):
            rules.check_glob(glob)


class TestTokens:
    @given(st.lists(PARTS, min_size=1, max_size=3).map("/".join))
    def test_a_token_is_the_path(self, path: str) -> None:
        assume(is_legal(path))
        assert rules.after_token(rules.token_after(path)) == path

    @pytest.mark.parametrize("token", ["%", "ä", "_w", "AA"])
    def test_another_token_is_refused(self, token: str) -> None:
        with pytest.raises(BadRequest, match=r"^continuationToken: "):
            rules.after_token(token)


class TestParameters:
    @pytest.mark.parametrize(
        ("parameters", "endpoint"),
        [
            ("EndpointRegion=eu-west-1;accessKey=AK;secretKey=$Password", "https://s3.eu-west-1.amazonaws.com:443"),
            ("EndpointRegion=cn-north-1;accessKey=AK", "https://s3.cn-north-1.amazonaws.com.cn:443"),
            ("host=minio.lan:9000;accessKey=AK;secretKey=$Password", "https://minio.lan:9000"),
            ("EndpointDomain=http://10.0.0.7:9000 ; AccessKeyId = AK ;", "http://10.0.0.7:9000"),
            ("endpointdomain=[2001:db8::1]:9000;ACCESSKEY=AK", "https://[2001:db8::1]:9000"),
        ],
    )
    def test_the_words_of_the_tools_are_understood(self, parameters: str, endpoint: str) -> None:
        place = rules.s3_place("reports", parameters)
        assert (place.endpoint, place.access_key, place.container) == (endpoint, "AK", "reports")

    @pytest.mark.parametrize(
        "parameters",
        [
            "",
            "accessKey=",
            "Endpoint=s3.example.com",
            "accessKey=AK;secretKey=in clear",
            "accessKey=AK;wat=1",
            "accessKey=AK;accessKeyId=AB",
            "accessKey=AK;EndpointDomain=file:///etc/passwd",
            "accessKey=AK;EndpointDomain=user@host",
            "accessKey=AK;EndpointDomain=host/path",
            "accessKey=AK;EndpointDomain=host:99999",
            "accessKey=AK;Region=a.evil.example#",
        ],
    )
    def test_others_are_refused(self, parameters: str) -> None:
        with pytest.raises(BadRequest, match=r"^StorageParameters: "):
            rules.s3_place("reports", parameters)

    def test_a_container_that_is_no_name_is_refused(self) -> None:
        with pytest.raises(BadRequest, match=r"^StorageContainer: "):
            rules.s3_place("a/../b", "accessKey=AK")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (None, Options()),
        ("ReadOnly", Options(is_read_only=True)),
        ("5", Options(is_read_only=True, passes_data_through=True)),
        (" auditReadAccess ,ReadOnly", Options(is_read_only=True, audits_reads=True)),
    ],
)
def test_options_are_a_set(text: str | None, found: Options) -> None:
    assert rules.options(text) == found


@pytest.mark.parametrize("minutes", [-1, 10081])
def test_a_lifetime_has_its_bounds(minutes: int) -> None:
    assert (rules.lifetime(0), rules.lifetime(10080)) == (timedelta(minutes=15), timedelta(days=7))
    with pytest.raises(BadRequest, match="expiryInMinutes"):
        rules.lifetime(minutes)


@pytest.mark.parametrize("type_", ["text", "text/html\r\nX: y", "a/b\n", "ä/b", "text/plain; x=ä", "x" * 300 + "/y"])
def test_what_is_no_media_type_becomes_no_header(type_: str) -> None:
    assert rules.clean_content_type(type_) is None
    with pytest.raises(BadRequest, match="contentType"):
        rules.check_content_type(type_)

"""Every sentence of the pages comes from the catalogue, and the catalogue holds no others."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import jinja2
import pytest
from jinja2 import nodes

from podium.identity.clients.rules import APPLICATION_SCOPES, OPENID_SCOPES
from podium.server.pages import catalogue
from podium.server.pages.scopes import in_words

FOLDER = catalogue.FOLDER.parent
TEMPLATES = sorted((FOLDER / "templates").glob("*.html"))
ENGLISH = catalogue.languages()[catalogue.DEFAULT]
PARSER = jinja2.Environment(autoescape=True)

MARKUP = r"\{% block width %\}.*?\{% endblock %\}|\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}|<[^>]*>"
VERBS = ("", ".Read", ".Write")
SPOKEN_BY_PROGRAMS = frozenset({catalogue.NAME})


def asked_by_templates() -> Iterator[str]:
    """The keys of `t(...)`; of one that is put together the part before the dot with a star."""
    for path in TEMPLATES:
        for call in PARSER.parse(path.read_text("utf-8")).find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "t":
                key = call.args[0]
                if isinstance(key, nodes.Const):
                    yield str(key.value)
                elif isinstance(key, nodes.Concat) and isinstance(key.nodes[0], nodes.Const):
                    yield f"{str(key.nodes[0].value).partition('.')[0]}.*"


def texts_of_templates() -> frozenset[str]:
    """Every text in an expression: a macro may be given a key."""
    found = set()
    for path in TEMPLATES:
        found |= {str(one.value) for one in PARSER.parse(path.read_text("utf-8")).find_all(nodes.Const)}
    return frozenset(found)


def texts_of_code() -> frozenset[str]:
    found = set()
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found.add(node.value)
    return frozenset(found)


def families() -> frozenset[str]:
    """The first words of keys that are put together while the server runs; what may follow is tested where it does."""
    found = {key[:-2] for key in asked_by_templates() if key.endswith(".*")}
    for path in FOLDER.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr) and isinstance(node.values[0], ast.Constant):
                match = re.fullmatch(r"(\w+)\.", str(node.values[0].value))
                found |= {match[1]} if match else set()
    return frozenset(found)


def test_every_key_of_a_template_exists() -> None:
    for key in asked_by_templates():
        if key.endswith(".*"):
            assert any(known.startswith(key[:-1]) for known in ENGLISH), key
        else:
            assert key in ENGLISH


def test_no_text_is_left_over() -> None:
    used = texts_of_templates() | texts_of_code() | SPOKEN_BY_PROGRAMS
    unused = [key for key in ENGLISH if key not in used and key.partition(".")[0] not in families()]
    assert unused == []


def test_every_notice_is_shown_somewhere() -> None:
    code = texts_of_code()
    for name in {key.split(".")[1] for key in ENGLISH if key.startswith("notice.")}:
        assert name in code, name
        assert f"notice.{name}.title" in ENGLISH
        assert f"notice.{name}.text" in ENGLISH


def test_templates_hold_no_words_of_their_own() -> None:
    for path in TEMPLATES:
        text = re.sub(MARKUP, "", path.read_text("utf-8"), flags=re.DOTALL)
        assert re.findall(r"[A-Za-z]{2,}", text) == [], path.name


@pytest.mark.parametrize("code", sorted(set(catalogue.languages()) - {catalogue.DEFAULT}) or [catalogue.DEFAULT])
def test_a_language_has_the_placeholders_of_the_english_text(code: str) -> None:
    for key, text in catalogue.languages()[code].items():
        assert key in ENGLISH
        assert set(re.findall(r"\{(\w+)\}", text)) == set(re.findall(r"\{(\w+)\}", ENGLISH[key])), key


class TestScopes:
    def test_every_scope_of_this_server_has_words(self) -> None:
        verbless = (*OPENID_SCOPES, "OR.Default")
        named = [f"{scope}{verb}" for scope in APPLICATION_SCOPES if scope not in verbless for verb in VERBS]
        for scope in (*named, *verbless):
            (line,) = in_words("en", [scope])
            assert scope.removesuffix(".Read").removesuffix(".Write") not in line, line

    def test_read_and_write_are_one_line(self) -> None:
        assert in_words("en", ["OR.Jobs.Read", "OR.Assets.Write", "OR.Jobs.Write"]) == [
            "View and change jobs",
            "Change assets",
        ]

    def test_a_strangers_scope_is_shown_as_it_is(self) -> None:
        assert in_words("en", ["Du.Digitization.Api", "X.Read"]) == ["Use Du.Digitization.Api", "Use X.Read"]


class TestLanguage:
    @pytest.mark.parametrize(
        ("wanted", "accepted"),
        [
            ("", ""),
            ("xx en", ""),
            ("", "de;q=0.9, EN-gb;q=0.5"),
            ("", "de"),
            ("\0" * 50, ";;;,q=,en;q=x"),
            ("", "en;q=0"),
        ],
    )
    def test_english_is_spoken_where_nothing_else_is_installed(self, wanted: str, accepted: str) -> None:
        assert catalogue.choose(wanted, accepted) == "en"

    def test_the_reader_s_order_counts(self, monkeypatch: pytest.MonkeyPatch) -> None:
        installed = {"en": ENGLISH, "de": {}, "pt-br": {}}
        monkeypatch.setattr(catalogue, "languages", lambda: installed)
        assert catalogue.choose("", "de;q=0.4, pt-BR;q=0.8, en;q=0.1") == "pt-br"
        assert catalogue.choose("fr de-AT", "en") == "de"
        assert catalogue.choose("", "de;q=0, en;q=0.1") == "en"

    def test_a_text_that_is_missing_is_english(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(catalogue, "languages", lambda: {"en": ENGLISH, "de": {"sign_in.title": "Anmelden"}})
        assert catalogue.text("de", "sign_in.title") == "Anmelden"
        assert catalogue.text("de", "sign_in.submit") == ENGLISH["sign_in.submit"]
        assert catalogue.texts("de")["sign_in.title"] == "Anmelden"

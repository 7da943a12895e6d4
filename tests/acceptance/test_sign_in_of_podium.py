"""`podium login` as people use it: a browser on this machine, a device without one, renewal, logout."""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.form_browser import FormBrowser, sign_in_for
from tests.acceptance.programs import PASSWORD, Program, Server, open_folder, until
from tests.acceptance.tools import Tools, run

PODIUM = str(Path(sys.executable).with_name("podium"))
LIST_FOLDERS = ("folders", "list", "-o", "json")
LIST_MAILS = ("mail", "list", "-o", "json")


class Person:
    """Somebody at a terminal, with a folder of settings of his own."""

    def __init__(self, tools: Tools, server: Server, home: Path) -> None:
        self.server = server
        self.home = home
        self.file = home / "podium" / "credentials.json"
        self.environment = tools.environment | {"XDG_CONFIG_HOME": str(home)}

    def podium(self, *arguments: str) -> str:
        """What a command said, which must succeed."""
        return run([PODIUM, *arguments], self.environment)

    def refused(self, *arguments: str) -> str:
        """What a command said that ended with 4, not signed in."""
        with pytest.raises(AssertionError, match="ended with 4") as refused:
            self.podium(*arguments)
        return str(refused.value)

    @property
    def kept(self) -> dict[str, Any]:
        """The stored sign-in."""
        found: dict[str, Any] = json.loads(self.file.read_text())
        return found

    def let_the_token_end(self) -> None:
        """As if an hour had passed."""
        self.file.write_text(json.dumps(self.kept | {"expires_at": time.time() + 1}))

    @contextmanager
    def logging_in(self, *options: str) -> Iterator[Program]:
        """`podium login`, which must end well by itself."""
        command = [PODIUM, "login", "--url", self.server.url, *options]
        program = Program(command, self.environment, self.home, self.home / "login.log")
        try:
            yield program
            until(lambda: "Kept in" in program.said, "podium login keeps it", seconds=30)
        finally:
            program.end()
        assert "Signed in to" in program.said

    def sign_in(self) -> None:
        """Through the browser."""
        with self.logging_in("--no-browser") as login:
            sign_in_for(login, "admin", PASSWORD)


def said(program: Program, pattern: str) -> str:
    """The first group of a pattern in what a program says, as soon as it has said it."""
    found = until(lambda: re.search(pattern, program.said), pattern, seconds=30, programs=[program])
    assert found is not None
    return found[1]


@pytest.fixture
def person(tools: Tools, server: Server) -> Iterator[Person]:
    """Somebody who is not signed in."""
    with open_folder("person") as home:
        yield Person(tools, server, home)


class TestBrowser:
    """The default way."""

    def test_opens_the_orchestrator_and_the_management_api(self, person: Person) -> None:
        person.sign_in()
        assert person.file.stat().st_mode & 0o777 == 0o600
        assert person.kept["user"] == "admin"
        assert "Shared" in [row["FullyQualifiedName"] for row in json.loads(person.podium(*LIST_FOLDERS))]
        assert json.loads(person.podium(*LIST_MAILS)) == []

    def test_an_answer_without_the_state_changes_nothing(self, person: Person) -> None:
        with person.logging_in("--no-browser") as login, FormBrowser("admin", PASSWORD) as browser:
            address = said(login, r"(http\S+/connect/authorize\?\S+)")
            back = browser.go(address, "http://localhost:")
            forged = re.sub(r"state=[^&]+", "state=forged", back)
            assert httpx.get(forged, timeout=30, trust_env=False).status_code == 400
            assert httpx.get(back, timeout=30, trust_env=False).status_code == 200

    def test_a_second_sign_in_ends_the_first(self, person: Person) -> None:
        person.sign_in()
        first = person.kept
        person.sign_in()
        second = person.kept
        person.file.write_text(json.dumps(first | {"expires_at": 0.0}))
        assert "sign in again" in person.refused(*LIST_FOLDERS)
        person.file.write_text(json.dumps(second | {"expires_at": 0.0}))
        person.podium(*LIST_FOLDERS)


class TestDevice:
    """`podium login --device`."""

    def test_a_code_typed_elsewhere_signs_in(self, person: Person) -> None:
        with person.logging_in("--device") as login, FormBrowser("admin", PASSWORD) as browser:
            code = said(login, r"\n  ([A-Z]{4}-[A-Z]{4})\n")
            address = said(login, r"Open (http\S+) on any device")
            page = browser.look(f"{address}?user_code={code}")
            confirmation = browser.send(page)
            assert code in confirmation.text
            assert browser.send(confirmation).status_code == 200
        person.podium(*LIST_FOLDERS)
        person.podium(*LIST_MAILS)


class TestRenewal:
    """A sign-in that is older than its token."""

    def test_the_next_command_gets_a_new_token(self, person: Person) -> None:
        person.sign_in()
        before = person.kept
        person.let_the_token_end()
        person.podium(*LIST_FOLDERS)
        after = person.kept
        assert after["token"] != before["token"]
        assert after["refresh_token"] != before["refresh_token"]
        assert after["expires_at"] > time.time() + 60

    def test_commands_that_come_at_once_do_not_spend_a_refresh_token_twice(self, person: Person) -> None:
        person.sign_in()
        person.let_the_token_end()
        with ThreadPoolExecutor(6) as threads:
            list(threads.map(lambda _: person.podium(*LIST_FOLDERS), range(6)))
        person.let_the_token_end()
        person.podium(*LIST_FOLDERS)

    def test_a_sign_in_that_was_ended_says_to_sign_in_again(self, person: Person) -> None:
        person.sign_in()
        spent = person.kept["refresh_token"]
        form = {"client_id": "36dea5b8-e8bb-423d-8e7b-c808df8f1c00", "token": spent}
        answer = httpx.post(f"{person.server.url}/identity_/connect/revocation", data=form, trust_env=False)
        assert answer.status_code == 200
        person.let_the_token_end()
        words = person.refused(*LIST_FOLDERS)
        assert f"The sign-in to {person.server.url} has ended - sign in again with `podium login`" in words


class TestLogout:
    """`podium logout`."""

    def test_the_tokens_are_worth_nothing_afterwards(self, person: Person) -> None:
        person.sign_in()
        kept = person.kept
        assert person.podium("logout") == "Signed out\n"
        assert not person.file.exists()
        person.refused(*LIST_FOLDERS)
        person.file.write_text(json.dumps(kept))
        person.refused(*LIST_FOLDERS)
        person.file.write_text(json.dumps(kept | {"expires_at": 0.0}))
        person.refused(*LIST_FOLDERS)


class TestScripts:
    """The classic way."""

    def test_a_password_on_stdin_signs_in_to_the_orchestrator(self, person: Person) -> None:
        variables = {"PODIUM_USER": "admin", "PODIUM_PASSWORD": PASSWORD}
        run([PODIUM, "login", "--url", person.server.url], os.environ | person.environment | variables)
        assert person.kept["refresh_token"] is None
        person.podium(*LIST_FOLDERS)

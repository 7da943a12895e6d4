"""The vendor's `uipath auth`, unchanged: its browser sign-in, and its renewal.

Its `--client-id` is not here: with this option it asks the vendor's cloud, whatever address it is given.
"""

from __future__ import annotations

import base64
import json
import re
import socket
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx
import pytest

from tests.acceptance.form_browser import FormBrowser
from tests.acceptance.programs import PASSWORD, Program, Server, open_folder, until
from tests.acceptance.tools import Tools, run

MAIN = """
from dataclasses import dataclass


@dataclass
class Input:
    name: str


@dataclass
class Output:
    greeting: str


def main(input: Input) -> Output:
    return Output(greeting=f"Hello, {input.name}!")
"""
PROJECT = """[project]
name = "after-sign-in"
version = "1.0.0"
description = "A test"
authors = [{ name = "Podium" }]
requires-python = ">=3.11"
dependencies = ["uipath==2.14.44"]
"""

PORTS = (8104, 8055, 42042)  # where `uipath auth` listens, even to renew a token
TIME_WAIT_S = 60.0  # how long the system keeps a port whose connections are closed


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where a developer works."""
    with open_folder("sign-in") as found:
        yield found


class TestBrowser:
    """`uipath auth`."""

    def test_what_it_writes_lets_the_command_line_publish(self, tools: Tools, server: Server, folder: Path) -> None:
        sign_in(tools, server, folder)
        written = variables(folder)
        assert written["UIPATH_URL"] == server.tenant_url
        assert written["UIPATH_TENANT_ID"]
        assert written["UIPATH_ORGANIZATION_ID"] == claims(written["UIPATH_ACCESS_TOKEN"])["prt_id"]
        (folder / "main.py").write_text(MAIN, encoding="utf-8")
        (folder / "pyproject.toml").write_text(PROJECT, encoding="utf-8")
        (folder / "uipath.json").write_text('{"functions": {"main": "main.py:main"}}', encoding="utf-8")
        for arguments in (["init"], ["pack", "--nolock"], ["publish", "--my-workspace"]):
            run([tools.program("uipath"), *arguments], tools.environment, folder=folder)
        run([tools.program("uipath"), "invoke", "main", '{"name": "Ada"}'], tools.environment, folder=folder)
        assert server.newest_job("after-sign-in")["State"] == "Pending"

    def test_a_token_that_has_ended_is_renewed_without_a_browser(
        self, tools: Tools, server: Server, folder: Path
    ) -> None:
        sign_in(tools, server, folder)
        file = folder / ".uipath" / ".auth.json"
        kept = json.loads(file.read_text())
        file.write_text(json.dumps(kept | {"access_token": ended(kept["access_token"])}))
        wait_for_a_port()
        run([tools.program("uipath"), "auth"], tools.environment | variables(folder), folder=folder)
        renewed = json.loads(file.read_text())
        assert renewed["refresh_token"] != kept["refresh_token"]
        assert renewed["access_token"] not in (kept["access_token"], ended(kept["access_token"]))
        answer = call(server, renewed["access_token"])
        assert answer.status_code == 200, answer.text


def sign_in(tools: Tools, server: Server, folder: Path) -> None:
    """`uipath auth` to its end, with a person at the pages and this function in place of the script of its own page."""
    environment = tools.environment | {"UIPATH_URL": server.url, "BROWSER": "true", "PYTHONUNBUFFERED": "1"}
    command = [tools.program("uipath"), "auth", "--force", "--tenant", "default"]
    wait_for_a_port()
    program = Program(command, environment, folder, folder / "auth.log")
    try:
        address = until(lambda: shown(program), "uipath auth shows where to sign in", seconds=60, programs=[program])
        assert address.startswith(f"{server.url}/identity_/connect/authorize?"), address
        asked = dict(parse_qsl(urlsplit(address).query))
        with FormBrowser("admin", PASSWORD) as browser:
            back = browser.go(address, asked["redirect_uri"])
        tokens = redeem(server, asked, back)
        origin = asked["redirect_uri"].removesuffix("/oidc/login")
        headers = {"X-Auth-State": asked["state"]}
        given = httpx.post(f"{origin}/set_token", json=tokens, headers=headers, timeout=30, trust_env=False)
        assert given.status_code == 200
        until(lambda: "Authentication successful" in program.said, "uipath auth ends well", seconds=60)
    finally:
        program.end()


def wait_for_a_port() -> None:
    """Each run leaves its port to the system for a minute, and clients of other tests may have got the last one."""
    until(lambda: any(map(is_free, PORTS)), "a port for uipath auth is free", seconds=2 * TIME_WAIT_S)


def is_free(port: int) -> bool:
    """As the command itself looks: a port is taken while a closed connection of it is remembered."""
    with socket.socket() as listening:
        try:
            listening.bind(("localhost", port))
        except OSError:
            return False
        return True


def shown(program: Program) -> str:
    """The address that the command shows, which it may break into lines; blank before it does."""
    text = re.sub(r"\s*\n\s*", "", program.said)
    found = re.search(r"http://[^\s\x1b\\]+/connect/authorize\?[^\s\x1b\\]+code_challenge_method=S256", text)
    return found[0] if found else ""


def redeem(server: Server, asked: Mapping[str, str], back: str) -> dict[str, Any]:
    """What the script of the command's page gets for the code, called as a browser lets it call."""
    answer = dict(parse_qsl(urlsplit(back).query))
    assert answer["state"] == asked["state"]
    page = httpx.get(back, timeout=30, trust_env=False).text
    verifier = re.search(r'codeVerifier = "([^"]+)"', page)
    assert verifier is not None
    form = {
        "grant_type": "authorization_code",
        "code": answer["code"],
        "redirect_uri": asked["redirect_uri"],
        "client_id": asked["client_id"],
        "code_verifier": verifier[1],
    }
    origin = {"Origin": asked["redirect_uri"].removesuffix("/oidc/login")}
    got = httpx.post(f"{server.url}/identity_/connect/token", data=form, headers=origin, trust_env=False)
    assert got.status_code == 200, got.text
    assert got.headers["access-control-allow-origin"] == origin["Origin"]
    tokens: dict[str, Any] = got.json()
    return tokens


def variables(folder: Path) -> dict[str, str]:
    """What the command wrote into `.env`."""
    lines = (folder / ".env").read_text().splitlines()
    pairs = (line.split("=", 1) for line in lines if "=" in line)
    return {name: value.strip("'\"") for name, value in pairs}


def claims(token: str) -> dict[str, Any]:
    """The payload of a token, not verified."""
    payload = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return found


def ended(token: str) -> str:
    """The token as it looks after its hour; its signature does not fit any more."""
    head, _, signature = token.split(".")
    payload = base64.urlsafe_b64encode(json.dumps(claims(token) | {"exp": 1}).encode()).decode().rstrip("=")
    return f"{head}.{payload}.{signature}"


def call(server: Server, token: str) -> httpx.Response:
    """An answer of the orchestrator."""
    headers = {"Authorization": f"Bearer {token}"}
    return httpx.get(f"{server.tenant_url}/orchestrator_/odata/Folders", headers=headers, trust_env=False)

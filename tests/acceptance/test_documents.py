"""The documents: their commands work as they stand, their links lead somewhere, their settings are those of the code.

A block that begins with ```sh is run. `terminal=NAME` behind it means a terminal of its own, whose last command goes on
until it is ended; `norun` means that the block needs something that a test does not have.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import NamedTuple

import pytest

from podium.kernel import config
from podium.robot.__main__ import PREFIX, read_options
from tests.acceptance.form_browser import sign_in_for
from tests.acceptance.programs import Program, free_port, is_ready, open_folder, until
from tests.acceptance.tools import CHECKOUT, Tools, run

DOCS = CHECKOUT / "docs"
PAGES = sorted([*CHECKOUT.glob("*.md"), *DOCS.rglob("*.md")])
FENCE = re.compile(r"^```(\S*)[ \t]*(.*)\n((?:.*\n)*?)^```$", re.MULTILINE)
LINK = re.compile(r"\]\(([^)\s]+)\)")
FIRST_START_S = 600.0
# A block begins where the one before it ended: in its folder, with what it exported.
BLOCK = """set -e
. "$HOME/.exported"
cd "$(cat "$HOME/.folder")"
{commands}
export -p >"$HOME/.exported"
pwd >"$HOME/.folder"
"""


class Block(NamedTuple):
    """Commands of a page; `terminal` is empty for those that end by themselves."""

    terminal: str
    commands: str


def blocks(page: Path, port: int) -> Iterator[Block]:
    """The blocks to run, in their order, with another port."""
    text = page.read_text(encoding="utf-8")
    for language, words, commands in FENCE.findall(text):
        if language == "sh" and "norun" not in words.split():
            yield Block(words.removeprefix("terminal="), commands.replace("8000", str(port)))


def run_page(page: Path, tools: Tools) -> str:
    """What the page's commands printed, all of which must succeed; terminals are ended when the page is done."""
    port = free_port()
    said = []
    with open_folder("documents") as home, ExitStack() as stack:
        environment = tools.environment | {"HOME": str(home), "PIP_CACHE_DIR": str(tools.clients.parent / "pip")}
        (home / ".exported").touch()
        (home / ".folder").write_text(str(CHECKOUT), encoding="utf-8")
        for block in blocks(page, port):
            if not block.terminal:
                said.append(run(["sh", "-c", BLOCK.format(commands=block.commands)], environment))
                continue
            *earlier, last = block.commands.strip().split("\n")
            script = "\n".join(["set -e", *earlier, f"exec {last}"])  # the shell gives way, to be ended with it
            program = Program(["sh", "-c", script], environment, CHECKOUT, home / f"{block.terminal}.log")
            stack.callback(program.end)
            if block.terminal == "server":
                ready = partial(is_ready, f"http://127.0.0.1:{port}")
                until(ready, f"{page.name}: the server is ready", seconds=FIRST_START_S, programs=[program])
            if block.terminal.startswith("robot-"):
                until(partial(is_connected, program), "the robot is connected", seconds=60, programs=[program])
            if block.terminal == "login":
                sign_in_for(program, "admin", "a-password-for-admin")
                until(partial(is_kept, program), "the sign-in is kept", seconds=30)
    return "".join(said)


def is_connected(robot: Program) -> bool:
    """Whether `podium robot` takes jobs."""
    return "Connected to" in robot.said


def is_kept(login: Program) -> bool:
    """Whether `podium login` is done."""
    return "Kept in" in login.said


class TestCommands:
    """Pages that are meant to be followed to the letter."""

    def test_the_tutorial_ends_with_a_successful_job(self, tools: Tools) -> None:
        said = run_page(DOCS / "tutorial" / "first-job.md", tools)
        assert "Successful" in said, said
        assert "Hello, Podium! Hello, Podium!" in said

    def test_the_page_on_ci_starts_publishes_and_runs(self, tools: Tools) -> None:
        said = run_page(DOCS / "how-to" / "run-in-ci.md", tools)
        assert "Successful" in said, said
        assert '"access_token"' in said

    def test_the_page_on_users_by_script_leaves_its_trail(self, tools: Tools) -> None:
        said = run_page(DOCS / "how-to" / "manage-users-by-script.md", tools)
        assert '"succeeded":true' in said
        assert '"succeeded":false' not in said
        assert "People script changed the password of the user ada." in said, said

    def test_the_page_on_clients_signs_all_of_them_in(self, tools: Tools) -> None:
        said = run_page(DOCS / "how-to" / "sign-in-clients.md", tools)
        assert "Signed in by  podium login" in said, said
        assert "Shared has the key" in said
        assert "authorization_pending" in said

    def test_the_page_on_queues_books_each_invoice_once_by_several_robots(self, tools: Tools) -> None:
        said = run_page(DOCS / "how-to" / "process-a-queue.md", tools)
        assert "30 items added to Invoices\n0 items added to Invoices\n30 were there" in said
        booked = re.findall(r"(INV-\d+) \(attempt (\d)\): booked", said)
        assert len(booked) == len({reference for reference, _ in booked}) == 26, said
        assert {reference for reference, attempt in booked if attempt == "2"} == {"INV-2605", "INV-2614", "INV-2622"}
        rejected = re.findall(r"(INV-\d+) \(attempt 1\): rejected", said)
        assert sorted(rejected) == sorted(["INV-2607", "INV-2611", "INV-2618", "INV-2625"] * 2)
        assert len(re.findall(r"\(attempt 3\): failed", said)) == 2
        hosts = set(re.findall(r"Job \d Running on (robot-\d)", said))
        workers = [count for count in re.findall(r"^  successful: (\d+)$", said, re.MULTILINE)[:3] if count != "0"]
        assert len(hosts) > 1, said
        assert len(workers) > 1, said
        states = re.findall(r"^(New|InProgress|Failed|Successful|Retried) +(\d+)$", said, re.MULTILINE)
        assert [count for _, count in states] == ["0", "0", "6", "24", "7", "0", "0", "4", "26", "13"]
        attempts = said.partition("Exception  ApplicationException: the accounting system does not answer")[2]
        assert re.findall(r"^\d+ +(\d) +(\w+) ", attempts, re.MULTILINE)[:3] == [
            ("1", "Retried"),
            ("2", "Retried"),
            ("3", "Failed"),
        ]


class TestLinks:
    """What a page points to."""

    @pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(CHECKOUT)))
    def test_relative_links_lead_to_a_file(self, page: Path) -> None:
        links = LINK.findall(FENCE.sub("", page.read_text(encoding="utf-8")))
        paths = [link.partition("#")[0] for link in links if not link.startswith(("https://", "http://", "mailto:"))]
        assert [path for path in paths if path and not (page.parent / path).exists()] == []

    def test_every_page_of_the_documents_is_reached_from_their_first(self) -> None:
        texts = {page.resolve(): page.read_text(encoding="utf-8") for page in PAGES}
        seen: set[Path] = set()
        due = [(DOCS / "README.md").resolve()]
        while due:
            page = due.pop()
            if page in seen or page not in texts:
                continue
            seen.add(page)
            due += [(page.parent / link.partition("#")[0]).resolve() for link in LINK.findall(texts[page])]
        assert {page for page in texts if page.is_relative_to(DOCS)} <= seen


class TestSettings:
    """The tables of docs/how-to/operate.md."""

    def test_they_list_what_the_server_reads(self) -> None:
        assert config.__file__ is not None
        source = Path(config.__file__).read_text(encoding="utf-8")
        read = {f"PODIUM_{name}" for name in re.findall(r'(?:text|number)\("([A-Z_]+)"', source)}
        command_line = {"PODIUM_HOST", "PODIUM_PORT"}
        assert {name for name in documented() if not name.startswith(PREFIX)} == read | command_line

    def test_they_list_what_the_robot_reads(self) -> None:
        names = [name for name in documented() if name.startswith(PREFIX)]
        assert len(read_options([], dict.fromkeys(names, "1"))) == len(names)
        assert read_options(["--url", "x"], {}).keys() == {"url"}
        help_text = run([sys.executable, "-m", "podium.robot", "--help"], os.environ)
        options = set(re.findall(r"--([a-z][a-z-]+)", help_text)) - {"help"}
        assert {PREFIX + option.upper().replace("-", "_") for option in options} == set(names)


def documented() -> set[str]:
    """The variables in the first column of the tables."""
    text = (DOCS / "how-to" / "operate.md").read_text(encoding="utf-8")
    return set(re.findall(r"^\| `(PODIUM_[A-Z_]+)` \|", text, re.MULTILINE))

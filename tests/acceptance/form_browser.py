"""A browser without scripts: it keeps cookies, follows redirects, and sends the forms that it is told to fill in."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import urljoin

import httpx

from tests.acceptance.programs import Program, until

MAX_STEPS = 20


@dataclass
class Form:
    """A form as the page has it: where it goes, its fields with their values, its buttons."""

    action: str
    method: str
    values: dict[str, str] = field(default_factory=dict)
    buttons: list[tuple[str, str]] = field(default_factory=list)


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Form] = []
        self._is_inside = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._is_inside = "hidden" not in said
            if self._is_inside:
                self.found.append(Form(said.get("action", ""), said.get("method", "get").lower()))
        elif self._is_inside and tag == "button":
            self.found[-1].buttons.append((said.get("name", ""), said.get("value", "")))
        elif self._is_inside and tag == "input" and said.get("type") != "checkbox":
            self.found[-1].values[said["name"]] = said.get("value", "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._is_inside = False


class FormBrowser:
    """One person's browser."""

    def __init__(self, user: str, password: str) -> None:
        self._filled = {"username": user, "password": password}
        self._http = httpx.Client(timeout=30, trust_env=False, headers={"Accept": "text/html"})

    def __enter__(self) -> FormBrowser:
        return self

    def __exit__(self, *_: object) -> None:
        self._http.close()

    def go(self, url: str, until: str) -> str:
        """The address that begins with `until`, which is not opened: signs in and agrees on the way to it."""
        answer = self._http.get(url)
        for _ in range(MAX_STEPS):
            if answer.is_redirect:
                address = urljoin(str(answer.url), answer.headers["location"])
                if address.startswith(until):
                    return address
                answer = self._http.get(address)
            else:
                answer = self.send(answer)
        raise AssertionError(f"{url} does not lead to {until}; it ends at {answer.url}")

    def look(self, url: str) -> httpx.Response:
        """The page behind an address and its redirects, signed in where it asks for it."""
        answer = self._http.get(url)
        for _ in range(MAX_STEPS):
            if answer.is_redirect:
                answer = self._http.get(urljoin(str(answer.url), answer.headers["location"]))
            elif "password" in form_of(answer).values:
                answer = self.send(answer)
            else:
                return answer
        raise AssertionError(f"{url} leads nowhere; it ends at {answer.url}")

    def send(self, page: httpx.Response) -> httpx.Response:
        """What the page's first form is answered with: fields filled in by their names, sent by the first button."""
        form = form_of(page)
        values = form.values | {name: value for name, value in self._filled.items() if name in form.values}
        values |= dict(button for button in form.buttons[:1] if button[0])
        assert form.method == "post", page.text
        return self._http.post(urljoin(str(page.url), form.action), data=values)


def form_of(page: httpx.Response) -> Form:
    """The first form of a page that people see; fails with the page when there is none."""
    forms = _Forms()
    forms.feed(page.text)
    assert page.is_success, f"{page.url} answered {page.status_code}:\n{page.text}"
    assert forms.found, f"{page.url} has no form:\n{page.text}"
    return forms.found[0]


def sign_in_for(program: Program, user: str, password: str) -> str:
    """The address that a command's `--no-browser` came back to, after the pages that it had shown the way to."""
    address = until(lambda: shown(program), "the command shows where to sign in", seconds=60, programs=[program])
    with FormBrowser(user, password) as browser:
        back = browser.go(address, "http://localhost:")
    assert httpx.get(back, timeout=30, trust_env=False).status_code == 200
    return back


def shown(program: Program) -> str:
    """The address of the authorization endpoint that a command shows; blank before it does."""
    found = re.search(r"http\S+/connect/authorize\?\S+", program.said)
    return found[0] if found else ""

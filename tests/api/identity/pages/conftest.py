"""A browser without a network: it keeps cookies, reads forms and does not follow redirects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from html.parser import HTMLParser
from typing import Any

import httpx
import pytest

from tests.conftest import ADMIN_PASSWORD, PUBLIC_URL, Node


class Forms(HTMLParser):
    """The forms of a page: address, and what their fields hold."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.found.append((given["action"], {}))
        elif tag in ("input", "button") and self.found and "name" in given and given.get("type") != "checkbox":
            self.found[-1][1].setdefault(given["name"], given.get("value", ""))


class Visitor:
    """Somebody with a browser."""

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.http = http
        self.answer: httpx.Response

    @property
    def text(self) -> str:
        return self.answer.text

    @property
    def location(self) -> str:
        """Where the answer leads; it must lead somewhere."""
        assert self.answer.status_code in (302, 303), self.answer.text
        return self.answer.headers["location"]

    def cookie(self, name: str) -> str | None:
        """What the browser holds under that name."""
        return self.http.cookies.get(name)

    async def open(self, path: str, expect: int = 200, **headers: str) -> str:
        """Go to an address; the page's text."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answer = await self.http.get(path, headers=sent)
        assert self.answer.status_code == expect, self.answer.text
        return self.answer.text

    async def send(
        self, expect: int | None = None, headers: Mapping[str, str] | None = None, **fields: str | None
    ) -> httpx.Response:
        """Send the page's first form with these fields instead of its own; None leaves one out."""
        action, held = Forms(self.answer.text).found[0]
        filled = {name: value for name, value in (held | fields).items() if value is not None}
        self.answer = await self.http.post(action, data=filled, headers=headers)
        if expect is not None:
            assert self.answer.status_code == expect, self.answer.text
        return self.answer

    async def sign_in(self, user: str = "admin", password: str = ADMIN_PASSWORD, **query: str) -> str:
        """Through the form; where it leads."""
        await self.open(f"/identity_/web/login?{httpx.QueryParams(query)}")
        await self.send(303, username=user, password=password)
        return self.location


@pytest.fixture
async def visitor(node: Node) -> AsyncIterator[Visitor]:
    """A browser that has not been here before."""
    async with new_http(node) as http:
        yield Visitor(http)


@pytest.fixture
async def other_visitor(node: Node) -> AsyncIterator[Visitor]:
    """Another person's browser."""
    async with new_http(node) as http:
        yield Visitor(http)


def new_http(node: Node, **options: Any) -> httpx.AsyncClient:
    """A client of the node with an empty jar of cookies."""
    return httpx.AsyncClient(transport=node.http._transport, base_url=PUBLIC_URL, timeout=60, **options)

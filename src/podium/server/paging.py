"""The link to the next page of a list: the request's own address, going on where this page ends."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from urllib.parse import parse_qsl, quote, urlencode

from podium.kernel.call import Call, Page
from podium.kernel.odata import PAGE_SIZE, PageText

OF_THIS_PAGE = frozenset({"$skip", "$skiptoken", PAGE_SIZE})
NAMES = frozenset({PAGE_SIZE, "maxpagesize"})
PATH = "/()=',:;@!$*&+~.-_"  # what stands in a path as it is


def query_of(method: str, query: dict[str, str], headers: Mapping[str, str]) -> dict[str, str]:
    """The parameters of a request; to those of a GET the page size of its `Prefer` header is added."""
    prefer = headers.get("prefer")
    if method != "GET" or prefer is None:
        return query
    for part in prefer.replace(";", ",").split(","):
        name, _, value = part.partition("=")
        if name.strip().lower() in NAMES:
            return query | {PAGE_SIZE: value.strip().strip('"')}
    return query


def linked(value: object, call: Call, base_url: str) -> object:
    """A page with the address of the next one; everything else as it is."""
    if not isinstance(value, Page) or call.row.method != "GET":
        return value
    if not isinstance(value.json, PageText) or value.json.following is None:
        return value
    kept = [
        (name, text)
        for name, text in parse_qsl(call.query_string, keep_blank_values=True)
        if name.strip().lower() not in OF_THIS_PAGE
    ]
    query = urlencode([*kept, ("$skiptoken", value.json.following)], quote_via=quote, safe="$(),:/'*")
    path = quote(base_url.removeprefix(call.public_url) + call.path, safe=PATH)
    return replace(value, next_link=f"{call.public_url}{path}?{query}")

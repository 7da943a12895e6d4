"""What every operation of the management API reads in the same way: ids, the partition, pages."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import msgspec
from msgspec import UnsetType

from podium.kernel.call import Call, Reply
from podium.kernel.errors import Forbidden, ValidationProblem
from podium.kernel.odata.fetch import PageResult
from podium.kernel.odata.tree import Options, OrderTerm, Path

DEFAULT_TOP = 10
MAX_TOP = 1000
GUID = re.compile(r"[{(]?[0-9a-fA-F]{8}-?(?:[0-9a-fA-F]{4}-?){3}[0-9a-fA-F]{12}[)}]?")
NOT_YOURS = "You are not authorized!"


def guid(name: str, text: str) -> UUID:
    """The id of a path or query parameter. Raises ValidationProblem for text that is none (decision 9)."""
    if not GUID.fullmatch(text):
        raise not_valid(name, text)
    return UUID(text.strip("{}()"))


def not_valid(name: str, text: str) -> ValidationProblem:
    """The published words for a parameter that cannot be converted."""
    return ValidationProblem({name: [f"The value '{text}' is not valid."]})


def partition(call: Call, named: str | UUID | UnsetType | None) -> UUID:
    """The organization to work in: the caller's, which must be the one that the request names, where it names one.

    Text of the path is checked for being a GUID. Raises Forbidden for another organization, known or not (decision 46).
    """
    assert call.actor.organization_id is not None
    if isinstance(named, str):
        named = guid("partitionGlobalId", named)
    if named in (None, msgspec.UNSET) or named == UUID(int=0):
        return call.actor.organization_id
    if named != call.actor.organization_id:
        raise Forbidden(NOT_YOURS)
    return call.actor.organization_id


class Paging(NamedTuple):
    """Which part of a list is asked for. `sort_by` is one of the allowed names as they are spelled, "" for the default."""

    top: int
    skip: int
    sort_by: str
    is_descending: bool
    search: str

    @property
    def options(self) -> Options:
        """The same as options for `fetch_page`; without a wanted order that of the entity's key."""
        order = (OrderTerm(Path((self.sort_by,)), self.is_descending),) if self.sort_by else ()
        return Options(orderby=order, top=self.top, skip=self.skip, count=True)


def paging(call: Call, sortable: Collection[str]) -> Paging:
    """The page that the query asks for. Raises ValidationProblem for a number out of range or an unknown name."""
    query = {name.lower(): text for name, text in call.query.items()}
    top = _number(query, "top", DEFAULT_TOP, MAX_TOP)
    skip = _number(query, "skip", 0, 2**31 - 1)
    wanted = query.get("sortby", "").strip()
    by_key = {name.lower(): name for name in sortable}
    if wanted and wanted.lower() not in by_key:
        raise not_valid("sortBy", wanted)
    order = query.get("sortorder", "").strip().lower()
    if order not in ("", "asc", "desc", "0", "1"):
        raise not_valid("sortOrder", query["sortorder"])
    search = query.get("searchterm", "")
    if "\0" in search or len(search) > 256:
        raise not_valid("searchTerm", search[:256])
    return Paging(top, skip, by_key.get(wanted.lower(), ""), order in ("desc", "1"), search.strip())


def _number(query: dict[str, str], name: str, default: int, most: int) -> int:
    text = query.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch(r"[+-]?[0-9]{1,10}", text):
        raise not_valid(name, text)
    number = int(text)
    if not 0 <= number <= most:
        raise ValidationProblem({name: [f"The field {name} must be between 0 and {most}."]})
    return number


def paged(page: PageResult) -> Reply:
    """`{"totalCount": .., "results": [..]}` of rows that PostgreSQL wrote as JSON."""
    return Reply(200, f'{{"totalCount":{page.total or 0},"results":{page.json}}}'.encode())


def json_reply(text: str, status: int = 200) -> Reply:
    """JSON that PostgreSQL wrote."""
    return Reply(status, text.encode())

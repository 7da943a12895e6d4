"""Answers and refusals in SCIM's shapes."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Concatenate, ParamSpec

import asyncpg
import msgspec

from podium.identity.results import Refused
from podium.identity.scim.rules import ERROR_SCHEMA, LIST_SCHEMA, ScimFault
from podium.kernel import audit
from podium.kernel.call import Call, Reply
from podium.kernel.errors import ApiError, Conflict

MEDIA_TYPE = "application/scim+json; charset=utf-8"

UNIQUENESS = frozenset(("DuplicateUserName", "DuplicateEmail"))
UNCHANGEABLE = frozenset(("BuiltInGroup", "EveryoneIsImplicit", "LastAdministrator", "CannotDeleteCurrentUser"))

P = ParamSpec("P")


def answer(resource: object, status: int = 200) -> Reply:
    """A resource, or a list of them."""
    return Reply(status, msgspec.json.encode(resource), MEDIA_TYPE)


def listed(resources: list[dict[str, object]], total: int, start: int) -> Reply:
    """A page; `start` counts from 1."""
    page = {
        "schemas": [LIST_SCHEMA],
        "totalResults": total,
        "startIndex": start,
        "itemsPerPage": len(resources),
        "Resources": resources,
    }
    return answer(page)


def scim(handler: Callable[Concatenate[Call, P], Awaitable[Reply]]) -> Callable[Concatenate[Call, P], Awaitable[Reply]]:
    """Runs a handler in a transaction of its own, with the audit row of a write; refusals leave in SCIM's shape.

    The edge would give them the shape of the management API, so it must not see them. For `connected=False`.
    """

    @wraps(handler)
    async def run(call: Call, /, *args: P.args, **kwargs: P.kwargs) -> Reply:
        try:
            async with call.services.db.transaction() as call.db:
                reply = await handler(call, *args, **kwargs)
                if call.row.method != "GET":
                    await audit.add(call)
                return reply
        except (ScimFault, Refused, ApiError, asyncpg.UniqueViolationError) as error:
            if isinstance(error, ApiError) and error.status >= 500:
                raise
            call.after_commit.clear()
            return _refusal(_in_words_of_scim(error))

    return run


def _in_words_of_scim(error: Exception) -> ScimFault:
    if isinstance(error, ScimFault):
        return error
    if isinstance(error, Refused):
        codes = {fault.code for fault in error.faults}
        detail = " ".join(fault.description for fault in error.faults)
        if codes & UNIQUENESS:
            return ScimFault(409, detail, "uniqueness")
        return ScimFault(400, detail, "mutability" if codes & UNCHANGEABLE else "invalidValue")
    if isinstance(error, ApiError) and not isinstance(error, Conflict):
        return ScimFault(error.status, error.message, "invalidValue" if error.status == 400 else "")
    detail = error.message if isinstance(error, Conflict) else "The name was taken at this very moment."
    return ScimFault(409, detail, "uniqueness")


def _refusal(fault: ScimFault) -> Reply:
    body = {"schemas": [ERROR_SCHEMA], "status": str(fault.status), "detail": fault.detail}
    if fault.scim_type:
        body["scimType"] = fault.scim_type
    return Reply(fault.status, msgspec.json.encode(body), MEDIA_TYPE)

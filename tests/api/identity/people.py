"""What the tests of users share: a user by the API, a sign-in, a setting for a while, the audit trail."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any
from uuid import UUID, uuid4

from tests.conftest import Caller, Node, Response

USER = "/identity_/api/User"
PASSWORD = "harmless teapot 41"
NOBODY = "00000000-0000-4000-8000-00000000dead"
OK = {"succeeded": True, "errors": []}

_NUMBERS = count(1)


def new_name() -> str:
    return f"mora.{next(_NUMBERS)}"


async def make(pm: Caller, **facts: Any) -> UUID:
    """The id of a new user; `facts` are members of CreateUserCommand."""
    id_ = uuid4()
    body = {"id": str(id_), "userName": new_name(), **facts}
    assert await pm.post(USER, body) == OK
    return id_


async def read(pm: Caller, id_: UUID) -> Any:
    return await pm.get(f"{USER}/{id_}")


async def sign_in(node: Node, name: str, password: str) -> Response:
    body = {"tenancyName": "default", "usernameOrEmailAddress": name, "password": password}
    answer = await node.http.post("/api/Account/Authenticate", json=body)
    return Response(answer.status_code, answer.headers, answer.content)


def codes(answer: Any) -> list[str]:
    """The codes of an IdentityResult that refuses."""
    assert answer["succeeded"] is False
    return [error["code"] for error in answer["errors"]]


async def trail(node: Node, operation: str) -> list[Any]:
    """The audit rows of an operation, the last first."""
    return await node.rows(
        "SELECT component, action, entity_id, entity_name, client_id, detail, organization_id FROM kernel.audit"
        " WHERE operation = $1 ORDER BY id DESC",
        operation,
    )


@asynccontextmanager
async def setting(node: Node, key: str, value: str) -> AsyncIterator[None]:
    """A setting of the organization while the context lasts."""
    await node.rows(
        "INSERT INTO identity.settings (organization_id, key, key_key, value, updated_at)"
        " VALUES ($1, $2, lower($2), $3, $4)",
        node.organization_id,
        key,
        value,
        node.clock(),
    )
    yield
    await node.rows("DELETE FROM identity.settings WHERE key_key = lower($1)", key)

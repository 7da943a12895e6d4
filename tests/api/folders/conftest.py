"""A tree to work in, and callers with the rights of one role."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

Json = dict[str, Any]


@pytest.fixture
def folder(api: Any) -> Callable[..., Awaitable[Json]]:
    """Makes folders by name, below a parent or at the top, and gives each as the wire shows it."""

    async def make(name: str, parent: Json | None = None, **members: object) -> Json:
        body = {"DisplayName": name, **members} | ({"ParentId": parent["Id"]} if parent else {})
        made: Json = await api.post("/odata/Folders", body, expect=201)
        return made

    return make


@pytest.fixture
def caller(api: Any) -> Callable[..., Awaitable[Any]]:
    """A new user with these roles, tenant-wide or in a folder, as a caller; `user_id` is its id in the tenant."""

    async def make(*roles: str, folder: int | None = None) -> Any:
        return await api.as_role(*roles, folder=folder)

    return make


@pytest.fixture
def role(api: Any) -> Callable[[str], Awaitable[int]]:
    """Id of a role that somebody of the tenant holds in a folder or tenant-wide."""

    async def find(name: str) -> int:
        found = await api.get(
            "/odata/Folders/UiPath.Server.Configuration.OData.GetAllRolesForUser(username='admin',skip=0,take=100)"
        )
        held = [*found["TenantRoles"], *(each for item in found["PageItems"] for each in item["Roles"])]
        return int(next(each["Id"] for each in held if each["Name"] == name))

    return find

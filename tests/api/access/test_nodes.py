"""A change of access holds at once on every node: what another one remembers is forgotten when it is told."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from podium.identity.directory import InProcessDirectory
from podium.orchestrator.access.resolver import AccessResolver
from podium.orchestrator.signals import Signals
from podium.server.notify import Notifier
from tests.builders import ODATA

TENANT_ROLE = "SELECT id FROM orchestrator.roles WHERE tenant_id = $1 AND name = $2"


class OtherNode:
    """What a second node remembers, and how often it was told to forget."""

    def __init__(self, node: Any) -> None:
        self.access = AccessResolver(node.db, InProcessDirectory(node.db), node.clock)
        self.told = asyncio.Event()
        self.notifier = Notifier(node.db, Signals(), self._forget)

    def _forget(self, _tenant_id: int | None) -> None:
        self.access.forget()
        self.told.set()

    async def after(self, change: Awaitable[Any]) -> None:
        """Make a change on the first node and wait until this one has heard of it."""
        self.told.clear()
        await change
        await asyncio.wait_for(self.told.wait(), 10)


@pytest.fixture
async def other(api: Any) -> AsyncIterator[OtherNode]:
    await api
    made = OtherNode(api.node)
    task = asyncio.create_task(made.notifier.run())
    await asyncio.wait_for(made.told.wait(), 10)  # it listens
    yield made
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


Change = Callable[[Any, Any, Any], Awaitable[Any]]


async def _roles(api: Any, user: Any, _folder: Any) -> Any:
    role = (await api.node.rows(TENANT_ROLE, api.tenant_id, "Tenant Administrator"))[0]["id"]
    return await api.post(f"/odata/Users({user.user_id})/{ODATA}.AssignRoles", {"roleIds": [role]})


async def _member(api: Any, user: Any, folder: Any) -> Any:
    body = {"organizationUnitId": folder["Id"], "toggle": True}
    return await api.post(f"/odata/Users({user.user_id})/{ODATA}.ToggleOrganizationUnit", body)


async def _inactive(api: Any, user: Any, _folder: Any) -> Any:
    return await api.post(f"/odata/Users({user.user_id})/{ODATA}.SetActive", {"active": False})


async def _deleted(api: Any, user: Any, _folder: Any) -> Any:
    return await api.delete(f"/odata/Users({user.user_id})")


async def _role(api: Any, _user: Any, _folder: Any) -> Any:
    role = (await api.node.rows(TENANT_ROLE, api.tenant_id, "Allow to be Automation User"))[0]["id"]
    return await api.put(f"/odata/Roles({role})", {"Permissions": [{"Name": "Users.View", "IsGranted": True}]})


@pytest.mark.parametrize("change", [_roles, _member, _inactive, _deleted, _role])
async def test_another_node_sees_the_change(api: Any, given: Any, other: OtherNode, change: Change) -> None:
    folder = await given.folder("Finance")
    user = await api.as_role("Allow to be Automation User")
    before = await other.access.reach(api.tenant_id, user.user_id)
    await other.after(change(api, user, folder))
    assert await other.access.reach(api.tenant_id, user.user_id) != before


async def test_what_was_read_before_a_change_is_not_kept_after_it(api: Any) -> None:
    user = await api.as_role("Tenant Administrator")

    class Slow(InProcessDirectory):
        """Answers when it is let to."""

        def __init__(self, db: Any) -> None:
            super().__init__(db)
            self.asked, self.go = asyncio.Event(), asyncio.Event()

        async def groups_of(self, principal: Any) -> list[Any]:
            self.asked.set()
            await self.go.wait()
            return await super().groups_of(principal)

    slow = Slow(api.node.db)
    resolver = AccessResolver(api.node.db, slow, api.node.clock)
    reading = asyncio.create_task(resolver.reach(api.tenant_id, user.user_id))
    await slow.asked.wait()
    resolver.forget()
    slow.go.set()
    first = await reading
    again = await resolver.reach(api.tenant_id, user.user_id)
    assert again == first
    assert again is not first


async def test_tenants_that_were_read_before_a_change_are_not_kept_after_it(api: Any) -> None:
    resolver = AccessResolver(api.node.db, InProcessDirectory(api.node.db), api.node.clock)
    reading = asyncio.create_task(resolver.tenants())
    await asyncio.sleep(0)  # it has asked the database, whose answer cannot be there yet
    resolver.forget()
    first = await reading
    again = await resolver.tenants()
    assert again == first
    assert again is not first
    assert await resolver.tenants() is again


async def test_a_node_that_could_not_listen_for_a_while_forgets_everything(api: Any, other: OtherNode) -> None:
    known = await other.access.tenants()
    other.told.clear()
    (ended,) = await api.node.rows(  # its own connection, which is the youngest
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND query LIKE 'LISTEN%' AND pid <> pg_backend_pid() ORDER BY backend_start DESC LIMIT 1"
    )
    assert ended[0]
    await asyncio.wait_for(other.told.wait(), 10)
    assert await other.access.tenants() is not known

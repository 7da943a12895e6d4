"""GET /api/User/{userId}/loginAttempts, and how long tries are kept."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.identity.people import NOBODY, PASSWORD, USER, make, new_name, setting, sign_in
from tests.conftest import Caller, Node

MEMBERS = [
    "id",
    "partitionName",
    "userId",
    "userNameOrEmailAddress",
    "clientIpAddress",
    "clientName",
    "browserInfo",
    "result",
    "creationTime",
    "partitionGlobalId",
]


async def attempts(caller: Caller, id_: Any, **params: Any) -> Any:
    return await caller.get(f"{USER}/{id_}/loginAttempts", params=params)


class TestLoginAttempts:
    async def test_200_the_newest_first_with_the_published_results(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        await sign_in(node, name, "wrong")
        node.clock.forward(seconds=1)
        await sign_in(node, name.upper(), PASSWORD)
        await pm.put(f"{USER}/{id_}", {"isActive": False})
        await sign_in(node, name, PASSWORD)
        page = await attempts(pm, id_)
        assert list(page) == ["totalCount", "results"]
        assert [one["result"] for one in page["results"]] == [2, 0, 1]
        assert page["totalCount"] == 3
        success = page["results"][1]
        assert list(success) == MEMBERS
        assert success["userNameOrEmailAddress"] == name.upper()
        assert (success["clientIpAddress"], success["clientName"]) == ("127.0.0.1", "Classic")
        assert success["browserInfo"].startswith("python-httpx")
        assert (success["userId"], success["partitionGlobalId"]) == (str(id_), str(node.organization_id))
        assert success["partitionName"] == "default"

    async def test_200_locked_out_and_changes_of_passwords(self, pm: Caller, node: Node) -> None:
        id_ = await make(pm, password=PASSWORD)
        async with setting(node, "Auth.UserLockOut.MaxFailedAccessAttemptsBeforeLockout", "1"):
            for _ in range(2):
                body = {"oldPassword": "wrong", "newPassword": "x"}
                await pm.post(f"{USER}/{id_}/changepassword", body, expect=400)
        page = await attempts(pm, id_)
        assert [(one["result"], one["clientName"]) for one in page["results"]] == [
            (7, "ChangePassword"),
            (1, "ChangePassword"),
        ]

    async def test_200_pages_since_and_order(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        times = []
        for _ in range(3):
            times.append(node.clock.forward(seconds=10).isoformat())
            await sign_in(node, name, "wrong")
        since = await attempts(pm, id_, since=times[1], userSID="")
        assert (since["totalCount"], len(since["results"])) == (2, 2)
        page = await attempts(pm, id_, top=1, skip=1, sortBy="creationTime", sortOrder="asc")
        assert page["totalCount"] == 3
        assert page["results"][0]["creationTime"][:19] == times[1][:19]

    async def test_200_one_s_own_and_403_another_s(self, api: Caller, node: Node) -> None:
        user = await api.as_role()
        assert user._user is not None
        own = user.with_scopes("PM.UserLoginAttempt.Read")
        assert (await attempts(own, user._user.id))["totalCount"] == 0
        await own.get(f"{USER}/{node.admin}/loginAttempts", expect=403)
        await user.with_scopes("PM.User").get(f"{USER}/{user._user.id}/loginAttempts", expect=403)

    @pytest.mark.parametrize(
        ("params", "key"), [({"since": "yesterday"}, "since"), ({"top": "x"}, "top"), ({"sortBy": "userId"}, "sortBy")]
    )
    async def test_400_names_the_parameter(self, pm: Caller, node: Node, params: dict[str, str], key: str) -> None:
        answer = await pm.get(f"{USER}/{node.admin}/loginAttempts", params=params, expect=400)
        assert list(answer["errors"]) == [key]

    async def test_400_for_text_that_is_no_guid_and_404_for_nobody(self, pm: Caller, node: Node) -> None:
        _, _, stranger = await node.make_organization("elsewhere")
        answer = await pm.get(f"{USER}/33-ab/loginAttempts", expect=400)
        assert answer["errors"] == {"userId": ["The value '33-ab' is not valid."]}
        for id_ in (NOBODY, stranger.id):
            await pm.get(f"{USER}/{id_}/loginAttempts", expect=404)


class TestRetention:
    async def test_nothing_is_forgotten_until_a_period_is_set(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name)
        await sign_in(node, name, "wrong")
        node.clock.forward(days=3)
        await sign_in(node, name, "wrong")
        await node.run_loop("users.forget_attempts")
        assert (await attempts(pm, id_))["totalCount"] == 2
        async with setting(node, "Auth.SignIn.AttemptRetentionDays", "two"):
            assert await node.run_loop("users.forget_attempts") == 0
        async with setting(node, "Auth.SignIn.AttemptRetentionDays", "2"):
            assert await node.run_loop("users.forget_attempts") >= 1
        assert (await attempts(pm, id_))["totalCount"] == 1

    async def test_addresses_are_forgotten_when_their_time_is_over(self, pm: Caller, node: Node) -> None:
        name = new_name()
        id_ = await make(pm, userName=name, password=PASSWORD)
        await sign_in(node, name, PASSWORD)
        await sign_in(node, name, "wrong")
        node.clock.forward(minutes=9)
        await node.run_loop("users.forget_addresses")
        assert len(await node.rows("SELECT FROM identity.address_budgets")) == 1
        node.clock.forward(minutes=1)
        await node.run_loop("users.forget_addresses")
        assert await node.rows("SELECT FROM identity.address_budgets") == []
        known = "SELECT FROM identity.known_addresses WHERE user_id = $1"
        assert len(await node.rows(known, id_)) == 1
        node.clock.forward(days=30)
        await node.run_loop("users.forget_addresses")
        assert await node.rows(known, id_) == []

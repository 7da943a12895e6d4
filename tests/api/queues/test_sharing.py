"""Queues in several folders. The rules that all shared things have are in tests/api/assets/test_sharing.py."""

from __future__ import annotations

from typing import Any

import pytest

ODATA = "UiPath.Server.Configuration.OData"
QUEUES = "/odata/QueueDefinitions"
SHARE = f"{QUEUES}/{ODATA}.ShareToFolders"


def sharing(queue: Any, add: Any = (), remove: Any = ()) -> dict[str, Any]:
    return {
        "QueueIds": [queue["Id"]],
        "ToAddFolderIds": [folder["Id"] for folder in add],
        "ToRemoveFolderIds": [folder["Id"] for folder in remove],
    }


async def places(api: Any, queue: Any) -> list[str]:
    found = await api.get(f"{QUEUES}/{ODATA}.GetFoldersForQueue(id={queue['Id']})")
    return [folder["FullyQualifiedName"] for folder in found["AccessibleFolders"]]


@pytest.fixture
async def home(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def other(given: Any) -> Any:
    return await given.folder("Other")


@pytest.fixture
async def queue(given: Any, home: Any) -> Any:
    return await given.queue("Shown", folder=home)


class TestShareToFolders:
    async def test_204_moves_and_keeps_the_id(self, api: Any, home: Any, other: Any, queue: Any) -> None:
        await api.post(SHARE, sharing(queue, add=[other]), expect=204)
        assert await places(api, queue) == ["Home", "Other"]
        await api.post(SHARE, sharing(queue, add=[other], remove=[home]), expect=204)
        assert await places(api, queue) == ["Other"]
        assert (await api.get(f"{QUEUES}({queue['Id']})", folder=other))["Name"] == "Shown"
        await api.get(f"{QUEUES}({queue['Id']})", folder=home, expect=404)

    async def test_refusals_name_queues(self, api: Any, given: Any, home: Any, other: Any, queue: Any) -> None:
        answer = await api.request("POST", SHARE, sharing(queue, remove=[home]))
        assert (answer.status, answer.json["errorCode"]) == (409, 1852)
        await given.queue("SHOWN", folder=other)
        answer = await api.request("POST", SHARE, sharing(queue, add=[other]))
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)
        answer = await api.request("POST", SHARE, {"ToAddFolderIds": [other["Id"]]})
        assert (answer.status, "QueueIds" in answer.json["message"]) == (400, True)
        answer = await api.tenant("other").request("POST", SHARE, sharing(queue))
        assert (answer.status, answer.json["message"]) == (404, "QueueDefinition does not exist.")
        assert await places(api, queue) == ["Home"]

    async def test_403_needs_the_right_to_create_there(self, api: Any, home: Any, other: Any, queue: Any) -> None:
        user = await api.as_role("Folder Administrator", folder=home)
        member = {"UserIds": [user.user_id], "RolesPerFolder": [{"FolderId": other["Id"], "RoleIds": []}]}
        await api.post(f"/odata/Folders/{ODATA}.AssignUsers", {"assignments": member})
        answer = await user.request("POST", SHARE, sharing(queue, add=[other]))
        assert (answer.status, answer.json["errorCode"]) == (403, 1017)
        assert await places(api, queue) == ["Home"]


class TestFoldersForQueue:
    async def test_200_counts_the_hidden_ones(self, api: Any, home: Any, other: Any, queue: Any) -> None:
        await api.post(SHARE, sharing(queue, add=[other]))
        user = api.as_role("Automation User", folder=home)
        found = await user.get(f"{QUEUES}/{ODATA}.GetFoldersForQueue(id={queue['Id']})")
        assert [folder["DisplayName"] for folder in found["AccessibleFolders"]] == ["Home"]
        assert found["TotalFoldersCount"] == 2
        await api.as_role(folder=home).get(f"{QUEUES}/{ODATA}.GetFoldersForQueue(id={queue['Id']})", expect=404)

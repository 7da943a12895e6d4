"""`@odata.nextLink`: when a list carries it, what it keeps of the request, and who follows it."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from tests.builders import Given
from tests.conftest import PUBLIC_URL, Caller

MACHINES = "/odata/Machines"


def preferring(rows: int) -> dict[str, str]:
    return {"Prefer": f'return=minimal, odata.maxpagesize="{rows}"'}


async def all_names(api: Caller, first: dict[str, Any]) -> list[str]:
    """The names of every page, by the links alone."""
    names = [row["Name"] for row in first["value"]]
    page = first
    while link := page.get("@odata.nextLink"):
        assert link.startswith(PUBLIC_URL)
        page = await api.get(link.removeprefix(PUBLIC_URL))
        names += [row["Name"] for row in page["value"]]
    return names


@pytest.fixture
async def machines(given: Given) -> list[str]:
    names = [f"M{number}" for number in range(7)]
    for name in names:
        await given.machine(name)
    return names


class TestNextLink:
    async def test_following_it_gives_every_row(self, api: Caller, machines: list[str]) -> None:
        query = "?$filter=startswith(Name,'M') and Name ne 'M%26'&$orderby=Name desc&$select=Name,Id&$count=true"
        first = await api.get(MACHINES + query, headers=preferring(2))
        assert (first["@odata.count"], len(first["value"]), set(first["value"][0])) == (7, 2, {"Name", "Id"})
        assert await all_names(api, first) == sorted(machines, reverse=True)

    async def test_it_is_the_requests_own_address(self, api: Caller, machines: list[str]) -> None:
        query = "?%24filter=Name%20ne%20'a%2Bb%26c%3D1'&$orderby=Name&$top=5&$skip=1&other=x y"
        first = await api.get(MACHINES + query, headers=preferring(2))
        link = urlsplit(first["@odata.nextLink"])
        kept = {name: values[0] for name, values in parse_qs(link.query).items()}
        assert (link.path, kept.pop("$skiptoken") != "") == (MACHINES, True)
        assert kept == {"$filter": "Name ne 'a+b&c=1'", "$orderby": "Name", "$top": "5", "other": "x y"}
        assert await all_names(api, first) == sorted(machines)[1:6]

    async def test_it_keeps_organization_and_tenant(self, api: Caller, machines: list[str]) -> None:
        for prefix in (f"/default/{api.tenant_name}/orchestrator_", f"/default/{api.tenant_name}"):
            first = await api.get(prefix + MACHINES, headers=preferring(3))
            assert urlsplit(first["@odata.nextLink"]).path == prefix + MACHINES
            assert len(await all_names(api, first)) == len(machines)

    async def test_it_keeps_the_parameters_of_a_function(self, api: Caller, given: Given, machines: list[str]) -> None:
        folder = await given.folder("Shared here")
        path = f"/odata/Folders/UiPath.Server.Configuration.OData.GetMachinesForFolder(key={folder['Id']})"
        assert (await api.get(path))["@odata.count"] == 7
        sessions = "/odata/Sessions/UiPath.Server.Configuration.OData.GetGlobalSessions"
        assert "@odata.nextLink" not in await api.get(sessions, headers=preferring(2))

    async def test_none_when_the_caller_chose_the_size(self, api: Caller, machines: list[str]) -> None:
        """Clients that page by `$top` and `$skip` never see a link: what they do now goes on working."""
        page = await api.get(f"{MACHINES}?$top=2&$skip=2")
        assert (len(page["value"]), "@odata.nextLink" in page) == (2, False)

    async def test_none_when_the_list_ends(self, api: Caller, machines: list[str]) -> None:
        assert "@odata.nextLink" not in await api.get(MACHINES)
        assert "@odata.nextLink" not in await api.get(MACHINES, headers=preferring(7))
        assert len((await api.get(MACHINES, headers={"Prefer": "odata.maxpagesize=all"}))["value"]) == 7

    async def test_only_rows_of_the_callers_tenant(self, api: Caller, machines: list[str]) -> None:
        """The token is a place in an order and no key to somebody else's rows."""
        first = await api.get(f"{MACHINES}?$orderby=Name", headers=preferring(2))
        other = api.tenant("neighbour")
        page = await other.get(first["@odata.nextLink"].removeprefix(PUBLIC_URL))
        assert page["value"] == []

    async def test_400_for_a_changed_token(self, api: Caller, machines: list[str]) -> None:
        first = await api.get(MACHINES, headers=preferring(2))
        link = first["@odata.nextLink"].removeprefix(PUBLIC_URL)
        for changed in (link[:-3], link + "A", link + "&$orderby=Name", link.replace("$skiptoken=", "$skiptoken=e")):
            refusal = await api.get(changed, expect=400)
            assert refusal["errorCode"] == 1000
            assert refusal["message"].startswith("Invalid OData query options. ")

    async def test_an_encoded_link_is_an_address_of_its_own(self, api: Caller, machines: list[str]) -> None:
        """Clients hand the link to their HTTP library as it is."""
        first = await api.get(f"{MACHINES}?$filter=Name ne 'ü x'", headers=preferring(2))
        link = first["@odata.nextLink"]
        assert link.isascii()
        assert " " not in link
        assert str(httpx.URL(link)) == link

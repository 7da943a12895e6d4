"""`$metadata` and the service document, at every address that leads to the API."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from tests.conftest import PUBLIC_URL, Caller


class TestMetadata:
    @pytest.mark.parametrize("prefix", ["", "/default/default/orchestrator_", "/default/default", "/orchestrator_"])
    async def test_200_with_the_document(self, api: Caller, prefix: str) -> None:
        answer = await api.request("GET", f"{prefix}/odata/$metadata?$format=xml")
        assert answer.status == 200
        assert answer.headers["content-type"] == "application/xml; charset=utf-8"
        assert answer.headers["odata-version"] == "4.0"
        root = ET.fromstring(answer.content)  # noqa: S314 - our own text
        names = {element.get("Name") for element in root.iter() if element.tag.endswith("}EntitySet")}
        assert {"Jobs", "Machines"} <= names

    async def test_200_without_a_token(self, api: Caller) -> None:
        """It tells what the server is, and nothing of what is in it; clients read it before they sign in."""
        assert (await api.with_headers({}).request("GET", "/odata/$metadata")).status == 200

    async def test_it_is_what_the_context_of_an_answer_points_to(self, api: Caller) -> None:
        context = (await api.get("/odata/Machines"))["@odata.context"]
        address, _, what = context.partition("#")
        assert what == "Machines"
        assert (await api.request("GET", address.removeprefix(PUBLIC_URL))).status == 200


class TestServiceDocument:
    @pytest.mark.parametrize("address", ["/odata", "/odata/", "/default/default/orchestrator_/odata", "/a/b/odata/"])
    async def test_200_with_the_sets(self, api: Caller, address: str) -> None:
        found = await api.with_headers({}).get(address, expect=200)
        assert found["@odata.context"] == f"{PUBLIC_URL}{address.rstrip('/')}/$metadata"
        assert {"name": "Jobs", "kind": "EntitySet", "url": "Jobs"} in found["value"]

    async def test_every_set_with_a_list_answers(self, api: Caller) -> None:
        sets = {row["name"] for row in (await api.get("/odata"))["value"]}
        for name in sorted(sets & {"Jobs", "Machines", "Folders", "Releases", "Users", "Robots"}):
            assert (await api.get(f"/odata/{name}"))["@odata.context"].endswith(f"#{name}")


class TestVersionHeader:
    async def test_odata_answers_and_refusals_carry_it_and_others_do_not(self, api: Caller) -> None:
        assert (await api.request("GET", "/odata/Machines")).headers["odata-version"] == "4.0"
        assert (await api.request("GET", "/odata/Machines?$top=x")).headers["odata-version"] == "4.0"
        assert "odata-version" not in (await api.request("GET", "/api/Status/Get")).headers

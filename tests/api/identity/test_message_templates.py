"""Mail texts over the edge of a running node."""

from __future__ import annotations

from typing import Any

import pytest

from podium.identity.message_templates.actions import mail_text
from podium.identity.message_templates.rules import BUILT_IN
from tests.conftest import Caller, Node

BASE = "/identity_/api/MessageTemplate"


async def reset(pm: Caller) -> dict[str, Any]:
    """The text for a new password, as the organization has it."""
    found: dict[str, Any] = await pm.get(BASE, params={"name": "PasswordReset"})
    return found


async def newest(node: Node) -> Any:
    rows = await node.rows("SELECT * FROM kernel.audit WHERE component = 'MessageTemplate' ORDER BY id DESC LIMIT 1")
    return rows[0]


@pytest.fixture
async def stranger(pm: Caller, node: Node) -> Caller:
    """The administrator of another organization."""
    _, _, admin = await node.make_organization("other")
    return pm.bearer(node.token(admin, ["IdentityServerApi"]))


class TestGetByName:
    @pytest.mark.parametrize("name", [one.name for one in BUILT_IN.values()])
    async def test_200_every_built_in_text_has_an_id_from_the_start(self, pm: Caller, name: str) -> None:
        found = await pm.get(BASE, params={"name": name.upper()})
        assert set(found) == {"id", "name", "value"}
        assert found["name"] == name
        assert found["value"].startswith("Subject: ")
        assert await pm.get(f"{BASE}/{found['id']}") == found

    async def test_200_each_organization_has_its_own(self, pm: Caller, stranger: Caller) -> None:
        assert (await reset(pm))["id"] != (await reset(stranger))["id"]

    async def test_400_without_a_name(self, pm: Caller) -> None:
        assert "name" in (await pm.get(BASE, expect=400))["errors"]

    async def test_403_for_a_user_who_is_no_administrator(self, api: Caller) -> None:
        await api.as_role().with_scopes("PM.MessageTemplate").get(BASE, params={"name": "PasswordReset"}, expect=403)

    async def test_403_with_another_scope(self, pm: Caller) -> None:
        await pm.with_scopes("PM.Setting").get(BASE, params={"name": "PasswordReset"}, expect=403)

    async def test_404_for_an_unknown_name(self, pm: Caller) -> None:
        await pm.get(BASE, params={"name": "Nothing"}, expect=404)


class TestGetById:
    async def test_400_for_text_that_is_no_number(self, pm: Caller) -> None:
        problem = await pm.get(f"{BASE}/abc", expect=400)
        assert problem["errors"] == {"templateId": ["The value 'abc' is not valid."]}

    async def test_404_for_that_of_another_organization(self, pm: Caller, stranger: Caller) -> None:
        id_ = (await reset(stranger))["id"]
        for method, body in (("GET", None), ("PUT", {"id": id_, "value": "x {{link}}"}), ("DELETE", None)):
            assert (await pm.request(method, f"{BASE}/{id_}", body)).status == 404


class TestPost:
    async def test_200_the_bare_id(self, pm: Caller, node: Node) -> None:
        id_ = await pm.post(BASE, {"name": "Greeting", "value": "Hello {{anything}}"}, expect=200)
        assert isinstance(id_, int)
        found = await pm.get(f"{BASE}/{id_}")
        assert found == {"id": id_, "name": "Greeting", "value": "Hello {{anything}}"}
        assert ((await newest(node))["action"], (await newest(node))["entity_name"]) == ("Create", "Greeting")
        await pm.delete(f"{BASE}/{id_}")

    @pytest.mark.parametrize(
        ("place", "body"),
        [
            ("name", {"value": "x"}),
            ("name", {"name": " ", "value": "x"}),
            ("name", {"name": "n" * 257}),
            ("value", {"name": "Long", "value": "x" * 100_001}),
        ],
    )
    async def test_400_names_the_member(self, pm: Caller, place: str, body: dict[str, str]) -> None:
        assert list((await pm.post(BASE, body, expect=400))["errors"]) == [place]

    async def test_403_with_the_scope_to_read(self, pm: Caller) -> None:
        await pm.with_scopes("PM.MessageTemplate.Read").post(BASE, {"name": "x", "value": "y"}, expect=403)

    async def test_409_for_a_name_that_is_taken(self, pm: Caller) -> None:
        await pm.post(BASE, {"name": "passwordreset", "value": "{{link}}"}, expect=409)


class TestPut:
    async def test_200_and_the_mail_says_it(self, pm: Caller, node: Node) -> None:
        template = await reset(pm)
        value = "subject:  Neues Passwort \r\n\r\nHallo {{ Name }}, hier: {{LINK}}"
        changed = await pm.put(f"{BASE}/{template['id']}", {"id": template["id"], "value": value}, expect=200)
        assert changed == template | {"value": value}
        async with node.db.acquire() as connection:
            values = {"link": "https://x.test/{{name}}", "name": "Mora"}
            text = await mail_text(connection, node.organization_id, "PasswordReset", values)
        assert text == ("Neues Passwort", "Hallo Mora, hier: https://x.test/{{name}}\n")
        assert (await newest(node))["action"] == "Update"

    async def test_200_without_a_value_it_is_as_the_server_brings_it(self, pm: Caller) -> None:
        template = await reset(pm)
        await pm.put(f"{BASE}/{template['id']}", {"id": template["id"], "value": "{{link}}"})
        back = await pm.put(f"{BASE}/{template['id']}", {"id": template["id"], "value": None})
        assert back["value"] == BUILT_IN["passwordreset"].value

    async def test_400_for_another_id_in_the_body(self, pm: Caller) -> None:
        template = await reset(pm)
        body = {"id": template["id"] + 1, "value": "{{link}}"}
        assert "id" in (await pm.put(f"{BASE}/{template['id']}", body, expect=400))["errors"]

    @pytest.mark.parametrize("value", ["no way to sign in", "{{link}} and {{lnik}}", "Subject: {{link}}\n\nbody"])
    async def test_400_for_a_text_that_could_not_do_its_work(self, pm: Caller, value: str) -> None:
        template = await reset(pm)
        problem = await pm.put(f"{BASE}/{template['id']}", {"id": template["id"], "value": value}, expect=400)
        assert "{{" in problem["errors"]["value"][0]

    async def test_403_with_the_scope_to_read(self, pm: Caller) -> None:
        id_ = (await reset(pm))["id"]
        await pm.with_scopes("PM.MessageTemplate.Read").put(f"{BASE}/{id_}", {"id": id_, "value": "x"}, expect=403)


class TestDelete:
    async def test_204_and_it_is_gone(self, pm: Caller, node: Node) -> None:
        id_ = await pm.post(BASE, {"name": "Short-lived", "value": "x"})
        await pm.delete(f"{BASE}/{id_}", expect=204)
        await pm.get(f"{BASE}/{id_}", expect=404)
        assert (await newest(node))["action"] == "Delete"

    async def test_204_a_built_in_text_is_as_the_server_brings_it(self, pm: Caller) -> None:
        template = await reset(pm)
        await pm.put(f"{BASE}/{template['id']}", {"id": template["id"], "value": "{{link}}"})
        await pm.delete(f"{BASE}/{template['id']}", expect=204)
        assert await reset(pm) == template | {"value": BUILT_IN["passwordreset"].value}

"""Inviting people over the API, and their answers."""

from __future__ import annotations

from typing import Any
from uuid import UUID, uuid4

import pytest

from tests.api.identity.pages.persons import link_to, mails_to, make_user
from tests.api.identity.people import OK, USER, trail
from tests.conftest import Caller, Node

INVITE = f"{USER}/InviteUsers"
NOBODY = "00000000-0000-0000-0000-000000000000"


async def invite(pm: Caller, *rows: Any) -> Any:
    return await pm.post(INVITE, list(rows), expect=200)


class TestInviteUsers:
    async def test_200_a_user_who_has_not_accepted_and_a_mail(self, pm: Caller, node: Node) -> None:
        group = (await pm.post("/identity_/api/Group", self._group(node, "Guests")))["id"]
        row = {"email": "ada@podium.test", "name": "Ada", "surname": "L", "language": "en", "groupIDs": [group]}
        answer = await invite(pm, row)
        (made,) = answer["users"]
        assert answer["result"] == OK
        assert made == {"email": "ada@podium.test", "id": made["id"], "errorMsg": None, "success": True}
        user = await pm.get(f"{USER}/{made['id']}")
        assert (user["userName"], user["name"], user["surname"]) == ("ada@podium.test", "Ada", "L")
        assert (user["invitationAccepted"], user["emailConfirmed"], user["groupIDs"]) == (False, False, [group])
        (mail,) = await mails_to(node, "ada@podium.test")
        assert "Hello Ada L" in mail
        assert "http://podium.test/identity_/web/invitation?token=" in mail

    async def test_200_each_row_for_itself(self, pm: Caller, node: Node) -> None:
        await make_user(node, "resident")
        answer = await invite(
            pm,
            {"email": "fine@podium.test"},
            {"email": "resident@podium.test"},
            {"email": "nonsense"},
            {"email": "led@podium.test", "redirectUrl": "https://evil.test/"},
            {"email": "grouped@podium.test", "groupIDs": [str(uuid4())]},
            {},
            {"email": "also.fine@podium.test"},
            {"email": "FINE@podium.test", "name": "x" * 257},
        )
        assert [row["success"] for row in answer["users"]] == [True, *[False] * 5, True, False]
        assert [row["id"] == NOBODY for row in answer["users"]] == [False, *[True] * 5, False, True]
        words = [row["errorMsg"] for row in answer["users"]]
        assert "is already taken" in words[1]
        assert words[2] == "The Email field is not a valid e-mail address."
        assert words[3] == "Redirect URL is not valid"
        assert "There is no group" in words[4]
        assert answer["result"]["succeeded"] is False
        assert len(answer["result"]["errors"]) >= 6
        for nobody in ("led@podium.test", "grouped@podium.test", "resident@podium.test"):
            assert await mails_to(node, nobody) == []
        found = await node.rows(
            "SELECT 1 FROM identity.users WHERE user_name IN ('led@podium.test', 'grouped@podium.test')"
        )
        assert found == []

    async def test_200_another_link_for_who_waits(self, pm: Caller, node: Node) -> None:
        first = (await invite(pm, {"email": "waiting@podium.test"}))["users"][0]
        second = (await invite(pm, {"email": "Waiting@podium.test"}))["users"][0]
        assert first["id"] == second["id"]
        assert len(await mails_to(node, "waiting@podium.test")) == 1
        assert len(await mails_to(node, "Waiting@podium.test")) == 1
        held = await node.rows("SELECT 1 FROM identity.links WHERE user_id = $1 AND used_at IS NULL", UUID(first["id"]))
        assert len(held) == 1

    async def test_200_twice_in_one_call(self, pm: Caller, node: Node) -> None:
        answer = await invite(pm, {"email": "echo@podium.test"}, {"email": "echo@podium.test"})
        assert len({row["id"] for row in answer["users"]}) == 1
        assert [row["success"] for row in answer["users"]] == [True, True]

    @pytest.mark.parametrize(
        "url",
        [
            "https://evil.test/",
            "//evil.test/",
            "http://podium.test@evil.test/",
            "http://podium.test:81/",
            "http://podium.test.evil.test/",
            "javascript:alert(1)",
            "data:text/html,x",
            "/identity_/web/login",
            "http:\\\\evil.test",
            "https://known.test.evil.test/",
            "https://known.test:444/",
            "https://x@known.test/",
            "http://known.test/",
            "https://known.test\t/",
            "http://[::1",
        ],
    )
    async def test_200_a_redirect_elsewhere_is_refused(self, pm: Caller, node: Node, url: str) -> None:
        await node.make_client(node.organization_id, ["OR.Jobs"], redirect_uris=("https://known.test/back",))
        (row,) = (await invite(pm, {"email": "sent@podium.test", "redirectUrl": url}))["users"]
        assert (row["success"], row["errorMsg"]) == (False, "Redirect URL is not valid")

    @pytest.mark.parametrize("url", ["https://known.test/anywhere?x=1", "http://podium.test/", "", "  "])
    async def test_200_a_redirect_to_a_known_place(self, pm: Caller, node: Node, url: str) -> None:
        await node.make_client(node.organization_id, ["OR.Jobs"], redirect_uris=("https://known.test/back",))
        (row,) = (await invite(pm, {"email": f"led{len(url)}@podium.test", "redirectUrl": url}))["users"]
        assert row["success"]

    async def test_200_an_audit_row_without_the_link(self, pm: Caller, node: Node) -> None:
        made = (await invite(pm, {"email": "noted@podium.test"}))["users"][0]
        row = (await trail(node, "User_PostInviteUsers"))[0]
        assert (row["component"], row["action"], row["entity_id"]) == ("User", "Invite", made["id"])
        token = (await link_to(node, "noted@podium.test")).partition("=")[2]
        assert token not in row["detail"]

    async def test_403_for_a_plain_user(self, api: Caller) -> None:
        caller = api.as_role().with_scopes("IdentityServerApi")
        assert (await caller.request("POST", INVITE, [])).status == 403

    async def test_403_into_administrators_by_an_application_of_the_narrow_scope(
        self, api: Caller, pm: Caller, node: Node
    ) -> None:
        (group,) = await node.rows(
            "SELECT id FROM identity.groups WHERE organization_id = $1 AND name = 'Administrators'",
            node.organization_id,
        )
        caller = api.bearer(await node.application_token(["PM.User"]))
        row = {"email": "climber@podium.test", "groupIDs": [str(group["id"])]}
        assert (await caller.request("POST", INVITE, [row])).status == 403
        assert await mails_to(node, "climber@podium.test") == []

    async def test_400_for_too_many(self, pm: Caller) -> None:
        await pm.post(INVITE, [{"email": f"n{number}@podium.test"} for number in range(101)], expect=400)

    async def test_400_for_what_is_no_array(self, pm: Caller) -> None:
        bodies: list[object] = [{}, "x", [1], [None]]
        for body in bodies:
            await pm.post(INVITE, body, expect=400)

    def _group(self, node: Node, name: str) -> Any:
        return {"partitionGlobalId": str(node.organization_id), "name": name}


class TestOwnInvitation:
    async def test_200_accepted_with_names(self, pm: Caller, node: Node) -> None:
        id_, caller = await self._guest(pm, node, "accepts@podium.test")
        names = {"firstName": "Ac", "lastName": "Cept", "displayName": "A. C.", "termsAndConditionsAccepted": True}
        await caller.post(self._path(node), names, expect=200)
        user = await pm.get(f"{USER}/{id_}")
        assert (user["name"], user["surname"], user["displayName"]) == ("Ac", "Cept", "A. C.")
        assert user["invitationAccepted"] is True

    async def test_200_dismissed(self, pm: Caller, node: Node) -> None:
        id_, caller = await self._guest(pm, node, "declines@podium.test")
        await caller.delete(self._path(node), expect=200)
        await pm.get(f"{USER}/{id_}", expect=404)

    async def test_400_dismissed_after_it_was_accepted(self, pm: Caller, node: Node) -> None:
        id_, caller = await self._guest(pm, node, "late@podium.test")
        await caller.post(self._path(node), {}, expect=200)
        answer = await caller.delete(self._path(node), expect=400)
        assert answer["errors"][0]["code"] == "InvitationAccepted"
        await pm.get(f"{USER}/{id_}")

    async def test_404_for_an_application(self, api: Caller, node: Node) -> None:
        caller = api.bearer(await node.application_token(["PM.User"]))
        await caller.post(self._path(node), {}, expect=404)
        await caller.delete(self._path(node), expect=404)

    async def test_400_with_a_name_that_is_too_long(self, pm: Caller, node: Node) -> None:
        _, caller = await self._guest(pm, node, "long@podium.test")
        await caller.post(self._path(node), {"firstName": "x" * 257}, expect=400)

    async def _guest(self, pm: Caller, node: Node, email: str) -> tuple[str, Caller]:
        """An invited user with a token, as one whom an administrator let in before the invitation was accepted."""
        made = (await invite(pm, {"email": email}))["users"][0]
        user = await node.user(UUID(made["id"]))
        return made["id"], pm.bearer(node.token(user, ["IdentityServerApi"]))

    def _path(self, node: Node) -> str:
        return f"/identity_/api/UserInvite/{node.organization_id}"

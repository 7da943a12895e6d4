"""Settings over the edge of a running node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID, uuid4

import pytest

from podium.identity.settings import actions, known
from podium.identity.settings.rules import PersonalTokenPolicy, SignInPolicy
from podium.kernel.keyring import Keyring
from tests.conftest import Caller, Node

BASE = "/identity_/api/Setting"
COMPLEXITY = "Auth.Password.PasswordComplexity"
ZERO = str(UUID(int=0))


async def wipe(node: Node) -> None:
    async with node.db.transaction() as connection:
        await connection.execute("TRUNCATE identity.settings")


@pytest.fixture(autouse=True)
async def _nothing_set(node: Node) -> None:
    await wipe(node)


@pytest.fixture
def organization(node: Node) -> str:
    return str(node.organization_id)


def setting(key: str, value: str | None) -> dict[str, Any]:
    return {"settings": [{"key": key, "value": value}]}


async def put(caller: Caller, settings: Mapping[str, str | None], expect: int = 200, **where: Any) -> Any:
    body = {"settings": [{"key": key, "value": value} for key, value in settings.items()], **where}
    return await caller.put(BASE, body, expect=expect)


async def values(caller: Caller, *keys: str, **where: Any) -> dict[str, Any]:
    rows = await caller.get(BASE, params={"key": list(keys), **where})
    return {row["key"]: row["value"] for row in rows}


async def id_of(caller: Caller) -> str:
    """The identity id of a caller that is a user."""
    rows = await caller.node.rows("SELECT id FROM identity.users WHERE user_name = $1", caller.user_name)
    return str(rows[0]["id"])


async def audited(node: Node, action: str = "Update") -> list[Any]:
    return await node.rows(
        "SELECT * FROM kernel.audit WHERE component = 'Setting' AND action = $1 ORDER BY id DESC", action
    )


class TestGetSettings:
    async def test_200_nothing_without_a_key(self, pm: Caller, organization: str) -> None:
        assert await pm.get(BASE, params={"partitionGlobalId": organization}) == []

    async def test_200_defaults_of_known_keys_and_nothing_of_unknown_ones(self, pm: Caller, organization: str) -> None:
        keys = ["Auth.UserLockOut.IsEnabled", "Nobody.Knows", "Email.Smtp.UserName", COMPLEXITY]
        rows = await pm.get(BASE, params={"key": keys, "partitionGlobalId": organization})
        assert [row["key"] for row in rows] == ["Auth.UserLockOut.IsEnabled", COMPLEXITY]
        assert rows[0] == {
            "id": 0,
            "key": "Auth.UserLockOut.IsEnabled",
            "value": "true",
            "partitionGlobalId": organization,
            "userId": None,
        }

    async def test_200_the_hosts_value_until_the_organization_has_its_own(self, pm: Caller, organization: str) -> None:
        key = "Auth.Password.DefaultExpirationDays"
        await put(pm, {key: "30"})
        assert await values(pm, key, partitionGlobalId=organization) == {key: "30"}
        await put(pm, {key: "60"}, partitionGlobalId=organization)
        assert await values(pm, key, partitionGlobalId=organization) == {key: "60"}
        assert await values(pm, key) == {key: "30"}

    async def test_200_unknown_keys_of_the_host_are_not_inherited(self, pm: Caller, organization: str) -> None:
        await put(pm, {"Ours.Only": "x"})
        assert await values(pm, "Ours.Only", partitionGlobalId=organization) == {}
        assert await values(pm, "ours.only") == {"Ours.Only": "x"}

    async def test_200_own_settings_of_any_user(self, api: Caller) -> None:
        user = await api.as_role().with_scopes("PM.Setting")
        mine = await id_of(user)
        await put(user, {"UserTheme.Theme": "dark"}, userId=mine)
        assert await values(user, "UserTheme.Theme", "Auth.UserLockOut.IsEnabled", userId=mine) == {
            "UserTheme.Theme": "dark"
        }

    async def test_200_a_user_inherits_the_organizations_language_only(
        self, pm: Caller, node: Node, organization: str
    ) -> None:
        await put(pm, {"UserLanguage.Language": "de", "Email.Smtp.Host": "mail.test"}, partitionGlobalId=organization)
        found = await values(pm, "UserLanguage.Language", "Email.Smtp.Host", userId=str(node.admin))
        assert found == {"UserLanguage.Language": "de"}

    async def test_200_an_organization_with_its_own_server_inherits_nothing_of_the_hosts(
        self, pm: Caller, organization: str
    ) -> None:
        await put(pm, {"Email.Smtp.Host": "host.test", "Email.Smtp.Port": "2525", "Email.Smtp.UserName": "u"})
        keys = ("Email.Smtp.Port", "Email.Smtp.UserName")
        assert await values(pm, *keys, partitionGlobalId=organization) == dict(zip(keys, ("2525", "u"), strict=True))
        await put(pm, {"Email.Smtp.Host": "own.test"}, partitionGlobalId=organization)
        assert await values(pm, *keys, partitionGlobalId=organization) == {"Email.Smtp.Port": "25"}

    async def test_200_for_an_application_with_the_scope(self, node: Node, pm: Caller, organization: str) -> None:
        application = pm.bearer(await node.application_token(["PM.Setting.Read"]))
        assert await values(application, "Auth.UserLockOut.IsEnabled", partitionGlobalId=organization)

    @pytest.mark.parametrize("name", ["partitionGlobalId", "userId"])
    async def test_400_names_what_is_no_guid(self, pm: Caller, name: str) -> None:
        problem = await pm.get(BASE, params={"key": "x", name: "magic-7"}, expect=400)
        assert problem["errors"] == {name: ["The value 'magic-7' is not valid."]}

    async def test_403_for_another_user_or_the_organization_without_being_administrator(
        self, api: Caller, node: Node, organization: str
    ) -> None:
        user = api.as_role().with_scopes("PM.Setting")
        for where in ({"userId": str(node.admin)}, {"partitionGlobalId": organization}, {}):
            assert (await user.request("GET", BASE, params={"key": "x", **where})).status == 403

    async def test_403_for_another_organization_and_for_the_host(self, pm: Caller, node: Node) -> None:
        other, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["IdentityServerApi"]))
        assert (await there.request("GET", BASE, params={"key": "x"})).status == 403
        assert (await there.request("PUT", BASE, setting("x", "y"))).status == 403
        assert (await pm.request("GET", BASE, params={"key": "x", "partitionGlobalId": str(other)})).status == 403
        assert (await there.request("GET", BASE, params={"key": "x", "partitionGlobalId": str(other)})).status == 200

    async def test_404_for_a_user_who_does_not_exist(self, pm: Caller) -> None:
        await pm.get(BASE, params={"key": "x", "userId": str(uuid4())}, expect=404)


class TestPutSettings:
    async def test_200_what_was_stored(self, pm: Caller, node: Node, organization: str) -> None:
        rows = await put(
            pm, {"ui.columns": "a|b", "Auth.UserLockOut.IsEnabled": "False"}, partitionGlobalId=organization
        )
        assert [(row["key"], row["value"]) for row in rows] == [
            ("ui.columns", "a|b"),
            ("Auth.UserLockOut.IsEnabled", "False"),
        ]
        assert all(row["id"] > 0 and row["partitionGlobalId"] == organization for row in rows)
        newest = (await audited(node))[0]
        assert "a|b" not in newest["detail"]
        assert '"Auth.UserLockOut.IsEnabled": "False"' in newest["detail"]

    async def test_200_the_same_key_in_another_case_is_the_same_setting(self, pm: Caller, organization: str) -> None:
        first = await put(pm, {"Ui.Columns": "a"}, partitionGlobalId=organization)
        second = await put(pm, {"UI.COLUMNS": "b"}, partitionGlobalId=organization)
        assert first[0]["id"] == second[0]["id"]
        assert await values(pm, "ui.columns", partitionGlobalId=organization) == {"UI.COLUMNS": "b"}

    async def test_200_null_removes_and_inherits(self, pm: Caller, organization: str) -> None:
        await put(pm, {"x": "1"}, partitionGlobalId=organization)
        assert await put(pm, {"x": None}, partitionGlobalId=organization) == []
        assert await values(pm, "x", partitionGlobalId=organization) == {}

    async def test_200_under_the_portals_address(self, pm: Caller, organization: str) -> None:
        body = setting("x", "1") | {"partitionGlobalId": organization}
        rows = await pm.put(f"/{organization}/portal_/api/identity/Setting", body, expect=200)
        assert rows[0]["value"] == "1"

    async def test_200_the_policy_is_what_was_written(self, pm: Caller, node: Node, organization: str) -> None:
        rule = '{"LENGTH":"12","hasSpecialCharacter":true,"hasUppercase":"true"}'
        wanted = {
            COMPLEXITY: rule,
            "Auth.UserLockOut.DefaultAccountLockoutSeconds": "0",
            "Auth.SecondFactor.Required": "true",
            "Session.IdleMinutes": "5",
            "PersonalAccessToken.MaxDays": "1800",
        }
        await put(pm, wanted, partitionGlobalId=organization)
        async with node.db.acquire() as connection:
            policy = await actions.sign_in_policy(connection, node.organization_id)
            tokens = await actions.personal_token_policy(connection, node.organization_id)
            other = await actions.sign_in_policy(connection, uuid4())
        assert policy.password[:5] == (12, True, True, True, True)
        assert (policy.lockout.lock_s, policy.requires_second_factor, policy.session.idle_minutes) == (0, True, 5)
        assert (tokens, other) == (PersonalTokenPolicy(1800, 5), SignInPolicy())

    async def test_200_stored_rubbish_counts_as_the_default(self, node: Node) -> None:
        await node.rows(
            "INSERT INTO identity.settings (organization_id, key, key_key, value, updated_at)"
            " VALUES ($1, $2, lower($2), '{', now()), ($1, $3, lower($3), 'many', now())",
            node.organization_id,
            COMPLEXITY,
            "Session.IdleMinutes",
        )
        async with node.db.acquire() as connection:
            assert await actions.sign_in_policy(connection, node.organization_id) == SignInPolicy()

    async def test_200_language_of_the_user_before_that_of_the_organization(
        self, pm: Caller, node: Node, organization: str
    ) -> None:
        async def language(user: UUID | None = None) -> str:
            async with node.db.acquire() as connection:
                return await actions.language(connection, node.organization_id, user)

        assert await language() == "en"
        await put(pm, {"UserLanguage.Language": "de"}, partitionGlobalId=organization)
        await put(pm, {"UserLanguage.Language": "PT-BR"}, userId=str(node.admin))
        assert (await language(), await language(node.admin)) == ("de", "pt-br")

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            (COMPLEXITY, "{"),
            (COMPLEXITY, '{"Length":"0"}'),
            (COMPLEXITY, '{"Length":257}'),
            (COMPLEXITY, '{"hasDigit":"maybe"}'),
            ("Auth.Password.DefaultExpirationDays", "1001"),
            ("Auth.Password.PreviousUseLimit", "-1"),
            ("Auth.UserLockOut.IsEnabled", "yes"),
            ("Session.IdleMinutes", "0"),
            ("PersonalAccessToken.MaxDays", "1801"),
            ("PersonalAccessToken.MaxPerUser", "51"),
            ("Email.Smtp.Port", "65536"),
            ("Email.Smtp.Host", "a b"),
            ("Email.Smtp.FromEmail", "a@b.test\r\nBcc: c@d.test"),
            ("Mail.RetentionDays", "0"),
            ("UserLanguage.Language", "tlh"),
        ],
    )
    async def test_400_names_the_key_of_a_bad_value(self, pm: Caller, organization: str, key: str, value: str) -> None:
        body = {"settings": [{"key": "fine", "value": "1"}, {"key": key.upper(), "value": value}]}
        problem = await pm.put(BASE, body | {"partitionGlobalId": organization}, expect=400)
        assert list(problem["errors"]) == ["settings[1].value"]
        assert key.upper() in problem["errors"]["settings[1].value"][0]
        assert await values(pm, "fine", partitionGlobalId=organization) == {}

    @pytest.mark.parametrize(
        ("key", "place"), [(" ", "settings[0].key"), (None, "settings[0].key"), ("x" * 257, "settings[0].key")]
    )
    async def test_400_for_a_key_that_cannot_be_one(self, pm: Caller, organization: str, key: Any, place: str) -> None:
        body = {"settings": [{"key": key, "value": "1"}], "partitionGlobalId": organization}
        assert [name.lower() for name in (await pm.put(BASE, body, expect=400))["errors"]] == [place]

    async def test_400_without_settings(self, pm: Caller, organization: str) -> None:
        problem = await pm.put(BASE, {"partitionGlobalId": organization}, expect=400)
        assert problem["errors"] == {"Settings": ["The Settings field is required."]}

    async def test_400_for_a_value_that_is_too_long(self, pm: Caller, organization: str) -> None:
        await put(pm, {"x": "y" * 100_000}, partitionGlobalId=organization)
        await put(pm, {"x": "y" * 100_001}, expect=400, partitionGlobalId=organization)

    async def test_400_for_more_settings_than_there_may_be(self, pm: Caller, organization: str) -> None:
        many = {f"k{number}": "" for number in range(known.MAX_SETTINGS + 1)}
        await put(pm, many, expect=400, partitionGlobalId=organization)
        assert await values(pm, "k1", partitionGlobalId=organization) == {}

    async def test_400_for_a_key_of_the_organization_at_a_user(self, pm: Caller, node: Node) -> None:
        await put(pm, {"Auth.RestrictBasicAuthentication": "true"}, expect=400, userId=str(node.admin))

    async def test_403_without_being_administrator(self, api: Caller, node: Node, organization: str) -> None:
        user = api.as_role().with_scopes("PM.Setting")
        await put(user, {"x": "1"}, expect=403, partitionGlobalId=organization)
        await put(user, {"x": "1"}, expect=403, userId=str(node.admin))

    async def test_403_with_the_scope_to_read(self, pm: Caller, organization: str) -> None:
        await put(pm.with_scopes("PM.Setting.Read"), {"x": "1"}, expect=403, partitionGlobalId=organization)

    async def test_404_for_a_user_who_does_not_exist(self, pm: Caller) -> None:
        await put(pm, {"x": "1"}, expect=404, userId=str(uuid4()))


SERVER = {"Email.Smtp.Host": "mail.test", "Email.Smtp.UserName": "u", "Email.Smtp.Password": "planted-5e21"}


class TestMailPassword:
    async def saved(self, node: Node) -> str | None:
        async with node.db.acquire() as connection:
            server = await actions.smtp(connection, node.port(Keyring), node.organization_id)
        return server.password if server else None

    async def test_sealed_never_shown_and_not_in_the_trail(self, pm: Caller, node: Node, organization: str) -> None:
        rows = await put(pm, SERVER, partitionGlobalId=organization)
        assert [row["value"] for row in rows] == ["mail.test", "u", None]
        assert await values(pm, "email.smtp.password", partitionGlobalId=organization) == {"Email.Smtp.Password": None}
        assert await self.saved(node) == "planted-5e21"
        for table in ("identity.settings", "kernel.audit"):
            assert not await node.rows(f"SELECT 1 FROM {table} t WHERE t::text LIKE '%planted-5e21%'")

    async def test_is_gone_when_another_server_is_named(self, pm: Caller, node: Node, organization: str) -> None:
        changes: tuple[dict[str, str | None], ...] = (
            {"Email.Smtp.Host": "evil.test"},
            {"Email.Smtp.Port": "26"},
            {"Email.Smtp.Host": None},
        )
        for change in changes:
            await wipe(node)
            await put(pm, SERVER, partitionGlobalId=organization)
            await put(pm, change, partitionGlobalId=organization)
            await put(pm, {"Email.Smtp.Host": "evil.test"}, partitionGlobalId=organization)
            assert await self.saved(node) is None, change

    async def test_is_gone_when_tls_is_turned_off(self, pm: Caller, node: Node, organization: str) -> None:
        await put(pm, SERVER | {"Email.Smtp.EnableSsl": "true"}, partitionGlobalId=organization)
        await put(pm, {"Email.Smtp.EnableSsl": "false"}, partitionGlobalId=organization)
        assert await self.saved(node) is None

    async def test_stays_when_something_else_changes(self, pm: Caller, node: Node, organization: str) -> None:
        await put(pm, SERVER, partitionGlobalId=organization)
        change = {"Email.Smtp.Host": "MAIL.test", "Email.Smtp.EnableSsl": "true", "Email.Smtp.FromDisplayName": "Us"}
        await put(pm, change, partitionGlobalId=organization)
        assert await self.saved(node) == "planted-5e21"

    async def test_the_hosts_is_not_given_to_an_organizations_own_server(
        self, pm: Caller, node: Node, organization: str
    ) -> None:
        await put(pm, SERVER)
        assert await self.saved(node) == "planted-5e21"
        await put(pm, {"Email.Smtp.Host": "evil.test", "Email.Smtp.UserName": "u"}, partitionGlobalId=organization)
        assert await self.saved(node) is None


class TestDeleteSettings:
    async def test_204_the_named_ones_only(self, pm: Caller, node: Node, organization: str) -> None:
        await put(pm, {"a": "1", "b": "2"}, partitionGlobalId=organization)
        body = {"settings": ["A", "unknown"], "partitionGlobalId": organization}
        await pm.delete(BASE, body, expect=204)
        assert await values(pm, "a", "b", partitionGlobalId=organization) == {"b": "2"}
        assert (await audited(node))[0]["entity_name"] == "A, unknown"

    async def test_204_of_the_host_by_the_organization_zero(self, pm: Caller) -> None:
        await put(pm, {"a": "1"})
        await pm.delete(BASE, {"settings": ["a"], "partitionGlobalId": ZERO}, expect=204)
        assert await values(pm, "a") == {}

    async def test_403_for_another_organization(self, pm: Caller) -> None:
        await pm.delete(BASE, {"settings": ["a"], "partitionGlobalId": str(uuid4())}, expect=403)


class TestDeleteSetting:
    async def test_204_and_it_is_gone(self, pm: Caller, organization: str, node: Node) -> None:
        places: list[dict[str, Any]] = [{"partitionGlobalId": organization}, {}, {"userId": str(node.admin)}]
        ids = [(await put(pm, {"a": "1"}, **place))[0]["id"] for place in places]
        for id_ in ids:
            await pm.delete(f"{BASE}/{id_}", expect=204)
            await pm.delete(f"{BASE}/{id_}", expect=404)

    async def test_400_for_text_that_is_no_number(self, pm: Caller) -> None:
        for text in ("abc", "1.5", "9" * 19):
            problem = await pm.delete(f"{BASE}/{text}", expect=400)
            assert problem["errors"] == {"settingId": [f"The value '{text}' is not valid."]}

    async def test_403_for_a_user_who_is_no_administrator(self, api: Caller, pm: Caller, organization: str) -> None:
        id_ = (await put(pm, {"a": "1"}, partitionGlobalId=organization))[0]["id"]
        await api.as_role().with_scopes("PM.Setting").delete(f"{BASE}/{id_}", expect=403)

    async def test_404_for_that_of_another_organization_and_of_the_host(self, pm: Caller, node: Node) -> None:
        other, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["IdentityServerApi"]))
        theirs = (await put(there, {"a": "1"}, partitionGlobalId=str(other)))[0]["id"]
        await pm.delete(f"{BASE}/{theirs}", expect=404)
        hosts = (await put(pm, {"a": "1"}))[0]["id"]
        await there.delete(f"{BASE}/{hosts}", expect=404)

"""Values of assets for robots, in clear."""

from __future__ import annotations

from typing import Any
from uuid import uuid4

import pytest

ODATA = "UiPath.Server.Configuration.OData"
ASSETS = "/odata/Assets"
READ = f"{ASSETS}/{ODATA}.GetRobotAssetByNameForRobotKey"
SET = f"{ASSETS}/{ODATA}.SetRobotAssetByRobotKey"
PASSWORD = "fern and moss 41"
MAKE_ROBOT = """
INSERT INTO orchestrator.robots (tenant_id, key, name, name_key, user_id, machine_id, created_at)
VALUES ($1, gen_random_uuid(), $2, lower($2), $3, $4, now()) RETURNING id, key::text
"""
LEND = "UPDATE orchestrator.jobs SET robot_id = $3, machine_id = $4 WHERE tenant_id = $1 AND id = $2"


class Robot:
    """A robot that was made behind the server's back, of a user or a machine."""

    def __init__(self, id_: int, key: str) -> None:
        self.id, self.key = id_, key


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
def robot(api: Any) -> Any:
    async def make(name: str, user_id: int | None = None, machine_id: int | None = None) -> Robot:
        (row,) = await api.node.rows(MAKE_ROBOT, api.tenant_id, name, user_id, machine_id)
        return Robot(row["id"], row["key"])

    return make


def asset(type_: str = "Text", **members: Any) -> dict[str, Any]:
    return {"Name": "A", "ValueScope": "Global", "ValueType": type_, **members}


def per_robot(*values: Any, **members: Any) -> dict[str, Any]:
    return asset(ValueScope="PerRobot", UserValues=list(values), **members)


async def read(api: Any, folder: Any, robot: Robot | None, name: str = "a", **options: Any) -> Any:
    body = {"assetName": name} | ({} if robot is None else {"robotKey": robot.key})
    return await api.post(READ, body, folder=folder, **options)


class TestReadByRobotKey:
    @pytest.mark.parametrize(
        ("body", "shown"),
        [
            (asset(StringValue="ä"), {"StringValue": "ä"}),
            (asset("Bool", BoolValue=True), {"BoolValue": True}),
            (asset("Integer", IntValue=5), {"IntValue": 5}),
            (
                asset("Credential", CredentialUsername="bob", CredentialPassword=PASSWORD),
                {"CredentialUsername": "bob", "CredentialPassword": PASSWORD, "SecretValue": ""},
            ),
            (asset("Secret", SecretValue=PASSWORD), {"SecretValue": PASSWORD, "CredentialPassword": ""}),
        ],
    )
    async def test_200_the_value_in_clear(self, api: Any, folder: Any, robot: Any, body: Any, shown: Any) -> None:
        await api.post(ASSETS, body, folder=folder)
        found = await read(api, folder, await robot("R", api.user_id))
        assert (found["Name"], found["ValueType"]) == ("A", body["ValueType"])
        assert {name: found[name] for name in shown} == shown

    async def test_200_the_closest_value(self, api: Any, given: Any, folder: Any, robot: Any) -> None:
        near, far = await given.machine("Near"), await given.machine("Far")
        values = [
            {"UserId": api.user_id, "MachineId": near["Id"], "StringValue": "both"},
            {"UserId": api.user_id, "StringValue": "user"},
            {"MachineId": near["Id"], "StringValue": "machine"},
        ]
        body = per_robot(*values, HasDefaultValue=True, StringValue="default")
        await api.post(ASSETS, body, folder=folder)
        stranger = (await api.as_role()).user_id
        for number, (user_id, machine, expected) in enumerate(
            (
                (api.user_id, near, "both"),
                (api.user_id, far, "user"),
                (api.user_id, None, "user"),
                (stranger, near, "machine"),
                (None, near, "machine"),
                (stranger, far, "default"),
                (None, far, "default"),
            )
        ):
            of = await robot(f"R{number}", user_id, machine and machine["Id"])
            assert (await read(api, folder, of))["StringValue"] == expected

    async def test_200_on_the_machine_of_the_job(self, api: Any, given: Any, folder: Any, robot: Any) -> None:
        machine, job = await given.machine("Near"), await given.job(folder=folder)
        values = [
            {"UserId": api.user_id, "MachineId": machine["Id"], "StringValue": "both"},
            {"UserId": api.user_id, "StringValue": "user"},
        ]
        await api.post(ASSETS, per_robot(*values), folder=folder)
        floating, another = await robot("R", api.user_id), await robot("S", api.user_id)
        await api.node.rows(LEND, api.tenant_id, job["Id"], floating.id, machine["Id"])
        for of, key, expected in (
            (floating, job["Key"], "both"),
            (another, job["Key"], "user"),
            (floating, str(uuid4()), "user"),
            (floating, "no key", "user"),
        ):
            found = await read(api, folder, of, headers={"x-uipath-jobkey": key})
            assert found["StringValue"] == expected

    async def test_404_without_a_value_a_name_or_a_robot(self, api: Any, folder: Any, robot: Any) -> None:
        await api.post(ASSETS, per_robot({"UserId": api.user_id, "StringValue": "x"}), folder=folder)
        stranger = await robot("R", (await api.as_role()).user_id)
        for of, name, message in (
            (stranger, "A", "The asset does not have a value associated with this robot."),
            (stranger, "B", "Could not find an asset with this name."),
            (Robot(0, str(uuid4())), "A", "Robot does not exist."),
            (Robot(0, "no key"), "A", "Robot does not exist."),
        ):
            body = {"assetName": name, "robotKey": of.key}
            answer = await api.request("POST", READ, body, folder=folder)
            assert (answer.status, answer.json["errorCode"], answer.json["message"]) == (404, 1002, message)

    async def test_404_for_a_robot_that_is_disabled(self, api: Any, folder: Any, robot: Any) -> None:
        await api.post(ASSETS, asset(StringValue="x"), folder=folder)
        of = await robot("R", api.user_id)
        body = {"robotIds": [of.id], "enabled": False}
        await api.post(f"/odata/Robots/{ODATA}.ToggleEnabledStatus", body)
        await read(api, folder, of, expect=404)

    async def test_403_without_a_key_unless_it_is_read_directly(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, asset("Secret", SecretValue=PASSWORD), folder=folder)
        await read(api, folder, None, expect=403)
        await api.put(f"{ASSETS}({made['Id']})", asset("Secret", AllowDirectApiAccess=True), folder=folder)
        user = api.as_role("Automation User", folder=folder)
        assert (await read(user, folder, None))["SecretValue"] == PASSWORD
        await read(api.as_role(folder=folder), folder, None, expect=403)

    async def test_403_with_a_token_that_may_only_read(self, api: Any, folder: Any, robot: Any) -> None:
        await api.post(ASSETS, asset(StringValue="x"), folder=folder)
        of = await robot("R", api.user_id)
        await read(api.with_scopes("OR.Assets.Read"), folder, of, expect=403)
        await read(api.with_scopes("OR.Assets.Write"), folder, of, expect=200)

    async def test_200_with_the_credential_of_the_robot(self, api: Any, folder: Any, robot: Any) -> None:
        await api.post(ASSETS, per_robot({"UserId": api.user_id, "StringValue": "mine"}), folder=folder)
        of = await robot("R", api.user_id)
        itself = api.with_headers({"authorization": f"UiRobot {of.key}"})
        assert (await read(itself, folder, None))["StringValue"] == "mine"

    async def test_reading_leaves_no_audit_row(self, api: Any, folder: Any, robot: Any) -> None:
        await api.post(ASSETS, asset(StringValue="x"), folder=folder)
        count = "SELECT count(*) FROM kernel.audit WHERE tenant_id = $1"
        of = await robot("R", api.user_id)
        before = (await api.node.rows(count, api.tenant_id))[0][0]
        await read(api, folder, of)
        assert (await api.node.rows(count, api.tenant_id))[0][0] == before


class TestReadByAddress:
    async def test_200_by_id_without_secrets_by_key_with_them(self, api: Any, folder: Any, robot: Any) -> None:
        body = asset("Credential", CredentialUsername="bob", CredentialPassword=PASSWORD)
        await api.post(ASSETS, body, folder=folder)
        of = await robot("R", api.user_id)
        path = f"{ASSETS}/{ODATA}.GetRobotAssetByRobotId(robotId={of.id},assetName='A')"
        found = await api.get(path, folder=folder)
        assert (found["CredentialUsername"], found["CredentialPassword"]) == ("bob", "")
        path = f"{ASSETS}/{ODATA}.GetRobotAsset(robotId='{of.key}',assetName='A')"
        assert (await api.get(path, folder=folder))["CredentialPassword"] == PASSWORD
        assert set(await api.get(f"{path}?$select=Name", folder=folder)) == {"@odata.context", "Name"}


class TestSetByRobotKey:
    async def test_204_the_value_of_everybody(self, api: Any, folder: Any, robot: Any) -> None:
        await api.post(ASSETS, asset("Integer", IntValue=1), folder=folder)
        of = await robot("R", api.user_id)
        value = {"Name": "a", "ValueType": "Integer", "IntValue": 2}
        await api.post(SET, {"robotKey": of.key, "robotAsset": value}, folder=folder, expect=204)
        assert (await read(api, folder, of))["IntValue"] == 2
        (shown,) = (await api.get(ASSETS, folder=folder))["value"]
        assert (shown["Value"], shown["LastModifierUserId"]) == ("2", api.user_id)

    async def test_204_the_robots_own_value_and_404_without_one(self, api: Any, folder: Any, robot: Any) -> None:
        body = per_robot(
            {"UserId": api.user_id, "CredentialUsername": "u", "CredentialPassword": "old"},
            ValueType="Credential",
            HasDefaultValue=True,
            CredentialUsername="d",
            CredentialPassword="default",
        )
        await api.post(ASSETS, body, folder=folder)
        mine, strange = await robot("R", api.user_id), await robot("S", (await api.as_role()).user_id)
        value = {"Name": "A", "ValueType": "Credential", "CredentialUsername": "n", "CredentialPassword": "new"}
        await api.post(SET, {"robotKey": mine.key, "robotAsset": value}, folder=folder, expect=204)
        await api.post(SET, {"robotKey": strange.key, "robotAsset": value}, folder=folder, expect=404)
        found = await read(api, folder, mine)
        assert (found["CredentialUsername"], found["CredentialPassword"]) == ("n", "new")
        assert (await read(api, folder, strange))["CredentialPassword"] == "default"

    @pytest.mark.parametrize(
        ("value", "named"),
        [
            ({"ValueType": "Credential", "CredentialUsername": "n"}, "robotAsset.CredentialPassword"),
            ({"ValueType": "Credential", "CredentialPassword": "n"}, "robotAsset.CredentialUsername"),
            ({"ValueType": "Text", "StringValue": "n"}, "robotAsset.ValueType"),
        ],
    )
    async def test_400_names_what_is_wrong(self, api: Any, folder: Any, robot: Any, value: Any, named: str) -> None:
        body = asset("Credential", CredentialUsername="u", CredentialPassword="old")
        await api.post(ASSETS, body, folder=folder)
        of = await robot("R", api.user_id)
        sent = {"robotKey": of.key, "robotAsset": {"Name": "A", **value}}
        answer = await api.request("POST", SET, sent, folder=folder)
        assert (answer.status, named in answer.json["message"]) == (400, True), answer.text
        assert (await read(api, folder, of))["CredentialPassword"] == "old"

    async def test_403_for_who_may_only_look(self, api: Any, folder: Any, robot: Any) -> None:
        of = await robot("R", api.user_id)
        user = api.as_role("Automation User", folder=folder)
        await user.post(SET, {"robotKey": of.key, "robotAsset": {"Name": "A"}}, folder=folder, expect=403)

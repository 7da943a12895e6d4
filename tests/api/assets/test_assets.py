"""Assets: made, read, replaced, deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest

from podium.kernel.keyring import Keyring
from podium.orchestrator.access import actions as access
from podium.orchestrator.access.resolver import AccessResolver
from podium.server.sealed_columns import SEALED_COLUMNS

ODATA = "UiPath.Server.Configuration.OData"
ASSETS = "/odata/Assets"
PASSWORD = "fern and moss 41"
UNKNOWN = 999_999_999


def text(name: str = "Greeting", value: str = "grüße", **members: Any) -> dict[str, Any]:
    return {"Name": name, "ValueScope": "Global", "ValueType": "Text", "StringValue": value, **members}


def credential(name: str = "Login", **members: Any) -> dict[str, Any]:
    made = {"Name": name, "ValueScope": "Global", "ValueType": "Credential", "CredentialUsername": "bob"}
    return {**made, "CredentialPassword": PASSWORD, **members}


def secret(name: str = "Token", **members: Any) -> dict[str, Any]:
    return {"Name": name, "ValueScope": "Global", "ValueType": "Secret", "SecretValue": PASSWORD, **members}


def one(asset: Any) -> str:
    return f"{ASSETS}({asset['Id']})"


async def sealed(api: Any, asset: Any) -> list[bytes]:
    rows = await api.node.rows(
        "SELECT sealed FROM orchestrator.asset_values WHERE tenant_id = $1 AND asset_id = $2 ORDER BY id",
        api.tenant_id,
        asset["Id"],
    )
    return [row["sealed"] for row in rows]


async def in_clear(api: Any, folder: Any, name: str) -> Any:
    """What the caller reads directly."""
    body = {"assetName": name}
    return await api.post(f"{ASSETS}/{ODATA}.GetRobotAssetByNameForRobotKey", body, folder=folder)


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


class TestCreateAsset:
    async def test_201_for_everybody_when_no_scope_is_named(self, api: Any, folder: Any) -> None:
        body = {"Name": "A", "ValueType": "Text", "StringValue": "x"}
        made = await api.post(ASSETS, body, folder=folder, expect=201)
        assert (made["ValueScope"], made["HasDefaultValue"]) == ("Global", True)

    async def test_201_with_text(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, text(Description="said first"), folder=folder, expect=201)
        assert (made["Name"], made["ValueType"], made["ValueScope"]) == ("Greeting", "Text", "Global")
        assert (made["StringValue"], made["Value"], made["Description"]) == ("grüße", "grüße", "said first")
        assert (made["HasDefaultValue"], made["CanBeDeleted"], made["FoldersCount"]) == (True, True, 1)
        assert made["CreatorUserId"] == api.user_id
        assert made["LastModificationTime"] is None
        assert not {"UserValues", "RobotValues"} & made.keys()

    @pytest.mark.parametrize(
        ("members", "shown", "value"),
        [
            ({"ValueType": "Bool", "BoolValue": True}, {"BoolValue": True}, "True"),
            ({"ValueType": "Bool", "Value": "FALSE"}, {"BoolValue": False}, "False"),
            ({"ValueType": "Integer", "IntValue": -7}, {"IntValue": -7}, "-7"),
            ({"ValueType": "Integer", "Value": " 41 "}, {"IntValue": 41}, "41"),
            ({"ValueType": "Text", "StringValue": ""}, {"StringValue": ""}, ""),
            ({"ValueType": "DBConnectionString", "StringValue": "Server=x"}, {"StringValue": "Server=x"}, "Server=x"),
            (
                {"ValueType": "KeyValueList", "KeyValueList": [{"Key": "b", "Value": "1"}, {"Key": "a"}]},
                {"KeyValueList": [{"Key": "b", "Value": "1"}, {"Key": "a", "Value": ""}]},
                "b: 1, a: ",
            ),
        ],
    )
    async def test_201_of_every_plain_type(self, api: Any, folder: Any, members: Any, shown: Any, value: str) -> None:
        made = await api.post(ASSETS, {"Name": "A", "ValueScope": "Global", **members}, folder=folder, expect=201)
        assert made["Value"] == value
        assert {name: made[name] for name in shown} == shown
        assert made["ValueType"] == members["ValueType"]

    @pytest.mark.parametrize("body", [credential(), credential(ValueType="WindowsCredential"), secret()])
    async def test_201_seals_and_shows_no_secret(self, api: Any, folder: Any, body: Any) -> None:
        made = await api.post(ASSETS, body, folder=folder, expect=201)
        read = await api.get(f"{one(made)}?$expand=UserValues,RobotValues", folder=folder)
        (listed,) = (await api.get(f"{ASSETS}/{ODATA}.GetFiltered", folder=folder))["value"]
        for shown in (made, read, listed):
            assert PASSWORD not in msgspec.json.encode(shown).decode()
            assert (shown["CredentialPassword"], shown["SecretValue"]) == ("", "")
        assert made["Value"] == ("" if body["ValueType"] == "Secret" else "username: bob")
        (stored,) = await sealed(api, made)
        assert PASSWORD.encode() not in stored
        audited = await api.node.rows("SELECT * FROM kernel.audit WHERE tenant_id = $1", api.tenant_id)
        events = await api.node.rows("SELECT * FROM kernel.outbox WHERE tenant_id = $1", api.tenant_id)
        assert PASSWORD not in f"{audited}{events}"

    async def test_what_is_sealed_opens_where_keys_are_replaced(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, credential(), folder=folder)
        (column,) = (each for each in SEALED_COLUMNS if each.table == "orchestrator.asset_values")
        found = await api.node.rows(column.find, "(0,0)", "(100000,0)", [])
        (value,) = await sealed(api, made)
        (mine,) = (row for row in found if row["sealed"] == value)
        keyring = api.node.port(Keyring)
        place = {"table": column.table, "row": mine["row"], "column": column.column}
        assert keyring.open(mine["sealed"], owner=mine["owner"], **place) == PASSWORD

    async def test_201_per_user_and_machine(self, api: Any, given: Any, folder: Any) -> None:
        machine = await given.machine("Atlas")
        somebody = await api.as_role()
        values = [
            {"UserId": api.user_id, "StringValue": "mine"},
            {"UserId": somebody.user_id, "MachineId": machine["Id"], "ValueType": "Text", "Value": "theirs"},
            {"MachineId": machine["Id"], "StringValue": "everybody's there"},
        ]
        body = {"Name": "P", "ValueScope": "PerRobot", "ValueType": "Text", "UserValues": values}
        made = await api.post(ASSETS, body, folder=folder, expect=201)
        assert (made["HasDefaultValue"], made["Value"]) == (False, "")
        shown = (await api.get(f"{one(made)}?$expand=UserValues", folder=folder))["UserValues"]
        assert [(each["UserId"], each["MachineName"], each["Value"]) for each in shown] == [
            (api.user_id, None, "mine"),
            (somebody.user_id, "Atlas", "theirs"),
            (None, "Atlas", "everybody's there"),
        ]
        assert shown[0]["UserName"] == "admin"
        assert shown[0]["ValueType"] == "Text"

    async def test_201_by_robots_for_older_clients(self, api: Any, given: Any, folder: Any) -> None:
        machine = await given.machine("Desk", type="Standard")
        robot = {"Name": "R", "Type": "Unattended", "HostingType": "Standard", "Username": "acme\\r"}
        made_robot = await api.post("/odata/Robots", {**robot, "MachineId": machine["Id"]})
        values = [{"RobotId": made_robot["Id"], "ValueType": "Integer", "IntValue": 3}]
        body = {"Name": "P", "ValueScope": "PerRobot", "ValueType": "Integer", "RobotValues": values}
        made = await api.post(ASSETS, body, folder=folder, expect=201)
        shown = await api.get(f"{one(made)}?$expand=UserValues,RobotValues", folder=folder)
        assert [(each["RobotId"], each["IntValue"]) for each in shown["RobotValues"]] == [(made_robot["Id"], 3)]
        assert len(shown["UserValues"]) == 1

    async def test_201_a_null_default_is_true_for_global_and_false_for_per_robot(self, api: Any, folder: Any) -> None:
        body = text("G", HasDefaultValue=False)
        assert (await api.post(ASSETS, body, folder=folder))["HasDefaultValue"] is True
        body = text("P", ValueScope="PerRobot")
        assert (await api.post(ASSETS, body, folder=folder))["HasDefaultValue"] is False
        body = text("Q", ValueScope="PerRobot", HasDefaultValue=True)
        assert (await api.post(ASSETS, body, folder=folder))["StringValue"] == "grüße"

    @pytest.mark.parametrize(
        ("body", "named"),
        [
            (text(" \t"), "Name"),
            (text("a\nb"), "Name"),
            (text("x" * 257), "Name"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "Text"}, "StringValue"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "Bool"}, "BoolValue"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "Bool", "Value": "yes"}, "Value"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "Integer"}, "IntValue"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "Integer", "Value": "2147483648"}, "Value"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "Integer", "IntValue": 2**31}, "IntValue"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "KeyValueList"}, "KeyValueList"),
            ({"Name": "A", "ValueScope": "Global", "ValueType": "Wrong"}, "ValueType"),
            (credential(CredentialPassword=""), "CredentialPassword"),
            (credential(CredentialUsername=None), "CredentialUsername"),
            (credential(CredentialPassword="x" * 25_001), "CredentialPassword"),
            (secret(SecretValue=None), "SecretValue"),
            (text(UserValues=[{"UserId": 1, "StringValue": "x"}]), "UserValues[0]"),
            (text(ValueScope="PerRobot", UserValues=[{"StringValue": "x"}]), "UserValues[0]"),
            (text(ValueScope="PerRobot", UserValues=[{"UserId": UNKNOWN, "StringValue": "x"}]), "UserValues[0].UserId"),
            (
                text(ValueScope="PerRobot", UserValues=[{"MachineId": UNKNOWN, "StringValue": "x"}]),
                "UserValues[0].MachineId",
            ),
            (
                text(ValueScope="PerRobot", RobotValues=[{"RobotId": UNKNOWN, "StringValue": "x"}]),
                "RobotValues[0].RobotId",
            ),
        ],
    )
    async def test_400_names_what_is_wrong(self, api: Any, folder: Any, body: Any, named: str) -> None:
        answer = await api.request("POST", ASSETS, body, folder=folder)
        assert answer.status == 400, answer.text
        assert named in answer.json["message"]
        assert (await api.get(f"{ASSETS}/{ODATA}.GetFiltered", folder=folder))["value"] == []

    async def test_400_for_a_group_a_pair_twice_and_another_type(self, api: Any, folder: Any) -> None:
        rows = await api.node.rows(
            "UPDATE orchestrator.users SET type = 'DirectoryGroup' WHERE tenant_id = $1 AND id = $2 RETURNING id",
            api.tenant_id,
            (await api.as_role()).user_id,
        )
        mine = {"UserId": api.user_id, "StringValue": "x"}
        for values, named in (
            ([{"UserId": rows[0]["id"], "StringValue": "x"}], "UserValues[0].UserId"),
            ([mine, mine], "UserValues[1]"),
            ([{**mine, "ValueType": "Bool"}], "UserValues[0].ValueType"),
        ):
            body = text(ValueScope="PerRobot", UserValues=values)
            answer = await api.request("POST", ASSETS, body, folder=folder)
            assert (answer.status, named in answer.json["message"]) == (400, True), answer.text

    async def test_409_name_is_used_in_the_folder_only(self, api: Any, given: Any, folder: Any) -> None:
        await api.post(ASSETS, text("Straße"), folder=folder)
        answer = await api.request("POST", ASSETS, text(" STRASSE "), folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)
        await api.post(ASSETS, text("Straße"), folder=await given.folder("Other"), expect=201)

    async def test_of_two_at_once_one_is_made(self, api: Any, folder: Any) -> None:
        answers = await asyncio.gather(*(api.request("POST", ASSETS, text(), folder=folder) for _ in range(4)))
        assert sorted(answer.status for answer in answers) == [201, 409, 409, 409]
        assert len((await api.get(ASSETS, folder=folder))["value"]) == 1

    async def test_400_for_a_name_in_another_store_when_the_value_is_kept_here(self, api: Any, folder: Any) -> None:
        answer = await api.request("POST", ASSETS, credential(ExternalName="vault/x"), folder=folder)
        assert (answer.status, "ExternalName" in answer.json["message"]) == (400, True)

    async def test_event_tells_what_it_is_and_nothing_of_its_value(self, api: Any, folder: Any) -> None:
        tags = [{"Name": "env", "Value": "test"}]
        made = await api.post(ASSETS, text(value="between us", Tags=tags), folder=folder)
        await api.put(one(made), text("Renamed"), folder=folder)
        await api.delete(one(made), folder=folder)
        rows = await api.node.rows(
            "SELECT type, payload FROM kernel.outbox WHERE tenant_id = $1 AND type LIKE 'asset.%' ORDER BY id",
            api.tenant_id,
        )
        assert [row["type"] for row in rows] == ["asset.created", "asset.updated", "asset.deleted"]
        first, _, last = (msgspec.json.decode(row["payload"]) for row in rows)
        assert (first["name"], first["assetType"], first["assetScope"]) == ("Greeting", "Text", "Global")
        assert (first["key"], first["folderKeys"]) == (made["Key"], [folder["Key"]])
        assert first["tags"][0]["DisplayName"] == "env"
        assert "between us" not in rows[0]["payload"]
        assert last["folderKeys"] == [folder["Key"]]


class TestListAssets:
    async def test_200_filtered_sorted_and_by_pages(self, api: Any, folder: Any) -> None:
        for name in ("b", "A", "c"):
            await api.post(ASSETS, text(name, description := f"about {name}", Description=description), folder=folder)
        path = f"{ASSETS}/{ODATA}.GetFiltered"
        page = await api.get(f"{path}?$orderby=Name&$top=2", folder=folder)
        assert ([each["Name"] for each in page["value"]], page["@odata.count"]) == (["A", "b"], 3)
        (found,) = (await api.get(f"{path}?$filter=Name eq 'a'&$top=1", folder=folder))["value"]
        assert found["Name"] == "A"
        found = await api.get(f"{path}?$filter=contains(Description,'T B')", folder=folder)
        assert [each["Name"] for each in found["value"]] == ["b"]
        await api.get(f"{path}?$filter=CredentialPassword eq 'x'", folder=folder, expect=400)

    async def test_200_the_older_list_leaves_secrets_out(self, api: Any, folder: Any) -> None:
        await api.post(ASSETS, secret(), folder=folder)
        await api.post(ASSETS, credential(), folder=folder)
        shown = (await api.get(ASSETS, folder=folder))["value"]
        assert [(each["Name"], each["CredentialUsername"]) for each in shown] == [("Login", "bob")]
        assert len((await api.get(f"{ASSETS}/{ODATA}.GetFiltered", folder=folder))["value"]) == 2

    async def test_200_across_the_folders_where_the_caller_may(self, api: Any, given: Any, folder: Any) -> None:
        other, closed = await given.folder("Other"), await given.folder("Closed")
        for place in (folder, other, closed):
            await api.post(ASSETS, text(place["DisplayName"]), folder=place)
        user = await api.as_role("Automation User", folder=folder)
        async with user.node.db.transaction() as db:
            await _join(db, user, other)
        for path, names in (
            (f"{ASSETS}/{ODATA}.GetFiltered?$orderby=Name", ["Home", "Other"]),
            (f"{ASSETS}/{ODATA}.GetAssetsAcrossFolders?$orderby=Name", ["Home", "Other"]),
            (f"{ASSETS}/{ODATA}.GetAssetsAcrossFolders?excludeFolderId={other['Id']}", ["Home"]),
        ):
            assert [each["Name"] for each in (await user.get(path))["value"]] == names
        await user.get(f"{ASSETS}/{ODATA}.GetFiltered", folder=closed, expect=400)

    async def test_without_any_right_403_or_nothing(self, api: Any, folder: Any) -> None:
        await api.post(ASSETS, text(), folder=folder)
        member = api.as_role(folder=folder)
        await member.get(f"{ASSETS}/{ODATA}.GetFiltered", expect=403)
        assert (await member.get(f"{ASSETS}/{ODATA}.GetAssetsAcrossFolders"))["value"] == []

    async def test_200_user_values_go_with_user_and_machine(self, api: Any, given: Any, folder: Any) -> None:
        machine = await given.machine("Gone")
        values = [{"MachineId": machine["Id"], "StringValue": "x"}, {"UserId": api.user_id, "StringValue": "y"}]
        made = await api.post(ASSETS, text(ValueScope="PerRobot", UserValues=values), folder=folder)
        await api.delete(f"/odata/Machines({machine['Id']})")
        shown = (await api.get(f"{ASSETS}?$expand=UserValues", folder=folder))["value"]
        assert [[each["Value"] for each in asset["UserValues"]] for asset in shown] == [["y"]]
        assert made["FoldersCount"] == 1


async def _join(db: Any, user: Any, folder: Any) -> None:
    await access.join_folder(db, user.tenant_id, folder["Id"], user.user_id, ["Automation User"], user.node.clock())
    user.node.port(AccessResolver).forget()


class TestReadAsset:
    async def test_404_in_another_folder(self, api: Any, given: Any, folder: Any) -> None:
        made = await api.post(ASSETS, text(), folder=folder)
        other = await given.folder("Other")
        for method in ("GET", "DELETE"):
            answer = await api.request(method, one(made), folder=other)
            assert (answer.status, answer.json["errorCode"]) == (404, 1002)
        assert (await api.request("PUT", one(made), text(), folder=other)).status == 404
        assert (await api.get(one(made), folder=folder))["Id"] == made["Id"]


class TestReplaceAsset:
    async def test_200_replaces_everything(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, text(Description="old", Tags=[{"Name": "t"}]), folder=folder)
        put = await api.put(one(made), text("New", "other"), folder=folder, expect=200)
        assert (put["Name"], put["StringValue"], put["Description"], put["Tags"]) == ("New", "other", None, [])
        assert (put["Key"], put["CreationTime"]) == (made["Key"], made["CreationTime"])
        assert put["LastModifierUserId"] == api.user_id

    async def test_200_a_new_type_drops_the_old_value(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, credential(), folder=folder)
        changed = {"Name": "Login", "ValueScope": "Global", "ValueType": "Bool", "BoolValue": True}
        put = await api.put(one(made), changed, folder=folder)
        assert (put["ValueType"], put["CredentialUsername"], put["Value"]) == ("Bool", "", "True")
        assert await sealed(api, made) == [None]
        answer = await api.request("PUT", one(made), credential(CredentialPassword=None), folder=folder)
        assert (answer.status, "CredentialPassword" in answer.json["message"]) == (400, True)

    async def test_200_a_type_that_is_not_given_stays(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, {**text(), "ValueType": "Integer", "IntValue": 1}, folder=folder)
        put = await api.put(one(made), {"Name": "N", "ValueScope": "Global", "IntValue": 2}, folder=folder)
        assert (put["ValueType"], put["IntValue"]) == ("Integer", 2)

    async def test_200_keeps_the_password_of_the_same_user(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, credential(AllowDirectApiAccess=True), folder=folder)
        kept = credential(Description="described", CredentialPassword="")
        before = await sealed(api, made)
        put = await api.put(one(made), kept, folder=folder)
        assert (put["Description"], put["AllowDirectApiAccess"]) == ("described", True)
        assert await sealed(api, made) == before
        assert (await in_clear(api, folder, "Login"))["CredentialPassword"] == PASSWORD

    async def test_400_1500_for_another_user_without_password(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, credential(), folder=folder)
        body = credential(CredentialUsername="eve", CredentialPassword=None)
        answer = await api.request("PUT", one(made), body, folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (400, 1500)
        assert (await api.get(one(made), folder=folder))["CredentialUsername"] == "bob"

    async def test_200_a_new_password_and_a_new_secret(self, api: Any, folder: Any) -> None:
        for body, member in ((credential(), "CredentialPassword"), (secret(), "SecretValue")):
            made = await api.post(ASSETS, {**body, "AllowDirectApiAccess": True}, folder=folder)
            await api.put(one(made), {**body, member: None}, folder=folder)
            assert (await in_clear(api, folder, body["Name"]))[member] == PASSWORD
            await api.put(one(made), {**body, member: "new"}, folder=folder)
            assert (await in_clear(api, folder, body["Name"]))[member] == "new"

    async def test_200_values_that_are_left_out_go(self, api: Any, folder: Any) -> None:
        somebody = await api.as_role()
        values = [
            {"UserId": id_, "CredentialUsername": "u", "CredentialPassword": f"password of {id_}"}
            for id_ in (api.user_id, somebody.user_id)
        ]
        body = {"Name": "P", "ValueScope": "PerRobot", "ValueType": "Credential", "AllowDirectApiAccess": True}
        made = await api.post(ASSETS, {**body, "UserValues": values}, folder=folder)
        kept = [{"UserId": api.user_id, "CredentialUsername": "u"}]
        await api.put(one(made), {**body, "UserValues": kept}, folder=folder)
        assert (await in_clear(api, folder, "P"))["CredentialPassword"] == f"password of {api.user_id}"
        assert len(await sealed(api, made)) == 1
        await api.put(one(made), body, folder=folder)
        assert await sealed(api, made) == []

    async def test_400_one_bad_user_leaves_everything(self, api: Any, folder: Any) -> None:
        mine = {"UserId": api.user_id, "StringValue": "mine"}
        made = await api.post(ASSETS, text(ValueScope="PerRobot", UserValues=[mine]), folder=folder)
        bad = [{**mine, "StringValue": "changed"}, {"UserId": UNKNOWN, "StringValue": "x"}]
        answer = await api.request("PUT", one(made), text("New", ValueScope="PerRobot", UserValues=bad), folder=folder)
        assert (answer.status, "UserValues[1].UserId" in answer.json["message"]) == (400, True)
        after = await api.get(f"{one(made)}?$expand=UserValues", folder=folder)
        assert (after["Name"], after["UserValues"][0]["Value"]) == ("Greeting", "mine")

    async def test_409_name_is_used(self, api: Any, folder: Any) -> None:
        await api.post(ASSETS, text("One"), folder=folder)
        made = await api.post(ASSETS, text("Two"), folder=folder)
        answer = await api.request("PUT", one(made), text("ONE"), folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (409, 1001)
        await api.put(one(made), text("TWO"), folder=folder, expect=200)

    async def test_403_for_who_may_only_look(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, text(), folder=folder)
        user = api.as_role("Automation User", folder=folder)
        await user.get(one(made), folder=folder)
        await user.put(one(made), text("New"), folder=folder, expect=403)
        await user.delete(one(made), folder=folder, expect=403)
        await user.post(ASSETS, text("Another"), folder=folder, expect=403)


class TestDeleteAsset:
    async def test_204_from_every_folder(self, api: Any, given: Any, folder: Any) -> None:
        other = await given.folder("Other")
        made = await api.post(ASSETS, credential(), folder=folder)
        body = {"AssetIds": [made["Id"]], "ToAddFolderIds": [other["Id"]]}
        await api.post(f"{ASSETS}/{ODATA}.ShareToFolders", body)
        await api.delete(one(made), folder=other, expect=204)
        await api.get(one(made), folder=folder, expect=404)
        assert await sealed(api, made) == []

    async def test_409_when_it_was_made_to_stay(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, text(CanBeDeleted=False), folder=folder)
        await api.delete(one(made), folder=folder, expect=409)
        await api.put(one(made), text(CanBeDeleted=True), folder=folder)
        await api.delete(one(made), folder=folder, expect=204)

    async def test_a_folder_with_assets_stays(self, api: Any, folder: Any) -> None:
        made = await api.post(ASSETS, text(), folder=folder)
        answer = await api.request("DELETE", f"/odata/Folders({folder['Id']})")
        assert 400 <= answer.status < 500
        assert (await api.get(one(made), folder=folder))["Id"] == made["Id"]
        await api.delete(one(made), folder=folder)
        await api.delete(f"/odata/Folders({folder['Id']})", expect=204)


class TestDeleteFolder:
    async def test_400_names_the_assets_in_it(self, api: Any, given: Any) -> None:
        folder = await given.folder("With an asset")
        await api.post(
            "/odata/Assets",
            {"Name": "kept", "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"},
            folder=folder,
        )
        answer = await api.request("DELETE", f"/odata/Folders({folder['Id']})")
        assert (answer.status, answer.json["errorCode"]) == (400, 1012), answer.text
        assert "Assets" in answer.json["message"]

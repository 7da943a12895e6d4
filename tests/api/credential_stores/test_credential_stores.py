"""Stores: making, changing, deleting, defaults, and that nobody sees what is secret in them."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from podium.kernel.keyring import Keyring
from podium.server.sealed_columns import SEALED_COLUMNS

from .conftest import STORES, built_in, set_default

BASE = f"{STORES}/UiPath.Server.Configuration.OData"
SETTINGS = "/odata/Settings/UiPath.Server.Configuration.OData"
TOKEN = "planted-token-77c1"
MASK = "********"
VAULT = {
    "VaultUri": "https://vault.acme.test:8200",
    "AuthenticationType": "Token",
    "Token": TOKEN,
    "SecretsEngine": "KeyValueV2",
    "DataPath": "apps",
}
ASSET = {
    "ValueScope": "Global",
    "ValueType": "Credential",
    "CredentialUsername": "bob",
    "CredentialPassword": "fern 41",
}


def body(name: str = "Vault", type_: str = "HashiCorpVault", **members: Any) -> dict[str, Any]:
    return {"Name": name, "Type": type_, "AdditionalConfiguration": json.dumps({**VAULT, **members})}


async def asset(api: Any, given: Any, store_id: int | None = None, **members: Any) -> Any:
    folder = await given.folder()
    made = {"Name": "Login", **ASSET, "CredentialStoreId": store_id, **members}
    return folder, await api.post("/odata/Assets", made, folder=folder)


async def stored_token(api: Any, store_id: int) -> str:
    (row,) = await api.node.rows(
        "SELECT sealed FROM orchestrator.credential_stores WHERE tenant_id = $1 AND id = $2", api.tenant_id, store_id
    )
    keyring = api.node.port(Keyring)
    text = keyring.open(
        row["sealed"], owner=api.tenant_id, table="orchestrator.credential_stores", row=store_id, column="sealed"
    )
    return str(json.loads(text)["Token"])


class TestListStores:
    async def test_200_every_tenant_has_the_database(self, api: Any) -> None:
        (row,) = (await api.get(STORES))["value"]
        assert (row["Name"], row["Type"], row["Details"]) == (
            "Orchestrator Database",
            "Database",
            {"IsReadOnly": False},
        )

    async def test_200_without_how_a_store_is_reached(self, api: Any) -> None:
        await api.post(STORES, body())
        answer = await api.request("GET", STORES, params={"$select": "Name,AdditionalConfiguration"})
        assert "vault.acme.test" not in answer.text
        assert {row["AdditionalConfiguration"] for row in answer.json["value"]} == {None}

    async def test_200_for_who_uses_stores_in_a_folder(self, api: Any, given: Any) -> None:
        folder = await given.folder()
        someone = await api.as_role("Automation User", folder=folder)
        assert (await someone.get(STORES, folder=folder))["value"]

    async def test_403_without_any_of_the_rights(self, api: Any) -> None:
        assert (await (await api.as_role()).request("GET", STORES)).status == 403

    async def test_200_not_another_tenants(self, api: Any) -> None:
        await api.post(STORES, body())
        assert len((await api.tenant("other").get(STORES))["value"]) == 1


class TestReadStore:
    async def test_200_masks_what_is_secret(self, api: Any) -> None:
        made = await api.post(STORES, body())
        answer = await api.request("GET", f"{STORES}({made['Id']})")
        assert TOKEN not in answer.text
        assert json.loads(answer.json["AdditionalConfiguration"]) == {**VAULT, "Token": MASK}

    async def test_200_expands_what_it_is_the_default_for(self, api: Any) -> None:
        path = f"{STORES}({await built_in(api)})"
        shown = await api.get(path, params={"$expand": "DefaultCredentialStores"})
        found = [one["ResourceType"] for one in shown["DefaultCredentialStores"]]
        assert found == ["AssetCredential", "RobotCredential", "BucketCredential", "Secrets"]

    async def test_404_for_another_tenants(self, api: Any) -> None:
        made = await api.post(STORES, body())
        await api.tenant("other").get(f"{STORES}({made['Id']})", expect=404)


class TestCreateStore:
    async def test_201_and_the_secret_is_sealed(self, api: Any) -> None:
        made = await api.post(STORES, body(), expect=201)
        assert (made["Name"], made["Type"], made["Details"]["IsReadOnly"]) == ("Vault", "HashiCorpVault", False)
        rows = await api.node.rows(
            "SELECT to_jsonb(t)::text, t.sealed FROM orchestrator.credential_stores t WHERE tenant_id = $1",
            api.tenant_id,
        )
        assert all(TOKEN not in row[0] and TOKEN.encode() not in (row[1] or b"") for row in rows)
        assert await stored_token(api, made["Id"]) == TOKEN
        assert "orchestrator.credential_stores" in {column.table for column in SEALED_COLUMNS}

    async def test_201_a_type_in_any_case_and_a_read_only_one(self, api: Any) -> None:
        made = await api.post(STORES, body(type_="hashicorpvaultREADONLY"), expect=201)
        assert (made["Type"], made["Details"]) == ("HashiCorpVaultReadOnly", {"IsReadOnly": True})

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"Type": "CyberArk"}, "Type"),
            ({"Type": "Database"}, "Type"),
            ({"Name": "  "}, "Name"),
            ({"Name": "x" * 129}, "Name"),
            ({"AdditionalConfiguration": "{"}, "AdditionalConfiguration"),
            ({"AdditionalConfiguration": "[]"}, "AdditionalConfiguration"),
            ({"AdditionalConfiguration": None}, "VaultUri"),
            ({"AdditionalConfiguration": json.dumps({**VAULT, "Tokem": "x"})}, "Tokem"),
            ({"AdditionalConfiguration": json.dumps({**VAULT, "Token": ""})}, "Token"),
            ({"AdditionalConfiguration": json.dumps({**VAULT, "Token": {"a": 1}})}, "Token"),
            ({"AdditionalConfiguration": json.dumps({**VAULT, "VaultUri": "file:///etc/passwd"})}, "VaultUri"),
            ({"AdditionalConfiguration": json.dumps({**VAULT, "AuthenticationType": "Ldap"})}, "AuthenticationType"),
            ({"AdditionalConfiguration": json.dumps({**VAULT, "AuthenticationType": "AppRole"})}, "RoleId"),
            ({"AdditionalConfiguration": json.dumps({**VAULT, "DataPath": "../other"})}, "DataPath"),
            ({"ProxyId": 3}, "ProxyId"),
        ],
    )
    async def test_400_names_what_is_wrong(self, api: Any, members: Any, named: str) -> None:
        answer = await api.post(STORES, {**body(), **members}, expect=400)
        assert named in answer["message"]
        assert TOKEN not in answer["message"]

    async def test_409_for_a_name_that_is_taken(self, api: Any) -> None:
        await api.post(STORES, body("orchestrator DATABASE"), expect=409)

    async def test_the_audit_has_no_secret(self, api: Any) -> None:
        made = await api.post(STORES, body())
        await api.put(f"{STORES}({made['Id']})", body(Token="another-planted"))
        rows = await api.node.rows("SELECT to_jsonb(a)::text FROM kernel.audit a WHERE tenant_id = $1", api.tenant_id)
        assert len(rows) == 2
        assert all(TOKEN not in row[0] and "another-planted" not in row[0] for row in rows)


class TestReplaceStore:
    @pytest.mark.parametrize("token", [MASK, None])
    async def test_200_the_secret_stays(self, api: Any, token: str | None) -> None:
        made = await api.post(STORES, body())
        shown = await api.put(f"{STORES}({made['Id']})", body("Renamed", Token=token, DataPath="other"), expect=200)
        assert shown["Name"] == "Renamed"
        assert json.loads(shown["AdditionalConfiguration"])["DataPath"] == "other"
        assert await stored_token(api, made["Id"]) == TOKEN

    async def test_200_a_new_secret(self, api: Any) -> None:
        made = await api.post(STORES, body())
        await api.put(f"{STORES}({made['Id']})", body(Token="next"))
        assert await stored_token(api, made["Id"]) == "next"

    async def test_400_the_secret_goes_to_no_other_address(self, api: Any) -> None:
        """Who may change a store but not see its token must not be able to have it sent to himself."""
        made = await api.post(STORES, body())
        moved = body(Token=MASK, VaultUri="https://thief.test")
        answer = await api.put(f"{STORES}({made['Id']})", moved, expect=400)
        assert "Token" in answer["message"]
        await api.put(f"{STORES}({made['Id']})", body(Token="own", VaultUri="https://thief.test"), expect=200)

    async def test_400_for_another_type(self, api: Any) -> None:
        made = await api.post(STORES, body())
        await api.put(f"{STORES}({made['Id']})", body(type_="HashiCorpVaultReadOnly"), expect=400)

    async def test_409_for_the_database(self, api: Any) -> None:
        await api.put(f"{STORES}({await built_in(api)})", {"Name": "Mine", "Type": "Database"}, expect=409)

    async def test_403_for_who_may_only_look(self, api: Any) -> None:
        made = await api.post(STORES, body())
        reader = await api.as_role("Allow to be Automation User")
        await reader.get(f"{STORES}({made['Id']})")
        await reader.put(f"{STORES}({made['Id']})", body(), expect=403)


class TestNaming:
    """What names a store names one that is there."""

    async def test_400_for_a_robot_of_a_store_that_is_not_there(self, api: Any) -> None:
        robot = {"Name": "R9", "Type": "Unattended", "HostingType": "Floating", "Username": "acme\\r9"}
        for other in (999_999, await store_of_another_tenant(api)):
            answer = await api.post("/odata/Robots", {**robot, "CredentialStoreId": other}, expect=400)
            assert "CredentialStoreId" in answer["message"]
        made = await api.post("/odata/Robots", {**robot, "CredentialStoreId": await built_in(api)})
        await api.patch(f"/odata/Robots({made['Id']})", {"CredentialStoreId": 999_999}, expect=400)
        assert (await api.get(f"/odata/Robots({made['Id']})"))["CredentialStoreId"] == await built_in(api)

    async def test_400_for_a_bucket_of_a_store_that_is_not_there(self, api: Any, given: Any) -> None:
        folder = await given.folder("Finance")
        bucket = {"Name": "Files", "Identifier": str(uuid4())}
        await api.post("/odata/Buckets", {**bucket, "CredentialStoreId": 999_999}, folder=folder, expect=400)
        made = await api.post("/odata/Buckets", bucket, folder=folder)
        changed = {**bucket, "CredentialStoreId": 999_999}
        answer = await api.put(f"/odata/Buckets({made['Id']})", changed, folder=folder, expect=400)
        assert "CredentialStoreId" in answer["message"]

    async def test_400_for_a_users_robot_of_a_store_that_is_not_there(self, api: Any) -> None:
        user = await api.as_role("Automation User")
        robot = {"UserName": "acme\\u1", "Password": "lantern 53 quill", "CredentialStoreId": 999_999}
        changed = {"UnattendedRobot": robot, "MayHaveUnattendedSession": True}
        answer = await api.patch(f"/odata/Users({user.user_id})", changed, expect=400)
        assert "CredentialStoreId" in answer["message"]


async def store_of_another_tenant(api: Any) -> int:
    made = await api.tenant("elsewhere").post(STORES, body())
    return int(made["Id"])


class TestDeleteStore:
    async def test_204_one_that_nothing_uses(self, api: Any) -> None:
        made = await api.post(STORES, body())
        await api.delete(f"{STORES}({made['Id']})", expect=204)
        await api.get(f"{STORES}({made['Id']})", expect=404)

    async def test_409_for_the_database(self, api: Any) -> None:
        await api.delete(f"{STORES}({await built_in(api)})", params={"forceDelete": "true"}, expect=409)

    async def test_409_while_it_is_used(self, api: Any, given: Any) -> None:
        made = await api.post(STORES, body())
        folder, login = await asset(
            api, given, made["Id"], ExternalName="login", CredentialUsername="", CredentialPassword=""
        )
        await api.delete(f"{STORES}({made['Id']})", expect=409)
        shown = await api.get(f"/odata/Assets({login['Id']})", folder=folder)
        assert shown["CredentialStoreId"] == made["Id"]

    async def test_204_by_force_what_used_it_goes_to_the_default_without_secrets(self, api: Any, given: Any) -> None:
        made = await api.post(STORES, body())
        folder, login = await asset(
            api, given, made["Id"], ExternalName="login", CredentialUsername="", CredentialPassword=""
        )
        robot = {"Name": "R9", "Type": "Unattended", "HostingType": "Floating", "Username": "acme\\r9"}
        robot = await api.post("/odata/Robots", {**robot, "CredentialStoreId": made["Id"]})
        await api.delete(f"{STORES}({made['Id']})", params={"forceDelete": "true"}, expect=204)
        database = await built_in(api)
        shown = await api.get(f"/odata/Assets({login['Id']})", folder=folder)
        assert (shown["CredentialStoreId"], shown["ExternalName"], shown["CredentialUsername"]) == (database, None, "")
        assert (await api.get(f"/odata/Robots({robot['Id']})"))["CredentialStoreId"] == database

    async def test_204_by_force_the_default_that_goes_is_the_database_again(self, api: Any, given: Any) -> None:
        made = await api.post(STORES, body())
        await set_default(api, made["Id"], "AssetCredential")
        await asset(api, given, ExternalName="login", CredentialUsername="", CredentialPassword="")
        await api.delete(f"{STORES}({made['Id']})", params={"forceDelete": "true"}, expect=204)
        assert await default(api, "AssetCredential") == await built_in(api)


async def default(api: Any, resource_type: str) -> int:
    found = await api.get(f"{BASE}.GetDefaultStoreForResourceType(resourceType='{resource_type}')")
    return int(found["value"])


class TestDefaults:
    async def test_200_the_database_until_another_is_set(self, api: Any) -> None:
        made = await api.post(STORES, body())
        assert await default(api, "AssetCredential") == await built_in(api)
        await set_default(api, made["Id"], "AssetCredential", expect=200)
        assert await default(api, "AssetCredential") == made["Id"]
        assert await default(api, "Secrets") == await built_in(api)

    async def test_200_clients_wrap_it_and_say_asset(self, api: Any) -> None:
        made = await api.post(STORES, body())
        path = f"{STORES}({made['Id']})/UiPath.Server.Configuration.OData.SetDefaultStoreForResourceType"
        await api.post(path, {"setDefaultStoreForResourceType": {"resourceType": "Asset"}}, expect=200)
        assert await default(api, "asset") == made["Id"]

    async def test_400_for_a_kind_that_is_none(self, api: Any) -> None:
        await set_default(api, await built_in(api), "Socks", expect=400)
        await api.get(f"{BASE}.GetDefaultStoreForResourceType(resourceType='Socks')", expect=400)

    async def test_400_without_a_kind(self, api: Any) -> None:
        path = f"{STORES}({await built_in(api)})/UiPath.Server.Configuration.OData.SetDefaultStoreForResourceType"
        await api.post(path, {}, expect=400)

    async def test_404_for_a_store_that_is_none(self, api: Any) -> None:
        await set_default(api, 999_999_999, "AssetCredential", expect=404)


class TestResources:
    async def test_200_of_one_store_and_kind(self, api: Any, given: Any) -> None:
        _, login = await asset(api, given)
        await asset(api, given, Name="Key", ValueType="Secret", SecretValue="x")
        path = f"{BASE}.GetResourcesForCredentialStoreTypes(key={await built_in(api)},resourceType='{{}}')"
        found = (await api.get(path.format("AssetCredential")))["value"]
        assert found == [{"Name": "Login", "Type": "AssetCredential", "Id": login["Id"]}]
        assert [one["Name"] for one in (await api.get(path.format("Secrets")))["value"]] == ["Key"]
        assert (await api.get(path.format("RobotCredential")))["value"] == []

    async def test_404_for_a_store_or_a_proxy_that_is_none(self, api: Any) -> None:
        for name in ("GetResourcesForCredentialStoreTypes", "GetResourcesForCredentialsProxyResourceTypes"):
            await api.get(f"{BASE}.{name}(key=999999999,resourceType='AssetCredential')", expect=404)


class TestTypes:
    async def test_200_all_that_this_installation_has(self, api: Any) -> None:
        found = (await api.get(f"{BASE}.GetAvailableCredentialStoreTypes"))["value"]
        assert found == ["Database", "HashiCorpVault", "HashiCorpVaultReadOnly", "Environment", "Files"]

    async def test_404_for_a_proxy(self, api: Any) -> None:
        await api.get(f"{BASE}.GetAvailableCredentialStoreTypes", params={"proxyId": "1"}, expect=404)

    async def test_200_what_a_type_must_be_told(self, api: Any) -> None:
        found = (await api.get(f"{SETTINGS}.GetSecureStoreConfiguration(storeTypeName='HashiCorpVault')"))["value"]
        kinds = {one["Key"]: one["ValueType"] for one in found}
        assert (kinds["VaultUri"], kinds["Token"], kinds["SecretsEngine"]) == ("String", "Secret", "Choice")
        assert (await api.get(f"{SETTINGS}.GetSecureStoreConfiguration(storeTypeName='Database')"))["value"] == []

    async def test_404_for_a_type_that_is_none(self, api: Any) -> None:
        await api.get(f"{SETTINGS}.GetSecureStoreConfiguration(storeTypeName='CyberArk')", expect=404)


class TestNewTenants:
    async def test_a_second_start_makes_no_second_database(self, api: Any) -> None:
        from podium.orchestrator.credential_stores import actions

        await api
        async with api.node.db.transaction() as db:
            await actions.ensure_built_in(db, api.tenant_id, api.node.clock())
        assert len((await api.get(STORES))["value"]) == 1

"""Assets whose secrets another store keeps: a real Vault, files and variables."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from .conftest import STORES, Vault, configuration, free_port, store

ASSETS = "/odata/Assets"
READ = f"{ASSETS}/UiPath.Server.Configuration.OData.GetRobotAssetByNameForRobotKey"
SET = f"{ASSETS}/UiPath.Server.Configuration.OData.SetRobotAssetByRobotKey"
PASSWORD = "planted fern 41"


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder()


def credential(store_id: int | None, user: str = "bob", password: str = PASSWORD, **members: Any) -> dict[str, Any]:
    return {
        "Name": "Login",
        "ValueScope": "Global",
        "ValueType": "Credential",
        "CredentialUsername": user,
        "CredentialPassword": password,
        "CredentialStoreId": store_id,
        "AllowDirectApiAccess": True,
        **members,
    }


def secret(store_id: int | None, value: str = PASSWORD, **members: Any) -> dict[str, Any]:
    return {**credential(store_id, "", ""), "Name": "Key", "ValueType": "Secret", "SecretValue": value, **members}


async def read(api: Any, folder: Any, name: str = "Login", **options: Any) -> Any:
    return await api.post(READ, {"assetName": name}, folder=folder, **options)


async def nothing_is_kept_here(api: Any) -> bool:
    rows = await api.node.rows(
        "SELECT t.sealed, to_jsonb(t)::text AS text FROM orchestrator.asset_values t WHERE t.tenant_id = $1",
        api.tenant_id,
    )
    return all(row["sealed"] is None and PASSWORD not in row["text"] for row in rows)


@pytest.mark.parametrize("engine", ["KeyValueV1", "KeyValueV2"])
class TestWritableVault:
    async def test_a_credential_is_written_through_and_read_again(
        self, api: Any, folder: Any, vault: Vault, engine: str
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, SecretsEngine=engine))
        made = await api.post(ASSETS, credential(id_), folder=folder, expect=201)
        assert made["ExternalName"].startswith("podium-Login-")
        assert (made["CredentialStoreId"], made["CredentialUsername"]) == (id_, "")
        assert await nothing_is_kept_here(api)
        found = await read(api, folder)
        assert (found["CredentialUsername"], found["CredentialPassword"]) == ("bob", PASSWORD)

    async def test_a_secret_under_the_name_that_is_given(
        self, api: Any, folder: Any, vault: Vault, engine: str
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, SecretsEngine=engine))
        await api.post(ASSETS, secret(id_, ExternalName="team/api key"), folder=folder)
        assert (await read(api, folder, "Key"))["SecretValue"] == PASSWORD
        assert await nothing_is_kept_here(api)


class TestVault:
    async def test_what_is_in_the_vault_is_what_the_vendor_writes(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="shape"))
        await api.post(ASSETS, credential(id_, ExternalName="login"), folder=folder)
        await api.post(ASSETS, secret(id_, ExternalName="key"), folder=folder)
        assert await vault.get("shape/login") == {"Username": "bob", "Password": PASSWORD}
        assert await vault.get("shape/key") == {"key": PASSWORD}

    async def test_by_app_role(self, api: Any, folder: Any, vault: Vault) -> None:
        role_id, secret_id = await vault.app_role()
        settings = configuration(vault, AuthenticationType="AppRole", Token=None, RoleId=role_id, SecretId=secret_id)
        id_ = await store(api, "HashiCorpVault", settings)
        await api.post(ASSETS, credential(id_), folder=folder)
        assert (await read(api, folder))["CredentialPassword"] == PASSWORD

    async def test_what_the_vault_has_now_is_read(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault, DataPath="now"))
        await vault.put("now/login", username="eve", password="one")
        await api.post(ASSETS, credential(id_, "", "", ExternalName="login"), folder=folder)
        assert (await read(api, folder))["CredentialPassword"] == "one"
        await vault.put("now/login", username="eve", password="two")
        assert (await read(api, folder))["CredentialPassword"] == "two"

    async def test_a_read_only_store_takes_the_assets_name(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault, DataPath="named"))
        await vault.put("named/Login", Username="eve", Password=PASSWORD)
        await api.post(ASSETS, credential(id_, "", ""), folder=folder)
        assert (await read(api, folder))["CredentialUsername"] == "eve"

    async def test_400_a_read_only_store_is_not_written(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        for body, member in ((credential(id_, ""), "CredentialPassword"), (secret(id_), "SecretValue")):
            answer = await api.post(ASSETS, body, folder=folder, expect=400)
            assert member in answer["message"]
            assert PASSWORD not in answer["message"]

    async def test_a_change_of_the_description_writes_nothing(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="still"))
        made = await api.post(ASSETS, credential(id_, ExternalName="login"), folder=folder)
        await vault.put("still/login", Username="rotated", Password="elsewhere")
        shown = await api.put(f"{ASSETS}({made['Id']})", {**made, "Description": "New"}, folder=folder)
        assert shown["ExternalName"] == "login"
        assert (await read(api, folder))["CredentialPassword"] == "elsewhere"

    async def test_400_a_new_user_needs_a_password(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        made = await api.post(ASSETS, credential(id_), folder=folder)
        changed = {**made, "CredentialUsername": "eve"}
        answer = await api.put(f"{ASSETS}({made['Id']})", changed, folder=folder, expect=400)
        assert answer["errorCode"] == 1500

    async def test_moving_here_and_back_needs_the_secret(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        database = (await api.get(STORES, params={"$filter": "Type eq 'Database'"}))["value"][0]["Id"]
        made = await api.post(ASSETS, credential(None), folder=folder)
        assert made["CredentialStoreId"] == database
        path = f"{ASSETS}({made['Id']})"
        await api.put(path, credential(id_, password=""), folder=folder, expect=400)
        assert (await read(api, folder))["CredentialPassword"] == PASSWORD
        await api.put(path, credential(id_, password="outside"), folder=folder)
        assert await nothing_is_kept_here(api)
        assert (await read(api, folder))["CredentialPassword"] == "outside"
        await api.put(path, credential(database, password=""), folder=folder, expect=400)
        await api.put(path, credential(database, password="inside"), folder=folder)
        assert (await read(api, folder))["CredentialPassword"] == "inside"

    async def test_a_robot_writes_through(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        await api.post(ASSETS, credential(id_), folder=folder)
        robot = {"Name": "R9", "Type": "Unattended", "HostingType": "Floating", "Username": "acme\\r9"}
        robot_id = (await api.post("/odata/Robots", robot))["Id"]
        ((key,),) = await api.node.rows(
            "SELECT key::text FROM orchestrator.robots WHERE tenant_id = $1 AND id = $2", api.tenant_id, robot_id
        )
        value = {"Name": "Login", "ValueType": "Credential", "CredentialUsername": "eve", "CredentialPassword": "next"}
        await api.post(SET, {"robotKey": key, "robotAsset": value}, folder=folder)
        found = await read(api, folder)
        assert (found["CredentialUsername"], found["CredentialPassword"]) == ("eve", "next")
        other = {**value, "CredentialStoreId": id_ + 1_000_000}
        await api.post(SET, {"robotKey": key, "robotAsset": other}, folder=folder, expect=400)

    async def test_the_default_store_takes_what_names_none(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        path = f"{STORES}({id_})/UiPath.Server.Configuration.OData.SetDefaultStoreForResourceType"
        await api.post(path, {"resourceType": "Secrets"})
        assert (await api.post(ASSETS, secret(None), folder=folder))["CredentialStoreId"] == id_
        assert (await api.post(ASSETS, credential(None), folder=folder))["CredentialStoreId"] != id_
        text = {"Name": "T", "ValueScope": "Global", "ValueType": "Text", "StringValue": "x"}
        assert (await api.post(ASSETS, text, folder=folder))["CredentialStoreId"] is None


class TestFailures:
    async def test_400_for_a_store_that_is_none_or_another_tenants(self, api: Any, folder: Any) -> None:
        foreign = (await api.tenant("other").get(STORES))["value"][0]["Id"]
        for id_ in (999_999_999, foreign):
            answer = await api.post(ASSETS, credential(id_), folder=folder, expect=400)
            assert "CredentialStoreId" in answer["message"]

    async def test_404_for_a_name_that_the_store_does_not_have(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        await api.post(ASSETS, credential(id_, "", "", ExternalName="gone"), folder=folder)
        answer = await read(api, folder, expect=404)
        assert "gone" in answer["message"]

    async def test_409_when_the_store_refuses(self, api: Any, folder: Any, vault: Vault) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, Token="wrong-planted-token"))
        answer = await api.post(ASSETS, credential(id_), folder=folder, expect=409)
        assert "wrong-planted-token" not in answer["message"]
        assert PASSWORD not in answer["message"]
        assert (await api.get(f"{ASSETS}/UiPath.Server.Configuration.OData.GetFiltered", folder=folder))["value"] == []

    async def test_503_when_the_store_is_away(self, api: Any, folder: Any, vault: Vault) -> None:
        settings = configuration(vault, VaultUri=f"http://127.0.0.1:{free_port()}")
        id_ = await store(api, "HashiCorpVaultReadOnly", settings)
        await api.post(ASSETS, credential(id_, "", "", ExternalName="login"), folder=folder)
        answer = await api.request("POST", READ, {"assetName": "Login"}, folder=folder)
        assert (answer.status, "retry-after" in answer.headers) == (503, True)

    async def test_409_an_address_that_the_operator_does_not_allow(self, api: Any, folder: Any, vault: Vault) -> None:
        settings = configuration(vault, VaultUri="http://169.254.169.254/latest")
        id_ = await store(api, "HashiCorpVaultReadOnly", settings)
        await api.post(ASSETS, credential(id_, "", "", ExternalName="login"), folder=folder)
        assert "not a public one" in (await read(api, folder, expect=409))["message"]

    @pytest.mark.parametrize("name", ["../login", "a//b", "a/./b", "a\x01b"])
    async def test_409_a_name_that_leads_elsewhere(self, api: Any, folder: Any, vault: Vault, name: str) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        await api.post(ASSETS, credential(id_, "", "", ExternalName=name), folder=folder)
        await read(api, folder, expect=409)

    @pytest.mark.parametrize(
        "answer",
        [
            b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]",
            b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nnot json!",
            b"HTTP/1.1 200 OK\r\n\r\n" + b'{"data":"' + b"x" * 3_000_000 + b'"}',
            b"HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:1/\r\ncontent-length: 0\r\n\r\n",
            b"HTTP/1.1 500 Oops\r\ncontent-length: 0\r\n\r\n",
            b"nonsense",
        ],
        ids=["list", "text", "endless", "redirect", "error", "no-http"],
    )
    async def test_503_for_an_answer_that_is_none(self, api: Any, folder: Any, vault: Vault, answer: bytes) -> None:
        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            try:
                writer.write(answer)
                await writer.drain()
            except ConnectionError:
                pass
            finally:
                writer.close()

        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with server:
            port = server.sockets[0].getsockname()[1]
            settings = configuration(vault, VaultUri=f"http://127.0.0.1:{port}")
            id_ = await store(api, "HashiCorpVaultReadOnly", settings)
            await api.post(ASSETS, credential(id_, "", "", ExternalName="login"), folder=folder)
            await read(api, folder, expect=503)


class TestFiles:
    @pytest.mark.parametrize("text", ['{"username": "eve", "PASSWORD": "one"}', "eve\none\n", "eve\r\none\r\n"])
    async def test_a_credential_in_either_form(self, api: Any, folder: Any, folder_of_secrets: Path, text: str) -> None:
        await api
        own = folder_of_secrets / api.tenant_name
        own.mkdir(parents=True)
        (own / "login.json").write_bytes(text.encode())
        id_ = await store(api, "Files")
        await api.post(ASSETS, credential(id_, "", "", ExternalName="login.json"), folder=folder)
        found = await read(api, folder)
        assert (found["CredentialUsername"], found["CredentialPassword"]) == ("eve", "one")

    async def test_nothing_of_another_tenant_or_outside(self, api: Any, folder: Any, folder_of_secrets: Path) -> None:
        await api
        own, other = folder_of_secrets / api.tenant_name, folder_of_secrets / "another"
        own.mkdir(parents=True)
        other.mkdir()
        (other / "key").write_text(PASSWORD)
        (own / "link").symlink_to(other / "key")
        (own / "real").write_text("mine")
        (own / "inside").symlink_to(own / "real")
        id_ = await store(api, "Files")
        found: dict[str, int] = {}
        for number, name in enumerate(("../another/key", "link", "/etc/passwd", "..", "real", "inside")):
            await api.post(ASSETS, secret(id_, "", Name=f"K{number}", ExternalName=name), folder=folder)
            answer = await api.request("POST", READ, {"assetName": f"K{number}"}, folder=folder)
            assert PASSWORD not in answer.text
            found[name] = answer.status
        assert found == {"../another/key": 404, "link": 404, "/etc/passwd": 404, "..": 404, "real": 200, "inside": 200}


class TestEnvironment:
    async def test_only_variables_of_the_tenant(self, api: Any, folder: Any, environment: dict[str, str]) -> None:
        await api
        tenant = api.tenant_name.replace("-", "_").upper()
        environment.update(
            {f"SECRET_{tenant}__MAIL_BOX": PASSWORD, "SECRET_OTHER__MAIL_BOX": "theirs", "HOME": "/root"}
        )
        id_ = await store(api, "Environment")
        await api.post(ASSETS, secret(id_, "", ExternalName="Mail box"), folder=folder)
        assert (await read(api, folder, "Key"))["SecretValue"] == PASSWORD
        for number, name in enumerate(("HOME", "../other/mail box", "--", "nothing")):
            await api.post(ASSETS, secret(id_, "", Name=f"K{number}", ExternalName=name), folder=folder)
            await read(api, folder, f"K{number}", expect=404)

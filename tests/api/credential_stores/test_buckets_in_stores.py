"""Buckets whose secret keys another store keeps: a real Vault, files, a plug-in; a storage that looks at who asks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog

from podium.kernel.errors import Conflict
from podium.orchestrator.buckets import actions
from podium.orchestrator.credential_stores import actions as credential_stores
from podium.orchestrator.credential_stores.catalogue import AT_ONCE
from podium.orchestrator.credential_stores.types import Secret
from tests.api.buckets.calls import BUCKETS, access, fetch, listing, of, paths, put, read, write
from tests.api.buckets.storages import Storage, guarded, node_with_storages
from tests.conftest import MovableClock, Node

from .conftest import STORES, Notebook, Vault, built_in, configuration, free_port, set_default, store

HERE, DIRECT = "AccessDataThroughOrchestrator", "None"
KEYS = "GetResourcesForCredentialStoreTypes(key={},resourceType='BucketCredential')"
WRONG = "planted moss 77"

_NUMBERS = count(1)


@pytest.fixture(scope="module")
async def node(server_url: str, installed: str, closed_folder: Path, clock: MovableClock) -> AsyncIterator[Node]:
    async with node_with_storages(server_url, installed, closed_folder, clock, "keys") as made:
        yield made


@pytest.fixture(scope="module")
def storage() -> Iterator[Storage]:
    with guarded() as found:
        yield found


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def body(storage: Storage) -> dict[str, Any]:
    """A bucket whose files are in a new container; without anything that says where its secret key is."""
    container = f"keys-{next(_NUMBERS)}"
    await asyncio.to_thread(storage.client().create_bucket, Bucket=container)
    return {
        "Name": "Elsewhere",
        "StorageProvider": "Minio",
        "StorageContainer": container,
        "StorageParameters": f"host={storage.url};accessKey={storage.access_key};secretKey=$Password",
        "Options": HERE,
    }


async def works(api: Any, bucket: Any, folder: Any) -> bool:
    """Whether the storage takes the secret key that the bucket has now."""
    await write(api, bucket, folder, "a.txt", b"one")
    return await read(api, bucket, folder, "a.txt") == b"one" and await paths(api, bucket, folder) == ["/a.txt"]


async def answers(api: Any, bucket: Any, folder: Any) -> dict[str, Any]:
    """What every use of the secret key is answered."""
    found = {"ListFiles": await api.request("GET", listing(bucket), folder=folder)}
    for method, operation in (
        ("GET", "GetFiles"),
        ("GET", "GetDirectories"),
        ("GET", "GetFile"),
        ("DELETE", "DeleteFile"),
        ("GET", "GetReadUri"),
        ("GET", "GetWriteUri"),
    ):
        found[operation] = await api.request(method, of(bucket, operation), params={"path": "a.txt"}, folder=folder)
    if bucket["Options"] == HERE:
        found["GetReadUri"] = await fetch(api, found["GetReadUri"].json["Uri"])
        found["GetWriteUri"] = await put(api, found["GetWriteUri"].json["Uri"], b"two")
    return found


async def kept_here(api: Any) -> str:
    """Everything that the rows of buckets and of the audit trail say, and what is sealed in them."""
    rows = await api.node.rows(
        "SELECT to_jsonb(t)::text AS text FROM orchestrator.buckets t WHERE t.tenant_id = $1"
        " UNION ALL SELECT to_jsonb(t)::text FROM kernel.audit t WHERE t.tenant_id = $1",
        api.tenant_id,
    )
    return "".join(row["text"] for row in rows)


async def users_of(api: Any, store_id: int) -> list[str]:
    found = await api.get(f"{STORES}/UiPath.Server.Configuration.OData.{KEYS.format(store_id)}")
    return [row["Name"] for row in found["value"]]


class TestWritableVault:
    @pytest.mark.parametrize("engine", ["KeyValueV1", "KeyValueV2"])
    async def test_201_a_secret_key_is_written_through_and_is_not_kept_here(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any, engine: str
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, SecretsEngine=engine))
        asked = {**body, "CredentialStoreId": id_, "Password": storage.secret_key}
        made = await api.post(BUCKETS, asked, folder=folder, expect=201)
        assert made["ExternalName"].startswith("podium-Elsewhere-")
        assert (made["CredentialStoreId"], made["Password"]) == (id_, None)
        assert await api.get(of(made), folder=folder) == made
        assert '"sealed": null' in await kept_here(api)
        assert storage.secret_key not in await kept_here(api)
        assert await works(api, made, folder)

    async def test_201_under_the_name_that_is_given(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="given"))
        members = {"CredentialStoreId": id_, "Password": storage.secret_key, "ExternalName": " s3/key "}
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        assert made["ExternalName"] == "s3/key"
        assert await vault.get("given/s3/key") == {"s3/key": storage.secret_key}
        assert await works(api, made, folder)

    async def test_201_a_name_without_a_password_names_what_is_there(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="there"))
        await vault.put("there/s3", secretKey=storage.secret_key)
        made = await api.post(BUCKETS, {**body, "CredentialStoreId": id_, "ExternalName": "s3"}, folder=folder)
        assert await works(api, made, folder)
        assert await vault.get("there/s3") == {"secretKey": storage.secret_key}

    async def test_201_the_default_store_takes_what_names_none(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        await set_default(api, id_, "BucketCredential")
        made = await api.post(BUCKETS, {**body, "Password": storage.secret_key}, folder=folder)
        assert made["CredentialStoreId"] == id_
        assert storage.secret_key not in await kept_here(api)
        assert await works(api, made, folder)
        assert (await api.post(BUCKETS, {"Name": "Here"}, folder=folder))["CredentialStoreId"] is None

    async def test_400_without_password_and_name(self, api: Any, folder: Any, vault: Vault, body: Any) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        answer = await api.post(BUCKETS, {**body, "CredentialStoreId": id_}, folder=folder, expect=400)
        assert answer["message"] == "Password is required."

    async def test_200_a_change_without_password_writes_nothing_and_keeps_the_place(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="still"))
        members = {"CredentialStoreId": id_, "Password": WRONG, "ExternalName": "s3"}
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        await vault.put("still/s3", s3=storage.secret_key)
        await set_default(api, await built_in(api), "BucketCredential")
        for changed in ({"Name": "New", "Options": HERE}, {**made, "Description": "New"}):
            shown = await api.put(of(made), changed, folder=folder)
            assert (shown["CredentialStoreId"], shown["ExternalName"]) == (id_, "s3")
        assert await vault.get("still/s3") == {"s3": storage.secret_key}
        assert await works(api, made, folder)

    async def test_200_a_password_is_written_to_the_same_name(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        made = await api.post(BUCKETS, {**body, "CredentialStoreId": id_, "Password": WRONG}, folder=folder)
        assert (await api.request("GET", of(made, "GetFiles"), folder=folder)).status == 409
        shown = await api.put(of(made), {"Name": "E", "Options": HERE, "Password": storage.secret_key}, folder=folder)
        assert shown["ExternalName"] == made["ExternalName"]
        assert await works(api, made, folder)

    async def test_moving_there_and_back_needs_the_password(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_, database = await store(api, "HashiCorpVault", configuration(vault)), await built_in(api)
        made = await api.post(BUCKETS, {**body, "Password": storage.secret_key}, folder=folder)
        assert (made["CredentialStoreId"], made["ExternalName"]) == (database, None)
        for target, other in ((id_, database), (database, id_)):
            moved = {**body, "CredentialStoreId": target}
            await api.put(of(made), moved, folder=folder, expect=400)
            assert (await api.get(of(made), folder=folder))["CredentialStoreId"] == other
            assert await works(api, made, folder)
            shown = await api.put(of(made), {**moved, "Password": storage.secret_key}, folder=folder)
            assert (shown["CredentialStoreId"], shown["ExternalName"] is None) == (target, target == database)
            assert ('"sealed": null' in await kept_here(api)) == (target == id_)
            assert await works(api, made, folder)

    async def test_a_name_in_one_store_is_none_in_another(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        first = await store(api, "HashiCorpVault", configuration(vault))
        second = await store(api, "HashiCorpVault", configuration(vault), "Second")
        keyed = {**body, "Password": storage.secret_key}
        made = await api.post(BUCKETS, {**keyed, "CredentialStoreId": first}, folder=folder)
        moved = {**body, "CredentialStoreId": second}
        answer = await api.put(of(made), moved, folder=folder, expect=400)
        assert answer["message"] == "Password is required."
        shown = await api.put(of(made), {**moved, "Password": storage.secret_key}, folder=folder)
        assert shown["CredentialStoreId"] == second
        assert shown["ExternalName"] != made["ExternalName"]
        assert await works(api, made, folder)

    async def test_what_the_vault_has_now_is_used(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="turns"))
        members = {"CredentialStoreId": id_, "Password": storage.secret_key, "ExternalName": "s3"}
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        assert await works(api, made, folder)
        await vault.put("turns/s3", s3=WRONG)
        refused = await answers(api, made, folder)
        assert {name: answer.status for name, answer in refused.items()} == dict.fromkeys(refused, 409)
        assert {answer.json["message"] for answer in refused.values()} == {
            "The storage refuses the credentials of the bucket."
        }
        await vault.put("turns/s3", s3=storage.secret_key)
        assert await works(api, made, folder)

    async def test_addresses_of_the_storage_are_signed_with_it(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="signed"))
        direct = {**body, "Options": DIRECT, "CredentialStoreId": id_, "ExternalName": "s3"}
        made = await api.post(BUCKETS, {**direct, "Password": storage.secret_key}, folder=folder)
        sealed = await api.post(
            BUCKETS,
            {
                **body,
                "Name": "Sealed",
                "Options": DIRECT,
                "CredentialStoreId": await built_in(api),
                "Password": storage.secret_key,
            },
            folder=folder,
        )
        await asyncio.to_thread(storage.client().put_object, Bucket=body["StorageContainer"], Key="a.txt", Body=b"one")

        async def by_operation(bucket: Any, operation: str) -> str:
            return str((await access(api, bucket, folder, operation, "a.txt"))["Uri"])

        async def in_a_list(bucket: Any, _: str) -> str:
            page = await api.get(listing(bucket), params={"expiryInMinutes": 5}, folder=folder)
            return str(page["items"][0]["accessInfo"]["uri"])

        for asked, operation in ((by_operation, "GetReadUri"), (by_operation, "GetWriteUri"), (in_a_list, "")):
            signatures = {await asked(sealed, operation)}
            while (mine := await asked(made, operation)) not in signatures and len(signatures) < 5:
                signatures.add(await asked(sealed, operation))  # a second has passed meanwhile
            assert mine in signatures

    async def test_what_is_archived_is_in_the_storage(
        self, api: Any, clock: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        """Work in the background has no call that would say which tenant it is for."""
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        made = await api.post(
            BUCKETS, {**body, "CredentialStoreId": id_, "Password": storage.secret_key}, folder=folder
        )

        async def pieces() -> Any:
            yield b"archived"

        services = api.node.composition.services
        await actions.store_file(services, api.tenant_id, made["Id"], "archive/1.zip", pieces(), clock.now)
        held = await asyncio.to_thread(
            storage.client().get_object, Bucket=body["StorageContainer"], Key="archive/1.zip"
        )
        assert held["Body"].read() == b"archived"


class TestReadOnlyStore:
    async def test_201_takes_what_is_under_the_name_or_under_the_buckets(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault, DataPath="read"))
        for name, asked in (("s3", "s3"), ("Second", None)):
            await vault.put(f"read/{name}", key=storage.secret_key)
            members = {"Name": "Second" if asked is None else "First", "ExternalName": asked, "CredentialStoreId": id_}
            made = await api.post(BUCKETS, {**body, **members}, folder=folder)
            assert (made["CredentialStoreId"], made["ExternalName"]) == (id_, name)
            assert await works(api, made, folder)

    async def test_400_for_a_password(self, api: Any, folder: Any, vault: Vault, body: Any) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        members = {"CredentialStoreId": id_, "ExternalName": "s3", "Password": WRONG}
        answer = await api.post(BUCKETS, {**body, **members}, folder=folder, expect=400)
        assert answer["message"] == "Password: the credential store Store is read only."
        members["Password"] = ""
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        await api.put(of(made), {"Name": "E", "Password": WRONG}, folder=folder, expect=400)

    async def test_200_a_change_keeps_the_name(self, api: Any, folder: Any, vault: Vault, body: Any) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        made = await api.post(BUCKETS, {**body, "CredentialStoreId": id_}, folder=folder)
        shown = await api.put(of(made), {"Name": "Renamed"}, folder=folder)
        assert (shown["Name"], shown["ExternalName"]) == ("Renamed", "Elsewhere")

    async def test_200_from_the_database_into_it_nothing_stays_here(
        self, api: Any, folder: Any, storage: Storage, body: Any, folder_of_secrets: Path
    ) -> None:
        made = await api.post(BUCKETS, {**body, "Password": WRONG}, folder=folder)
        own = folder_of_secrets / api.tenant_name
        own.mkdir(parents=True)
        (own / "s3").write_text(f"{storage.secret_key}\n")
        id_ = await store(api, "Files")
        moved = {**body, "CredentialStoreId": id_, "ExternalName": "s3"}
        assert (await api.put(of(made), moved, folder=folder))["CredentialStoreId"] == id_
        assert '"sealed": null' in await kept_here(api)
        assert await works(api, made, folder)


class TestDatabase:
    async def test_400_for_a_name_in_another_store(self, api: Any, folder: Any, body: Any) -> None:
        answer = await api.post(BUCKETS, {**body, "Password": "x", "ExternalName": "s3"}, folder=folder, expect=400)
        assert answer["message"].startswith("ExternalName: the credential store Orchestrator Database")

    async def test_it_is_used_by_what_it_keeps(self, api: Any, folder: Any, storage: Storage, body: Any) -> None:
        await api.post(BUCKETS, {**body, "Password": storage.secret_key}, folder=folder)
        await api.post(BUCKETS, {"Name": "Here", "CredentialStoreId": await built_in(api)}, folder=folder)
        assert await users_of(api, await built_in(api)) == ["Elsewhere"]


class TestFailures:
    @pytest.mark.parametrize("options", [HERE, DIRECT])
    async def test_409_for_a_name_that_the_store_does_not_have(
        self, api: Any, folder: Any, vault: Vault, body: Any, options: str
    ) -> None:
        """Not 404, which says of a file that it is not there."""
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        members = {"CredentialStoreId": id_, "ExternalName": "gone", "Options": options}
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        found = await answers(api, made, folder)
        assert {name: answer.status for name, answer in found.items()} == dict.fromkeys(found, 409)
        messages = {answer.json["message"] for answer in found.values()}
        assert messages == {"The credential store Store: There is no gone."}

    @pytest.mark.parametrize("options", [HERE, DIRECT])
    async def test_503_when_the_store_is_away(
        self, api: Any, folder: Any, vault: Vault, body: Any, options: str
    ) -> None:
        settings = configuration(vault, VaultUri=f"http://127.0.0.1:{free_port()}")
        id_ = await store(api, "HashiCorpVaultReadOnly", settings)
        made = await api.post(BUCKETS, {**body, "CredentialStoreId": id_, "Options": options}, folder=folder)
        found = await answers(api, made, folder)
        assert {name: answer.status for name, answer in found.items()} == dict.fromkeys(found, 503)
        assert all("retry-after" in answer.headers for answer in found.values())

    async def test_409_when_the_store_refuses_and_nothing_is_made(
        self, api: Any, folder: Any, vault: Vault, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, Token="wrong-planted-token"))
        with structlog.testing.capture_logs() as lines:
            members = {"CredentialStoreId": id_, "Password": WRONG}
            answer = await api.post(BUCKETS, {**body, **members}, folder=folder, expect=409)
        for told in (answer["message"], str(lines)):
            assert "wrong-planted-token" not in told
            assert WRONG not in told
        assert (await api.get(BUCKETS, folder=folder))["value"] == []

    @pytest.mark.parametrize("text", ["", "\ud800"])
    async def test_409_for_what_is_no_secret_key(
        self, api: Any, folder: Any, body: Any, notebook: Notebook, text: str
    ) -> None:
        id_ = await store(api, "Notebook")
        members = {"CredentialStoreId": id_, "ExternalName": "s3"}
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        notebook.pages[api.tenant_name, "s3"] = Secret(None, text)
        answer = await api.request("GET", of(made, "GetFiles"), folder=folder)
        assert answer.status == 409
        assert answer.json["message"].endswith("is no secret key.")

    async def test_503_whatever_a_plug_in_raises_and_nothing_of_it_is_told(
        self, api: Any, folder: Any, body: Any, notebook: Notebook
    ) -> None:
        id_ = await store(api, "Notebook")
        made = await api.post(BUCKETS, {**body, "CredentialStoreId": id_, "Password": WRONG}, folder=folder)
        notebook.failure = RuntimeError(WRONG)
        with structlog.testing.capture_logs() as lines:
            found = await answers(api, made, folder)
        assert {answer.status for answer in found.values()} == {503}
        assert WRONG not in "".join(answer.text for answer in found.values()) + str(lines)

    async def test_400_for_a_name_that_no_store_has(self, api: Any, folder: Any, vault: Vault, body: Any) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        for name in ("x" * 451, "a\0b"):
            members = {"CredentialStoreId": id_, "ExternalName": name}
            answer = await api.post(BUCKETS, {**body, **members}, folder=folder, expect=400)
            assert "ExternalName" in answer["message"]

    async def test_400_for_a_store_that_is_none_or_another_tenants(self, api: Any, folder: Any, body: Any) -> None:
        foreign = await built_in(api.tenant("other"))
        made = await api.post(BUCKETS, {**body, "Name": "Made", "Password": "x"}, folder=folder)
        for id_ in (999_999_999, foreign):
            changed = {**body, "CredentialStoreId": id_, "Password": "x"}
            for answer in (
                await api.post(BUCKETS, changed, folder=folder, expect=400),
                await api.put(of(made), changed, folder=folder, expect=400),
            ):
                assert answer["message"] == f"CredentialStoreId: the credential store {id_} does not exist."

    async def test_409_before_the_first_byte_is_taken(
        self, api: Any, clock: Any, folder: Any, vault: Vault, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVaultReadOnly", configuration(vault))
        made = await api.post(BUCKETS, {**body, "CredentialStoreId": id_}, folder=folder)
        taken: list[bytes] = []

        async def pieces() -> Any:
            taken.append(b"x")
            yield b"x"

        services = api.node.composition.services
        with pytest.raises(Conflict, match="There is no Elsewhere"):
            await actions.store_file(services, api.tenant_id, made["Id"], "a.txt", pieces(), clock.now)
        assert taken == []


class TestReadings:
    @pytest.mark.parametrize("options", [HERE, DIRECT])
    async def test_a_list_with_addresses_asks_the_store_once(
        self, api: Any, folder: Any, storage: Storage, body: Any, notebook: Notebook, options: str
    ) -> None:
        id_ = await store(api, "Notebook")
        members = {"CredentialStoreId": id_, "Password": storage.secret_key, "Options": options}
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        notebook.asked = asyncio.Semaphore(0)
        await api.get(listing(made), params={"expiryInMinutes": 5}, folder=folder)
        await notebook.asked.acquire()
        assert notebook.asked.locked()


class TestConnections:
    async def test_no_use_holds_one_while_the_store_thinks(
        self,
        api: Any,
        folder: Any,
        storage: Storage,
        body: Any,
        notebook: Notebook,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """More callers than the pool has connections wait, and everybody else is served."""
        monkeypatch.setattr(credential_stores, "STORE_SECONDS", 120.0)
        id_ = await store(api, "Notebook")
        keyed = {**body, "CredentialStoreId": id_, "Password": storage.secret_key}
        through = await api.post(BUCKETS, keyed, folder=folder)
        direct = await api.post(BUCKETS, {**keyed, "Name": "Direct", "Options": DIRECT}, folder=folder)
        await write(api, through, folder, "a.txt", b"one")
        notebook.answers.clear()
        notebook.asked = asyncio.Semaphore(0)
        waiting = [
            asyncio.create_task(answers(api, bucket, folder))
            for bucket in (through, direct)
            for _ in range(api.node.config.pool_size + 2)
        ]
        one_by_one = [
            asyncio.create_task(api.request(method, of(direct, operation), params={"path": "b.txt"}, folder=folder))
            for method, operation in (("DELETE", "DeleteFile"), ("GET", "GetWriteUri"), ("GET", "GetFile"))
            for _ in range(api.node.config.pool_size + 2)
        ]
        try:
            async with asyncio.timeout(60):
                for _ in range(AT_ONCE):
                    await notebook.asked.acquire()
                for _ in range(50):
                    await api.get(STORES)
        finally:
            notebook.answers.set()
            found = await asyncio.gather(*waiting, *one_by_one)
        assert len(found) == 5 * (api.node.config.pool_size + 2)
        assert {answer.status for answer in found[len(waiting) :]} == {200, 204, 404}


class TestDeleteStore:
    async def test_409_while_a_bucket_uses_it(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        keyed = {**body, "CredentialStoreId": id_, "Password": storage.secret_key}
        made = await api.post(BUCKETS, keyed, folder=folder)
        assert await users_of(api, id_) == ["Elsewhere"]
        assert await users_of(api, await built_in(api)) == []
        answer = await api.request("DELETE", f"{STORES}({id_})")
        assert (answer.status, answer.json["errorCode"]) == (409, 1013)
        assert await works(api, made, folder)

    @pytest.mark.parametrize("options", [HERE, DIRECT])
    async def test_204_by_force_the_bucket_goes_to_the_default_without_its_key(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any, options: str
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault, DataPath="left"))
        members = {"CredentialStoreId": id_, "ExternalName": "s3", "Password": storage.secret_key, "Options": options}
        made = await api.post(BUCKETS, {**body, **members}, folder=folder)
        await api.delete(f"{STORES}({id_})", params={"forceDelete": "true"}, expect=204)
        shown = await api.get(of(made), folder=folder)
        assert (shown["CredentialStoreId"], shown["ExternalName"]) == (await built_in(api), None)
        found = await answers(api, made, folder)
        assert {name: answer.status for name, answer in found.items()} == dict.fromkeys(found, 409)
        assert all("Elsewhere has no secret key" in answer.json["message"] for answer in found.values())
        assert await vault.get("left/s3") == {"s3": storage.secret_key}
        assert await users_of(api, await built_in(api)) == ["Elsewhere"]
        answer = await api.put(of(made), {"Name": "Elsewhere"}, folder=folder, expect=400)
        assert answer["message"] == "Password is required."
        changed = {"Name": "Elsewhere", "Options": HERE, "Password": storage.secret_key}
        assert await works(api, await api.put(of(made), changed, folder=folder), folder)

    async def test_204_by_force_a_default_outside_does_not_guess_a_name(
        self, api: Any, folder: Any, vault: Vault, storage: Storage, body: Any
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        other = await store(api, "HashiCorpVaultReadOnly", configuration(vault, DataPath="other"), "Other")
        await vault.put("other/Elsewhere", key=storage.secret_key)
        keyed = {**body, "CredentialStoreId": id_, "Password": storage.secret_key}
        made = await api.post(BUCKETS, keyed, folder=folder)
        await set_default(api, other, "BucketCredential")
        await api.delete(f"{STORES}({id_})", params={"forceDelete": "true"}, expect=204)
        assert (await api.get(of(made), folder=folder))["CredentialStoreId"] == other
        answer = await api.request("GET", of(made, "GetFiles"), folder=folder)
        assert (answer.status, "has no secret key" in answer.json["message"]) == (409, True)

    async def test_204_one_that_only_a_bucket_with_its_files_here_names(
        self, api: Any, folder: Any, vault: Vault
    ) -> None:
        id_ = await store(api, "HashiCorpVault", configuration(vault))
        made = await api.post(BUCKETS, {"Name": "Here", "CredentialStoreId": id_}, folder=folder)
        assert made["CredentialStoreId"] == id_
        assert await users_of(api, id_) == []
        assert (await api.put(of(made), made, folder=folder))["CredentialStoreId"] == id_
        await api.delete(f"{STORES}({id_})", expect=204)
        assert (await api.get(of(made), folder=folder))["CredentialStoreId"] is None
        assert await works(api, made, folder)

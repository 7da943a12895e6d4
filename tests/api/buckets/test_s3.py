"""Buckets whose files are in a storage that speaks S3: moto's server, on the loopback."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

import httpx
import pytest

from podium.kernel.keyring import Keyring
from podium.orchestrator.buckets import actions
from podium.orchestrator.buckets.storage import COLUMN, TABLE, Storage
from podium.server.sealed_columns import SEALED_COLUMNS
from tests.api.buckets import storages
from tests.api.buckets.calls import BUCKETS, access, fetch, listing, of, paths, put, read, write
from tests.api.buckets.storages import node_with_storages, served
from tests.conftest import MovableClock, Node

SECRET = "fern and moss 41"
NAMES = ["a b.txt", "x&y+z%?.txt", "q#h;'\".txt", "dir/日本 ü.txt", "😀.png", "50%25/+.txt", "long/" + "ä" * 400]

_NUMBERS = count(1)


@pytest.fixture(scope="module")
async def node(server_url: str, installed: str, closed_folder: Path, clock: MovableClock) -> AsyncIterator[Node]:
    """A node whose operator allows storages on this machine."""
    async with node_with_storages(server_url, installed, closed_folder, clock, "s3") as made:
        yield made


@pytest.fixture(autouse=True)
def variables_of_the_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the library would take from the environment; none of it is the tenant's."""
    monkeypatch.setenv("AWS_SESSION_TOKEN", "token-of-the-server")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key-of-the-server")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_REGION", "eu-north-1")
    monkeypatch.setenv("AWS_SKIP_SIGNATURE", "true")
    monkeypatch.setenv("AWS_S3_EXPRESS", "true")
    monkeypatch.setenv("AWS_PROXY_EXCLUDES", "*")


@pytest.fixture(scope="module")
def endpoint() -> Iterator[str]:
    with served() as url:
        yield url


@pytest.fixture(scope="module")
def s3(endpoint: str) -> Any:
    return storages.Storage(endpoint, "AK", SECRET).client()


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


def body(endpoint: str, container: str, **members: Any) -> dict[str, Any]:
    return {
        "Name": "Elsewhere",
        "StorageProvider": "Minio",
        "StorageContainer": container,
        "StorageParameters": f"host={endpoint};accessKey=AK;secretKey=$Password",
        "Password": SECRET,
        **members,
    }


@pytest.fixture
async def container(s3: Any) -> str:
    name = f"reports-{next(_NUMBERS)}"
    await asyncio.to_thread(s3.create_bucket, Bucket=name)
    return name


@pytest.fixture(params=["None", "AccessDataThroughOrchestrator"])
async def bucket(api: Any, folder: Any, endpoint: str, container: str, request: Any) -> Any:
    """Of both kinds: whose addresses lead to the storage, and whose addresses lead through us."""
    return await api.post(BUCKETS, body(endpoint, container, Options=request.param), folder=folder, expect=201)


class Direct:
    """Calls addresses of the storage itself; as far as calls.py needs it, a caller."""

    def __init__(self, api: Any) -> None:
        self._api = api

    def __getattr__(self, name: str) -> Any:
        return getattr(self._api, name)

    def with_headers(self, headers: dict[str, str]) -> Direct:
        return Direct(self._api.with_headers(headers))

    async def request(self, method: str, path: str, *values: Any, **options: Any) -> Any:
        if path.startswith("http://127.0.0.1"):
            async with httpx.AsyncClient() as client:
                sent = {name: value for name, value in options.items() if name in ("content", "headers")}
                answer = await client.request(method, path, **sent)
                return Answer(answer)
        return await self._api.request(method, path, *values, **options)


class Answer:
    """An answer of the storage with the members that the tests read."""

    def __init__(self, answer: httpx.Response) -> None:
        self.status = answer.status_code
        self.headers = answer.headers
        self.content = answer.content
        self.text = answer.text


@pytest.fixture
def caller(api: Any) -> Direct:
    return Direct(api)


@asynccontextmanager
async def storage_that_says(answer: bytes, address: str = "127.0.0.1") -> AsyncIterator[tuple[str, list[str]]]:
    """A storage that answers everything with this; its address, and what it was asked for."""
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append((await reader.readuntil(b"\r\n\r\n")).decode().split(" ")[1])
        writer.write(answer)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, address, 0)
    yield f"http://{address}:{server.sockets[0].getsockname()[1]}", asked
    server.close()


def leads_here(uri: str) -> bool:
    return uri.startswith("http://podium.test/blobs/")


class TestSecretKey:
    async def test_it_is_sealed_and_never_told(self, api: Any, folder: Any, endpoint: str, container: str) -> None:
        made = await api.post(BUCKETS, body(endpoint, container), folder=folder, expect=201)
        assert (made["StorageProvider"], made["StorageContainer"], made["Password"]) == ("Minio", container, None)
        assert made["StorageParameters"] == f"host={endpoint};accessKey=AK;secretKey=$Password"
        answer = await api.request("GET", of(made), folder=folder)
        assert SECRET not in answer.text
        (row,) = await api.node.rows("SELECT sealed FROM orchestrator.buckets WHERE id = $1", made["Id"])
        ring = api.node.port(Keyring)
        assert ring.open(row["sealed"], owner=api.tenant_id, table=TABLE, row=made["Id"], column=COLUMN) == SECRET
        kept = await api.node.rows("SELECT detail FROM kernel.audit WHERE tenant_id = $1", api.tenant_id)
        assert all(SECRET not in (each["detail"] or "") for each in kept)
        assert (TABLE, COLUMN) in [(each.table, each.column) for each in SEALED_COLUMNS]

    async def test_it_stays_when_none_is_given(self, api: Any, folder: Any, bucket: Any) -> None:
        for members in ({}, {"Password": None}, {"Password": ""}, bucket):
            shown = await api.put(of(bucket), {"Name": "Renamed", **members}, folder=folder)
            assert shown["StorageContainer"] == bucket["StorageContainer"]
            await paths(api, bucket, folder)

    async def test_409_for_one_that_the_storage_refuses(self, api: Any, folder: Any) -> None:
        refusal = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 5\r\nConnection: close\r\n\r\ninner"
        async with storage_that_says(refusal) as (host, _):
            made = await api.post(BUCKETS, body(host, "reports"), folder=folder, expect=201)
            answer = await api.request("GET", of(made, "GetFiles"), folder=folder)
        assert (answer.status, answer.json["message"]) == (409, "The storage refuses the credentials of the bucket.")

    async def test_409_for_a_container_that_is_not_there(self, api: Any, folder: Any, endpoint: str) -> None:
        made = await api.post(BUCKETS, body(endpoint, "no-such-container"), folder=folder, expect=201)
        answer = await api.request("GET", of(made, "GetFiles"), folder=folder)
        assert (answer.status, answer.json["message"]) == (409, "The storage has no container of that name.")

    async def test_400_without_one(self, api: Any, folder: Any, endpoint: str, container: str) -> None:
        for members, named in (
            ({"Password": None}, "Password"),
            ({"StorageContainer": None}, "StorageContainer"),
            ({"StorageParameters": None}, "StorageParameters"),
            ({"StorageParameters": f"host={endpoint};accessKey=AK;secretKey={SECRET}"}, "StorageParameters"),
        ):
            answer = await api.request("POST", BUCKETS, body(endpoint, container, **members), folder=folder)
            assert answer.status == 400
            assert answer.json["message"].startswith(named)
            assert SECRET not in answer.text


class TestFiles:
    @pytest.mark.parametrize("name", NAMES)
    async def test_a_file_of_any_name(self, caller: Any, s3: Any, folder: Any, bucket: Any, name: str) -> None:
        content = name.encode() * 3
        await write(caller, bucket, folder, name, content, contentType="text/csv")
        held = await asyncio.to_thread(s3.get_object, Bucket=bucket["StorageContainer"], Key=name)
        assert (held["Body"].read(), held["ContentType"]) == (content, "text/csv")
        assert await read(caller, bucket, folder, name) == content
        assert await paths(caller, bucket, folder) == [f"/{name}"]
        found = await caller.get(listing(bucket), params={"prefix": f"/{name}"}, folder=folder)
        assert [(item["fullPath"], item["size"]) for item in found["items"]] == [(f"/{name}", len(content))]
        shown = await caller.get(of(bucket, "GetFile"), params={"path": name}, folder=folder)
        assert (shown["FullPath"], shown["Size"], shown["ContentType"]) == (f"/{name}", len(content), "text/csv")
        for _ in range(2):
            await caller.delete(of(bucket, "DeleteFile"), params={"path": name}, folder=folder, expect=204)
        assert await read(caller, bucket, folder, name) is None
        await caller.get(of(bucket, "GetFile"), params={"path": name}, folder=folder, expect=404)

    async def test_addresses_lead_through_us_only_when_asked(self, caller: Any, folder: Any, bucket: Any) -> None:
        reading = await access(caller, bucket, folder, "GetReadUri", "a.txt")
        assert leads_here(reading["Uri"]) is (bucket["Options"] != "None")
        assert SECRET not in reading["Uri"]

    async def test_forms_of_a_name_are_as_the_storage_has_them(
        self, caller: Any, s3: Any, folder: Any, bucket: Any
    ) -> None:
        await asyncio.to_thread(s3.put_object, Bucket=bucket["StorageContainer"], Key="u\u0308.txt", Body=b"nfd")
        assert await paths(caller, bucket, folder) == ["/u\u0308.txt"]
        assert await read(caller, bucket, folder, "u\u0308.txt") == b"nfd"

    async def test_lists_of_directories_and_patterns(self, caller: Any, s3: Any, folder: Any, bucket: Any) -> None:
        for key in ("top.txt", "a/one.txt", "a/two.csv", "a/b/three.txt", "a0/x.txt", "marker/"):
            body = b"" if key.endswith("/") else key.encode()
            await asyncio.to_thread(s3.put_object, Bucket=bucket["StorageContainer"], Key=key, Body=body)
        assert await paths(caller, bucket, folder, recursive="false") == ["/top.txt"]
        assert await paths(caller, bucket, folder, recursive="false", directory="/a") == ["/a/one.txt", "/a/two.csv"]
        assert await paths(caller, bucket, folder, directory="a/", fileNameGlob="t*") == [
            "/a/b/three.txt",
            "/a/two.csv",
        ]
        assert await paths(caller, bucket, folder, **{"$orderby": "Size desc", "$top": 1}) == ["/a/b/three.txt"]
        found = await caller.get(of(bucket, "GetDirectories"), folder=folder)
        assert [row["FullPath"] for row in found["value"]] == ["/a", "/a0", "/marker"]
        seen: list[str] = []
        token: Any = ""
        while token is not None:
            params = {"prefix": "a", "takeHint": 2, "continuationToken": token}
            page = await caller.get(listing(bucket), params=params, folder=folder)
            seen += [item["fullPath"] for item in page["items"]]
            token = page["continuationToken"]
        assert seen == ["/a/b/three.txt", "/a/one.txt", "/a/two.csv", "/a0/x.txt"]

    async def test_parts_of_a_large_file(self, caller: Any, folder: Any, bucket: Any) -> None:
        content = bytes(range(256)) * 50_000
        await write(caller, bucket, folder, "big.bin", content)
        uri = (await access(caller, bucket, folder, "GetReadUri", "big.bin"))["Uri"]
        whole = await fetch(caller, uri)
        assert whole.content == content
        part = await fetch(caller, uri, range="bytes=256-511")
        assert (part.status, part.content) == (206, bytes(range(256)))
        assert part.headers["content-range"] == f"bytes 256-511/{len(content)}"
        assert (await fetch(caller, uri, range=f"bytes={len(content)}-")).status == 416
        if leads_here(uri):
            head = await fetch(caller, uri, "HEAD")
            assert (head.headers["content-length"], head.content) == (str(len(content)), b"")
            assert (await fetch(caller, uri, range="bytes=0-1", if_range='"other"')).status == 200
            assert head.headers["content-disposition"].startswith("attachment")

    async def test_an_empty_file(self, caller: Any, folder: Any, bucket: Any) -> None:
        await write(caller, bucket, folder, "empty", b"")
        assert await read(caller, bucket, folder, "empty") == b""

    async def test_409_when_it_is_read_only(self, caller: Any, folder: Any, bucket: Any) -> None:
        await write(caller, bucket, folder, "a.txt", b"one")
        await caller.put(of(bucket), {"Name": "Elsewhere", "Options": "ReadOnly"}, folder=folder)
        for method, operation in (("GET", "GetWriteUri"), ("DELETE", "DeleteFile")):
            answer = await caller.request(method, of(bucket, operation), params={"path": "a.txt"}, folder=folder)
            assert answer.status == 409
        assert await read(caller, bucket, folder, "a.txt") == b"one"

    async def test_a_write_that_breaks_off_changes_nothing(
        self, api: Any, caller: Any, clock: Any, s3: Any, folder: Any, bucket: Any
    ) -> None:
        async def breaks() -> Any:
            yield b"half"
            raise ConnectionError

        services = api.node.composition.services
        with pytest.raises(ConnectionError):
            await actions.store_file(services, api.tenant_id, bucket["Id"], "a.txt", breaks(), clock.now)
        assert await paths(caller, bucket, folder) == []

    async def test_what_is_archived_is_in_the_storage(
        self, api: Any, clock: Any, s3: Any, folder: Any, bucket: Any
    ) -> None:
        async def pieces() -> Any:
            for _ in range(20):
                yield b"x" * 1_000_000

        services = api.node.composition.services
        await actions.store_file(services, api.tenant_id, bucket["Id"], "archive/1.zip", pieces(), clock.now)
        held = await asyncio.to_thread(s3.head_object, Bucket=bucket["StorageContainer"], Key="archive/1.zip")
        assert (held["ContentLength"], held["ContentType"]) == (20_000_000, "application/zip")
        spooled = api.node.port(Storage).blobs
        assert [await spooled.names(shard, clock.now.replace(year=2100)) for shard in range(256)] == [[]] * 256

    async def test_deleting_the_bucket_leaves_the_files(self, caller: Any, s3: Any, folder: Any, bucket: Any) -> None:
        await write(caller, bucket, folder, "a.txt", b"one")
        await caller.delete(of(bucket), folder=folder, expect=204)
        found = await asyncio.to_thread(s3.list_objects_v2, Bucket=bucket["StorageContainer"])
        assert [each["Key"] for each in found["Contents"]] == ["a.txt"]


class TestWhereStoragesMayBe:
    @pytest.mark.parametrize(
        "host",
        [
            "http://10.0.0.1:9000",
            "https://169.254.169.254",
            "https://localhost.invalid",
            "[::1]:9000",
            "https://192.168.1.1",
        ],
    )
    async def test_400_for_an_address_that_the_operator_has_not_allowed(self, api: Any, folder: Any, host: str) -> None:
        answer = await api.request("POST", BUCKETS, body(host, "reports"), folder=folder)
        assert answer.status == 400
        assert answer.json["message"].startswith("StorageParameters: ")

    async def test_400_for_plain_http_in_the_internet(self, api: Any, folder: Any) -> None:
        answer = await api.request("POST", BUCKETS, body("http://8.8.8.8", "reports"), folder=folder)
        assert answer.status == 400
        assert "https" in answer.json["message"]

    async def test_a_redirect_leads_nowhere_else(self, api: Any, folder: Any) -> None:
        """The storage is the tenant's, so it may answer with any address."""
        async with storage_that_says(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "127.0.0.2") as (inside, found):
            redirect = f"HTTP/1.1 307 Go\r\nLocation: {inside}/\r\nContent-Length: 0\r\n\r\n".encode()
            async with storage_that_says(redirect) as (host, asked):
                made = await api.post(BUCKETS, body(host, "reports"), folder=folder, expect=201)
                answer = await api.request("GET", of(made, "GetFile"), params={"path": "a.txt"}, folder=folder)
        assert answer.status == 503
        assert (set(asked), found) == ({"/reports/a.txt"}, [])


async def test_nothing_is_sent_to_make_an_address(api: Any, folder: Any) -> None:
    """A storage that is down does not keep anybody from getting an address of it."""
    made = await api.post(BUCKETS, body("http://127.0.0.1:9", "reports"), folder=folder, expect=201)
    found = await access(api, made, folder, "GetWriteUri", "a.txt", contentType="text/csv", expiryInMinutes=7)
    assert found["Uri"].startswith("http://127.0.0.1:9/reports/a.txt?")
    assert "X-Amz-Expires=420" in found["Uri"]
    assert "AK%2F" in found["Uri"]
    assert "server" not in found["Uri"]
    assert found["Headers"] == {"Keys": ["Content-Type"], "Values": ["text/csv"]}
    answer = await api.request("GET", of(made, "GetFiles"), folder=folder)
    assert answer.status == 503
    assert (await put(api.with_headers({}), "http://podium.test/blobs/x.y", b"")).status == 403

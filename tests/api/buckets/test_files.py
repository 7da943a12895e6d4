"""Files of buckets that are kept here: written and read by signed addresses, listed, deleted."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest
from podium.orchestrator.buckets import actions, rules
from podium.orchestrator.buckets.storage import Storage
from tests.api.buckets.calls import access, fetch, listing, of, paths, put, read, write

NAMES = [
    "a b.txt",
    "x&y+z%?.txt",
    "100%25.txt",
    "q#h;'\".txt",
    "dir/sub dir/日本 ü.txt",
    "😀.png",
    "plus+plus",
    "...",
    " lead and trail ",
    "long/" + "ä" * 400,
]
HOSTILE = ["../a", "a/../../b", "//etc/passwd", "a\\b", "a\0b", "a\nb", "a//b", "a/", ".", "/"]


@pytest.fixture
async def folder(given: Any) -> Any:
    return await given.folder("Home")


@pytest.fixture
async def bucket(given: Any, folder: Any) -> Any:
    return await given.bucket("Reports", folder=folder)


async def clean_up(node: Any, clock: Any) -> int:
    """Do what the loop does two minutes later; how many blobs went."""
    clock.forward(minutes=2)
    return int(await node.run_loop("buckets.remove_leftovers"))


async def blobs_of(api: Any) -> list[str]:
    """The blobs that files of the tenant have."""
    rows = await api.node.rows("SELECT blob FROM orchestrator.bucket_files WHERE tenant_id = $1", api.tenant_id)
    return [row["blob"] for row in rows]


async def listed(api: Any, bucket: Any, folder: Any, **params: Any) -> tuple[list[str], Any]:
    found = await api.get(listing(bucket), params=params, folder=folder)
    return [item["fullPath"] for item in found["items"]], found["continuationToken"]


async def comes_back(api: Any, bucket: Any, folder: Any, path: str) -> None:
    """Upload, list, read and delete a file of that path, or see it refused."""
    answer = await api.request("GET", of(bucket, "GetWriteUri"), params={"path": path}, folder=folder)
    try:
        clean = rules.clean_path(path)
    except BadRequest:
        assert answer.status == 400, answer.text
        return
    assert answer.status == 200, answer.text
    assert (await put(api, answer.json["Uri"], path.encode())).status == 201
    assert await paths(api, bucket, folder) == [f"/{clean}"]
    assert (await listed(api, bucket, folder, prefix=clean))[0] == [f"/{clean}"]
    assert await read(api, bucket, folder, path) == path.encode()
    await api.delete(of(bucket, "DeleteFile"), params={"path": f"/{clean}"}, folder=folder, expect=204)
    assert await paths(api, bucket, folder) == []


class TestRoundTrip:
    @pytest.mark.parametrize("name", NAMES)
    async def test_a_file_of_any_name(self, api: Any, folder: Any, bucket: Any, name: str) -> None:
        content = name.encode() * 3
        await write(api, bucket, folder, name, content)
        assert await read(api, bucket, folder, name) == content
        assert await paths(api, bucket, folder) == [f"/{name}"]
        assert (await listed(api, bucket, folder, prefix=f"/{name}"))[0] == [f"/{name}"]
        shown = await api.get(of(bucket, "GetFile"), params={"path": name}, folder=folder)
        assert (shown["FullPath"], shown["Size"], shown["IsDirectory"]) == (f"/{name}", len(content), False)
        await api.delete(of(bucket, "DeleteFile"), params={"path": name}, folder=folder, expect=204)
        await api.delete(of(bucket, "DeleteFile"), params={"path": name}, folder=folder, expect=204)
        assert await read(api, bucket, folder, name) is None
        assert await paths(api, bucket, folder) == []

    async def test_any_path_is_refused_or_comes_back(self, api: Any, folder: Any, bucket: Any) -> None:
        loop = asyncio.get_running_loop()

        @settings(max_examples=60, database=None)
        @given(parts=st.lists(st.text(min_size=1, max_size=12), min_size=1, max_size=3))
        def check(parts: list[str]) -> None:
            asyncio.run_coroutine_threadsafe(comes_back(api, bucket, folder, "/".join(parts)), loop).result(60)

        await asyncio.to_thread(check)

    async def test_forms_of_one_name_are_one_file(self, api: Any, folder: Any, bucket: Any) -> None:
        await write(api, bucket, folder, "u\u0308.txt", b"one")
        await write(api, bucket, folder, "/\u00fc.txt", b"two")
        assert await read(api, bucket, folder, "u\u0308.txt") == b"two"
        assert await paths(api, bucket, folder) == ["/\u00fc.txt"]

    async def test_paths_are_compared_exactly(self, api: Any, folder: Any, bucket: Any) -> None:
        await write(api, bucket, folder, "A.txt", b"upper")
        await write(api, bucket, folder, "a.txt", b"lower")
        assert await read(api, bucket, folder, "A.txt") == b"upper"
        assert await paths(api, bucket, folder, fileNameGlob="A*") == ["/A.txt"]

    @pytest.mark.parametrize("operation", ["GetReadUri", "GetWriteUri", "GetFile", "DeleteFile"])
    async def test_400_for_a_hostile_path(self, api: Any, folder: Any, bucket: Any, operation: str) -> None:
        method = "DELETE" if operation == "DeleteFile" else "GET"
        for path in HOSTILE:
            answer = await api.request(method, of(bucket, operation), params={"path": path}, folder=folder)
            assert answer.status == 400, path
            assert "path" in answer.json["message"]
        answer = await api.request(method, of(bucket, operation), folder=folder)
        assert (answer.status, answer.json["errorCode"]) == (400, 1014)

    @pytest.mark.parametrize("directory", ["..", "a\\b", "a//b", "a\0"])
    async def test_400_for_a_hostile_directory(self, api: Any, folder: Any, bucket: Any, directory: str) -> None:
        for operation in ("GetFiles", "GetDirectories"):
            answer = await api.request("GET", of(bucket, operation), params={"directory": directory}, folder=folder)
            assert answer.status == 400
            assert "directory" in answer.json["message"]


class TestWrite:
    async def test_201_replaces_and_removes_the_old_blob(
        self, api: Any, node: Any, clock: Any, folder: Any, bucket: Any
    ) -> None:
        first = await write(api, bucket, folder, "a.txt", b"one")
        (old,) = await blobs_of(api)
        await clean_up(node, clock)
        second = await write(api, bucket, folder, "a.txt", b"two!")
        (new,) = await blobs_of(api)
        assert first.headers["etag"] != second.headers["etag"]
        shown = await api.get(of(bucket, "GetFile"), params={"path": "a.txt"}, folder=folder)
        assert (shown["Size"], shown["LastModified"]) == (4, clock.now.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
        assert await clean_up(node, clock) == 1
        assert (await node.port(Storage).blobs.open(new)).read_bytes() == b"two!"
        with pytest.raises(Exception, match="no stored file"):
            await node.port(Storage).blobs.open(old)

    async def test_one_of_two_writers_wins_and_no_blob_is_left(
        self, api: Any, node: Any, clock: Any, folder: Any, bucket: Any
    ) -> None:
        uri = (await access(api, bucket, folder, "GetWriteUri", "a.txt"))["Uri"]
        contents = [bytes([65 + n]) * 100_000 for n in range(6)]
        await clean_up(node, clock)
        answers = await asyncio.gather(*(put(api, uri, content) for content in contents))
        assert [answer.status for answer in answers] == [201] * 6
        assert await read(api, bucket, folder, "a.txt") in contents
        assert await clean_up(node, clock) == 5
        (kept,) = await blobs_of(api)
        folder_of_blobs = (await node.port(Storage).blobs.open(kept)).parents[1]
        on_disk = {path.name for path in folder_of_blobs.glob("??/*")}
        rows = await node.rows("SELECT blob FROM orchestrator.bucket_files")
        assert on_disk == {row["blob"] for row in rows}

    async def test_nothing_appears_of_a_write_that_breaks_off(
        self, api: Any, node: Any, clock: Any, folder: Any, bucket: Any
    ) -> None:
        await write(api, bucket, folder, "a.txt", b"whole")

        async def breaks() -> Any:
            yield b"half"
            raise ConnectionError

        arguments = (api.node.composition.services, api.tenant_id, bucket["Id"], "a.txt", breaks(), None, clock.now)
        with pytest.raises(ConnectionError):
            await actions.receive(*arguments)
        assert await read(api, bucket, folder, "a.txt") == b"whole"
        (kept,) = await blobs_of(api)
        incoming = (await node.port(Storage).blobs.open(kept)).parents[1] / "incoming"
        assert list(incoming.iterdir()) == []

    async def test_413_over_the_limit(
        self, api: Any, node: Any, folder: Any, bucket: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(node.port(Storage), "limit_bytes", 10)
        uri = (await access(api, bucket, folder, "GetWriteUri", "a.txt"))["Uri"]
        assert (await put(api, uri, b"x" * 11)).status == 413
        assert await paths(api, bucket, folder) == []
        assert (await put(api, uri, b"x" * 10)).status == 201

    @pytest.mark.parametrize(
        ("signed", "sent", "kept"),
        [
            ("text/csv", "application/pdf", "text/csv"),
            (None, "application/pdf", "application/pdf"),
            (None, "not a type", "application/octet-stream"),
            (None, None, "application/octet-stream"),
        ],
    )
    async def test_the_signed_content_type_wins(
        self, api: Any, folder: Any, bucket: Any, signed: Any, sent: Any, kept: str
    ) -> None:
        more = {"contentType": signed} if signed else {}
        uri = (await access(api, bucket, folder, "GetWriteUri", "a", **more))["Uri"]
        assert (await put(api, uri, b"x", {"content-type": sent} if sent else None)).status == 201
        answer = await fetch(api, (await access(api, bucket, folder, "GetReadUri", "a"))["Uri"])
        assert answer.headers["content-type"] == kept

    async def test_400_for_no_content_type(self, api: Any, folder: Any, bucket: Any) -> None:
        params = {"path": "a", "contentType": "text/html\r\nset-cookie: a=b"}
        answer = await api.request("GET", of(bucket, "GetWriteUri"), params=params, folder=folder)
        assert answer.status == 400
        assert "contentType" in answer.json["message"]


class TestAddresses:
    async def test_403_for_another_verb_another_signature_and_after_its_time(
        self, api: Any, clock: Any, folder: Any, bucket: Any
    ) -> None:
        await write(api, bucket, folder, "a.txt", b"one")
        reading = (await access(api, bucket, folder, "GetReadUri", "a.txt", expiryInMinutes=30))["Uri"]
        assert (await put(api, reading, b"two")).status == 403
        assert (await fetch(api, reading[:-2] + "AA")).status == 403
        clock.forward(minutes=29)
        assert (await fetch(api, reading)).content == b"one"
        clock.forward(minutes=1)
        assert (await fetch(api, reading)).status == 403

    async def test_the_default_is_a_quarter_of_an_hour(self, api: Any, clock: Any, folder: Any, bucket: Any) -> None:
        uri = (await access(api, bucket, folder, "GetWriteUri", "a.txt"))["Uri"]
        clock.forward(minutes=15)
        assert (await put(api, uri, b"two")).status == 403

    @pytest.mark.parametrize("minutes", [-1, 10_081, 2**31 - 1])
    async def test_400_for_a_time_out_of_bounds(self, api: Any, folder: Any, bucket: Any, minutes: int) -> None:
        for operation in ("GetReadUri", "GetWriteUri"):
            params = {"path": "a.txt", "expiryInMinutes": minutes}
            answer = await api.request("GET", of(bucket, operation), params=params, folder=folder)
            assert answer.status == 400
            assert "expiryInMinutes" in answer.json["message"]

    async def test_an_address_of_a_file_that_is_not_there_leads_to_404(
        self, api: Any, folder: Any, bucket: Any
    ) -> None:
        uri = (await access(api, bucket, folder, "GetReadUri", "none.txt"))["Uri"]
        assert (await fetch(api, uri)).status == 404

    async def test_parts_of_a_file(self, api: Any, folder: Any, bucket: Any) -> None:
        await write(api, bucket, folder, "a/total.bin", bytes(range(256)) * 1000)
        uri = (await access(api, bucket, folder, "GetReadUri", "a/total.bin"))["Uri"]
        whole = await fetch(api, uri)
        assert whole.headers["accept-ranges"] == "bytes"
        assert whole.headers["content-disposition"].startswith("attachment")
        assert "total.bin" in whole.headers["content-disposition"]
        assert whole.headers["x-content-type-options"] == "nosniff"
        part = await fetch(api, uri, range="bytes=256-511")
        assert (part.status, part.content) == (206, bytes(range(256)))
        assert part.headers["content-range"] == "bytes 256-511/256000"
        assert (await fetch(api, uri, range="bytes=-1")).content == b"\xff"
        assert (await fetch(api, uri, range="bytes=256000-")).status == 416
        assert (await fetch(api, uri, range="bytes=0-1", if_range='"other"')).status == 200
        assert (await fetch(api, uri, range="bytes=0-1", if_range=whole.headers["etag"])).status == 206
        head = await fetch(api, uri, "HEAD")
        assert (head.status, head.headers["content-length"], head.content) == (200, "256000", b"")

    async def test_403_without_the_permission(self, api: Any, folder: Any, bucket: Any) -> None:
        stranger = api.as_role(folder=folder)
        for operation in ("GetReadUri", "GetWriteUri"):
            answer = await stranger.request("GET", of(bucket, operation), params={"path": "a"}, folder=folder)
            assert answer.status == 403


@pytest.fixture
async def tree(api: Any, folder: Any, bucket: Any) -> Any:
    for path in ("top.txt", "a/one.txt", "a/two.csv", "a/b/three.txt", "a0/x.txt", "c/d/e.txt", "50%/_.txt"):
        await write(api, bucket, folder, path, path.encode())
    return bucket


class TestGetFiles:
    async def test_200_of_one_directory(self, api: Any, folder: Any, tree: Any) -> None:
        assert await paths(api, tree, folder, recursive="false") == ["/top.txt"]
        assert await paths(api, tree, folder, recursive="false", directory="/") == ["/top.txt"]
        assert await paths(api, tree, folder, recursive="false", directory="a") == ["/a/one.txt", "/a/two.csv"]
        assert await paths(api, tree, folder, directory="/a/") == ["/a/b/three.txt", "/a/one.txt", "/a/two.csv"]
        assert await paths(api, tree, folder, directory="none") == []
        assert len(await paths(api, tree, folder)) == 7

    async def test_200_of_a_pattern(self, api: Any, folder: Any, tree: Any) -> None:
        assert await paths(api, tree, folder, fileNameGlob="*.csv") == ["/a/two.csv"]
        assert await paths(api, tree, folder, fileNameGlob="t?o.*") == ["/a/two.csv"]
        assert await paths(api, tree, folder, fileNameGlob="_*") == ["/50%/_.txt"]
        assert await paths(api, tree, folder, fileNameGlob="%") == []

    async def test_200_with_the_options_of_every_list(self, api: Any, folder: Any, tree: Any) -> None:
        newest = {"$orderby": "Size desc,FullPath", "$top": 2, "$skip": 1, "recursive": "true"}
        found = await api.get(of(tree, "GetFiles"), params=newest, folder=folder)
        assert [row["FullPath"] for row in found["value"]] == ["/50%/_.txt", "/a/one.txt"]
        assert found["@odata.count"] == 7
        assert await paths(api, tree, folder, **{"$filter": "endswith(FullPath,'.CSV')"}) == ["/a/two.csv"]
        await api.get(of(tree, "GetFiles"), params={"$top": 1001}, folder=folder, expect=400)
        await api.get(of(tree, "GetFiles"), params={"$filter": "Blob eq 'x'"}, folder=folder, expect=400)

    async def test_403_without_the_permission_on_files(self, api: Any, folder: Any, tree: Any) -> None:
        stranger = api.as_role(folder=folder)
        await stranger.get(of(tree, "GetFiles"), folder=folder, expect=403)


class TestGetDirectories:
    async def test_200_right_below(self, api: Any, folder: Any, tree: Any) -> None:
        async def names(**params: Any) -> list[str]:
            found = await api.get(of(tree, "GetDirectories"), params=params, folder=folder)
            assert all(row["IsDirectory"] for row in found["value"])
            return [row["FullPath"] for row in found["value"]]

        assert await names() == ["/50%", "/a", "/a0", "/c"]
        assert await names(directory="a") == ["/a/b"]
        assert await names(directory="c/d") == []
        assert await names(fileNameGlob="a?") == ["/a0"]
        assert await names(**{"$top": 1, "$skip": 1}) == ["/a"]
        assert await names(**{"$orderby": "FullPath desc", "$top": 1}) == ["/c"]


class TestGetFile:
    async def test_404_for_none(self, api: Any, folder: Any, tree: Any) -> None:
        for path in ("a", "a/none.txt", "TOP.txt"):
            answer = await api.request("GET", of(tree, "GetFile"), params={"path": path}, folder=folder)
            assert (answer.status, answer.json["errorCode"]) == (404, 1002)


class TestListFiles:
    async def test_200_page_after_page(self, api: Any, folder: Any, tree: Any) -> None:
        seen: list[str] = []
        token: Any = ""
        while token is not None:
            page, token = await listed(api, tree, folder, takeHint=2, continuationToken=token)
            assert len(page) <= 2
            seen += page
        assert seen == sorted(await paths(api, tree, folder))

    async def test_200_by_prefix_within_a_name(self, api: Any, folder: Any, tree: Any) -> None:
        assert (await listed(api, tree, folder, prefix="a"))[0] == [
            "/a/b/three.txt",
            "/a/one.txt",
            "/a/two.csv",
            "/a0/x.txt",
        ]
        assert (await listed(api, tree, folder, prefix="/a/t"))[0] == ["/a/two.csv"]
        assert (await listed(api, tree, folder, prefix="/a/two.csv", takeHint=1)) == (["/a/two.csv"], None)
        assert (await listed(api, tree, folder, prefix="zzz")) == ([], None)

    async def test_200_with_addresses(self, api: Any, folder: Any, tree: Any) -> None:
        found = await api.get(listing(tree), params={"prefix": "top", "expiryInMinutes": 5}, folder=folder)
        (item,) = found["items"]
        assert (item["size"], item["accessInfo"]["verb"]) == (7, "GET")
        assert (await fetch(api, item["accessInfo"]["uri"])).content == b"top.txt"

    @pytest.mark.parametrize(
        ("params", "named"),
        [
            ({"takeHint": 0}, "takeHint"),
            ({"takeHint": 1001}, "takeHint"),
            ({"continuationToken": "%%"}, "continuationToken"),
            ({"prefix": "a\0"}, "prefix"),
            ({"expiryInMinutes": 99_999}, "expiryInMinutes"),
        ],
    )
    async def test_400_names_the_parameter(self, api: Any, folder: Any, bucket: Any, params: Any, named: str) -> None:
        answer = await api.request("GET", listing(bucket), params=params, folder=folder)
        assert answer.status == 400
        assert named in answer.json["message"]


class TestStoreFile:
    async def test_the_file_is_there_when_it_returns(self, api: Any, clock: Any, folder: Any, bucket: Any) -> None:
        async def pieces() -> Any:
            yield b"a,b\n"
            yield b"1,2\n"

        services = api.node.composition.services
        await actions.store_file(services, api.tenant_id, bucket["Id"], "archive/1.csv", pieces(), clock.now)
        assert await read(api, bucket, folder, "archive/1.csv") == b"a,b\n1,2\n"
        with pytest.raises(BadRequest):
            await actions.store_file(services, api.tenant_id, bucket["Id"], "../1.csv", pieces(), clock.now)

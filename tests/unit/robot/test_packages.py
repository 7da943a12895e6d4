"""Packages on the robot's disk: unpacked safely, prepared once."""

from __future__ import annotations

import asyncio
import hashlib
import io
import stat
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from podium.robot.archive import BadPackage, unpack_content
from podium.robot.environments import (
    Environments,
    Package,
    PreparationFailed,
    is_uipath_project,
    needs_sync,
    read_ready,
)

HOSTILE = [
    "content/../outside.txt",
    "content/a/../../../outside.txt",
    "/content/absolute.txt",
    "content/..\\outside.txt",
    "C:/content/drive.txt",
    "../content/above.txt",
]


def archive_at(path: Path, entries: list[tuple[str | zipfile.ZipInfo, str]]) -> Path:
    with zipfile.ZipFile(path, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # zipfile warns of the entry that stands twice
        for name, text in entries:
            archive.writestr(name, text)
    return path


class TestUnpacking:
    def test_content_arrives_without_its_prefix_and_nothing_else(self, tmp_path: Path) -> None:
        entries: list[tuple[str | zipfile.ZipInfo, str]] = [
            ("a.nuspec", "x"),
            ("content/main.py", "1"),
            ("content/in/deep.txt", "2"),
        ]
        unpack_content(archive_at(tmp_path / "a.nupkg", entries), tmp_path / "out")
        assert (tmp_path / "out" / "in" / "deep.txt").read_text() == "2"
        assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["in", "main.py"]

    @pytest.mark.parametrize("name", HOSTILE)
    def test_an_entry_that_leads_outside_is_refused_before_anything_is_written(self, tmp_path: Path, name: str) -> None:
        path = archive_at(tmp_path / "a.nupkg", [("content/main.py", "1"), (name, "evil")])
        with pytest.raises(BadPackage, match="leads outside"):
            unpack_content(path, tmp_path / "out")
        assert {entry.name for entry in tmp_path.iterdir()} == {"a.nupkg", "packages"}

    def test_a_link_is_refused(self, tmp_path: Path) -> None:
        link = zipfile.ZipInfo("content/link")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        path = archive_at(tmp_path / "a.nupkg", [("content/main.py", "1"), (link, "/etc/passwd")])
        with pytest.raises(BadPackage, match="neither file nor folder"):
            unpack_content(path, tmp_path / "out")

    def test_an_entry_that_stands_twice_is_refused(self, tmp_path: Path) -> None:
        path = archive_at(tmp_path / "a.nupkg", [("content/main.py", "1"), ("content/main.py", "2")])
        with pytest.raises(BadPackage, match="twice"):
            unpack_content(path, tmp_path / "out")

    def test_a_package_without_content_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(BadPackage, match="no folder 'content'"):
            unpack_content(archive_at(tmp_path / "a.nupkg", [("lib/main.py", "1")]), tmp_path / "out")

    def test_what_is_no_archive_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.nupkg"
        path.write_bytes(b"PK\x03\x04 and then nothing of the kind")
        with pytest.raises(BadPackage, match="cannot be unpacked"):
            unpack_content(path, tmp_path / "out")


class Source:
    """Hands out one package and counts how often."""

    def __init__(self) -> None:
        memory = io.BytesIO()
        with zipfile.ZipFile(memory, "w") as archive:
            archive.writestr("content/main.py", "print('hello')")
        self.content = memory.getvalue()
        self.sha256 = hashlib.sha256(self.content).hexdigest()
        self.times = 0
        self.is_failing = False
        self.asked = asyncio.Event()

    async def fetch(self, target: Path) -> str:
        self.times += 1
        self.asked.set()
        await asyncio.sleep(0.01)
        if self.is_failing:
            raise PreparationFailed("not today")
        await asyncio.to_thread(target.write_bytes, self.content)
        return self.sha256


@pytest.fixture
def environments(tmp_path: Path) -> Callable[[], Environments]:
    return lambda: Environments(tmp_path / "packages", limit_s=60, variables={})


@pytest.fixture(autouse=True)
def packages_folder(tmp_path: Path) -> None:
    (tmp_path / "packages").mkdir()


class TestPreparation:
    async def test_fifty_jobs_prepare_a_package_once(self, environments: Callable[[], Environments]) -> None:
        source, ready = Source(), environments()
        package = Package("Demo", "1.0.0", source.sha256, None)
        prepared = await asyncio.gather(*(ready.prepare(package, source.fetch) for _ in range(50)))
        assert source.times == 1
        assert len(set(prepared)) == 1
        assert await environments().prepare(package, source.fetch) == prepared[0]
        assert source.times == 1

    async def test_another_hash_is_another_package(self, environments: Callable[[], Environments]) -> None:
        source, ready = Source(), environments()
        await ready.prepare(Package("Demo", "1.0.0", source.sha256, None), source.fetch)
        with pytest.raises(PreparationFailed, match="not the one the server announced"):
            await ready.prepare(Package("Demo", "1.0.0", "0" * 64, None), source.fetch)

    async def test_a_failed_preparation_is_tried_again(self, environments: Callable[[], Environments]) -> None:
        source, ready = Source(), environments()
        source.is_failing = True
        package = Package("Demo", "1.0.0", None, "feed")
        with pytest.raises(PreparationFailed, match="not today"):
            await ready.prepare(package, source.fetch)
        source.is_failing = False
        assert (await ready.prepare(package, source.fetch)).is_uipath is False

    async def test_a_job_that_gives_up_does_not_disturb_the_others(
        self, environments: Callable[[], Environments]
    ) -> None:
        source, ready = Source(), environments()
        package = Package("Demo", "1.0.0", source.sha256, None)
        first, second = (asyncio.create_task(ready.prepare(package, source.fetch)) for _ in range(2))
        await source.asked.wait()
        first.cancel()
        assert (await second).content.endswith("content")
        assert source.times == 1

    async def test_the_rest_of_an_interrupted_preparation_is_made_anew(
        self, environments: Callable[[], Environments], tmp_path: Path
    ) -> None:
        source = Source()
        package = Package("Demo", "1.0.0", source.sha256, None)
        rest = tmp_path / "packages" / package.folder_name / "old"
        rest.mkdir(parents=True)
        assert read_ready(rest.parent) is None
        await environments().prepare(package, source.fetch)
        assert not rest.exists()

    def test_hostile_package_names_stay_inside_the_cache(self) -> None:
        for name in ("../../etc", "a/b", "..", "", "x" * 500, "\0"):
            folder = Package(name, "1.0.0", None, None).folder_name
            assert "/" not in folder
            assert "\0" not in folder
            assert not folder.startswith(".")
            assert len(folder) < 100


class TestKinds:
    @pytest.mark.parametrize(
        ("files", "is_uipath"),
        [
            ({}, False),
            ({"uipath.json": "{}"}, True),
            ({"entry-points.json": '{"entryPoints": [{"type": "function"}]}'}, True),
            ({"entry-points.json": '{"entryPoints": [{"type": "process"}]}'}, False),
            ({"entry-points.json": "no json"}, False),
            ({"uipath.json": "{}", "operate.json": '{"contentType": "Process"}'}, False),
            ({"uipath.json": "{}", "operate.json": '{"contentType": "agent"}'}, True),
        ],
    )
    def test_uipath_projects_and_plain_ones_are_told_apart(
        self, tmp_path: Path, files: dict[str, str], is_uipath: bool
    ) -> None:
        for name, text in files.items():
            (tmp_path / name).write_text(text)
        assert is_uipath_project(tmp_path) is is_uipath

    @pytest.mark.parametrize(
        ("project", "is_needed"),
        [
            ({"name": "a"}, False),
            ({"requires-python": ">=3.11"}, False),
            ({"requires-python": ">=3.99"}, True),
            ({"requires-python": "<3.12"}, True),
            ({"dependencies": ["httpx"]}, True),
        ],
    )
    def test_uv_is_asked_only_when_python_alone_does_not_do(self, project: dict[str, object], is_needed: bool) -> None:
        assert needs_sync({"project": project}) is is_needed
        assert needs_sync({"project": project, "build-system": {}}) is True

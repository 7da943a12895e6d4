from __future__ import annotations

import json
import os
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from defusedxml import ElementTree

from podium.cli import project as projects
from podium.cli.failure import Exit, Failure
from podium.cli.package import Package, pack


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    """A plain Python project with things that must stay at home."""
    folder = tmp_path / "total"
    write(folder / "main.py", "print('hello')\n")
    write(folder / "lib/rates.py", "RATE = 19\n")
    write(
        folder / "pyproject.toml",
        '[project]\nname = "total"\nversion = "1.2.3"\ndescription = "Adds <up> & \\"more\\""\n'
        'authors = [{name = "Ada"}, {email = "bo@example.org"}]\n'
        '[tool.podium.input.properties]\ntax = {type = "number"}\n',
    )
    return folder


def write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def names(package: Package) -> list[str]:
    with zipfile.ZipFile(BytesIO(package.archive)) as archive:
        return archive.namelist()


def content(package: Package, name: str) -> bytes:
    with zipfile.ZipFile(BytesIO(package.archive)) as archive:
        return archive.read(name)


def described(package: Package, name: str) -> Any:
    return json.loads(content(package, f"content/{name}"))


class TestPack:
    def test_layout_is_that_of_a_nuget_package_with_content(self, plain: Path) -> None:
        found = names(pack(plain))
        properties = [name for name in found if name.endswith(".psmdcp")]
        assert len(properties) == 1
        assert sorted(set(found) - set(properties)) == [
            "[Content_Types].xml",
            "_rels/.rels",
            "content/bindings_v2.json",
            "content/entry-points.json",
            "content/lib/rates.py",
            "content/main.py",
            "content/operate.json",
            "content/package-descriptor.json",
            "content/pyproject.toml",
            "total.nuspec",
        ]

    def test_manifest_says_what_pyproject_says(self, plain: Path) -> None:
        manifest = ElementTree.fromstring(content(pack(plain), "total.nuspec"))
        said = {element.tag.rpartition("}")[2]: element.text for element in manifest.iter()}
        assert (said["id"], said["version"], said["authors"]) == ("total", "1.2.3", "Ada, bo@example.org")
        assert said["description"] == 'Adds <up> & "more"'

    def test_every_part_has_a_content_type(self, plain: Path) -> None:
        write(plain / "LICENSE", "free")
        write(plain / "READ.ME", "x")
        package = pack(plain)
        types = ElementTree.fromstring(content(package, "[Content_Types].xml"))
        suffixes = {row.get("Extension") for row in types if row.tag.endswith("Default")}
        parts = {row.get("PartName") for row in types if row.tag.endswith("Override")}
        for name in set(names(package)) - {"[Content_Types].xml"}:
            assert f"/{name}" in parts or name.rpartition(".")[2].lower() in suffixes

    def test_plain_project_is_a_process_with_one_entry_point_and_its_schema(self, plain: Path) -> None:
        package = pack(plain)
        operate = described(package, "operate.json")
        assert (operate["main"], operate["contentType"], operate["targetRuntime"]) == ("main.py", "process", "python")
        (point,) = described(package, "entry-points.json")["entryPoints"]
        assert (point["filePath"], point["type"]) == ("main.py", "process")
        assert point["input"] == {"type": "object", "properties": {"tax": {"type": "number"}}}
        assert described(package, "package-descriptor.json")["files"]["main.py"] == "main.py"

    def test_the_same_files_give_the_same_bytes_at_another_time_and_place(self, plain: Path, tmp_path: Path) -> None:
        first = pack(plain).archive
        moved = tmp_path / "elsewhere" / "other"
        moved.parent.mkdir()
        plain.rename(moved)
        for path in moved.rglob("*"):
            os.utime(path, (1, 1))
        assert pack(moved).archive == first
        with zipfile.ZipFile(BytesIO(first)) as archive:
            assert {entry.date_time for entry in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
            assert archive.namelist() == sorted(archive.namelist())

    def test_other_content_gives_other_bytes(self, plain: Path) -> None:
        first = pack(plain).archive
        write(plain / "main.py", "print('bye')\n")
        assert pack(plain).archive != first

    @pytest.mark.parametrize(
        "path",
        [
            *(
                ".git/config",
                ".venv/bin/python",
                "__pycache__/main.pyc",
                "lib/old.pyc",
                ".env",
                ".env.local",
                "dist/a.whl",
            ),
            *("node_modules/x/index.js", "old.1.0.0.nupkg", "total.egg-info/PKG-INFO", "secret.txt", "lib/secret.txt"),
            *("build/x", "cache/deep/x", "docs/draft.md"),
        ],
    )
    def test_what_does_not_belong_is_left_out(self, plain: Path, path: str) -> None:
        write(plain / ".gitignore", "# ours\nsecret.txt\ncache/\n/docs/*.md\n")
        write(plain / path, "x")
        assert f"content/{path}" not in names(pack(plain))

    def test_version_option_wins(self, plain: Path) -> None:
        assert pack(plain, version="2.0.0-beta.1").file_name == "total.2.0.0-beta.1.nupkg"

    def test_links_are_left_out_with_a_warning(self, plain: Path, tmp_path: Path) -> None:
        write(tmp_path / "outside" / "key.pem", "private")
        (plain / "key.pem").symlink_to(tmp_path / "outside" / "key.pem")
        (plain / "outside").symlink_to(tmp_path / "outside")
        package = pack(plain)
        assert not [name for name in names(package) if "key" in name or "outside" in name]
        assert sorted(package.warnings) == ["skipped key.pem: a link", "skipped outside: a link"]

    def test_folder_without_pyproject_gets_its_name_and_a_first_version(self, tmp_path: Path) -> None:
        write(tmp_path / "My bot (new)" / "main.py", "")
        assert pack(tmp_path / "My bot (new)").file_name == "My-bot-new.1.0.0.nupkg"


class TestPackOfAUipathProject:
    def test_functions_become_entry_points_open_to_any_arguments(self, plain: Path) -> None:
        write(plain / "uipath.json", '{"functions": {"add": "main.py:add", "sub": "main.py:sub"}}')
        package = pack(plain)
        assert described(package, "operate.json")["contentType"] == "function"
        points = described(package, "entry-points.json")["entryPoints"]
        assert [(point["filePath"], point["type"], point["input"]) for point in points] == [
            ("add", "function", {}),
            ("sub", "function", {}),
        ]
        assert points[0]["uniqueId"] != points[1]["uniqueId"]

    def test_entry_points_of_uipath_init_are_taken_over(self, plain: Path) -> None:
        write(plain / "uipath.json", "{}")
        point = {"filePath": "agent", "uniqueId": "u", "type": "agent", "input": {"type": "object"}, "output": {}}
        write(plain / "entry-points.json", json.dumps({"entryPoints": [point]}))
        package = pack(plain)
        assert described(package, "entry-points.json")["entryPoints"] == [point]
        assert described(package, "operate.json")["contentType"] == "agent"

    def test_excluded_files_stay_out(self, plain: Path) -> None:
        write(plain / "data/big.bin", "x")
        options = {"filesExcluded": ["lib/rates.py"], "directoriesExcluded": ["data"]}
        write(plain / "uipath.json", json.dumps({"functions": {"f": "main.py:f"}, "packOptions": options}))
        found = names(pack(plain))
        assert "content/uipath.json" in found
        assert not {"content/lib/rates.py", "content/data/big.bin"} & set(found)


class TestRefusals:
    @pytest.mark.parametrize(
        ("files", "words"),
        [
            ({"readme.txt": ""}, "no main.py and no uipath.json"),
            ({"main.py": "", "pyproject.toml": "[project"}, "is not TOML"),
            ({"main.py": "", "pyproject.toml": '[project]\nname = "x"\n'}, "has no version"),
            (
                {"main.py": "", "pyproject.toml": '[project]\nname = "x"\nversion = "1.0a1"\n'},
                "'1.0a1' cannot be the version",
            ),
            (
                {"main.py": "", "pyproject.toml": '[project]\nname = "x/y"\nversion = "1.0"\n'},
                "'x/y' cannot be the name",
            ),
            ({"main.py": "", "pyproject.toml": 'project = "x"\n'}, "[project] must be a table"),
            ({"main.py": "", "podium.toml": 'input = "x"\n'}, "must be a table, not str"),
            (
                {"uipath.json": "{}", "pyproject.toml": '[project]\nname = "x"\nversion = "1.0"\n'},
                "no functions and no agents",
            ),
            ({"uipath.json": "[1]"}, "must be a table, not list"),
            ({"uipath.json": "{"}, "is not JSON"),
        ],
    )
    def test_a_project_that_cannot_be_packed_names_the_reason(
        self, tmp_path: Path, files: dict[str, str], words: str
    ) -> None:
        for name, text in files.items():
            write(tmp_path / "p" / name, text)
        with pytest.raises(Failure) as refused:
            pack(tmp_path / "p")
        assert words in refused.value.message
        assert refused.value.status is Exit.USAGE

    def test_no_folder_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Failure, match="is not a folder"):
            pack(tmp_path / "nothing")


class TestIgnoreLines:
    @pytest.mark.parametrize(
        ("path", "lines", "folder", "ignored"),
        [
            ("a.log", ["*.log"], False, True),
            ("deep/a.log", ["*.log"], False, True),
            ("keep.log", ["*.log", "!keep.log"], False, False),
            ("keep.log", ["!keep.log", "*.log"], False, True),
            ("tmp", ["tmp/"], True, True),
            ("tmp", ["tmp/"], False, False),
            ("sub/x", ["/x"], False, False),
            ("x", ["/x"], False, True),
            ("a/b.txt", ["a/b.txt"], False, True),
            ("c/b.txt", ["**/b.txt"], False, True),
            ("a", [], False, False),
        ],
    )
    def test_the_last_matching_line_decides(self, path: str, lines: list[str], folder: bool, ignored: bool) -> None:
        assert projects.is_ignored(path, lines, folder=folder) is ignored

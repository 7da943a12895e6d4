"""Honest packages in the layouts of their packers are accepted, with what their files say."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from uuid import UUID

import pytest

from podium.kernel.errors import BadRequest
from podium.orchestrator.packages.nupkg import Package, read_package

Read = Callable[..., Package]

ADDER_ID = "d0da4589-507a-4b95-acde-eb5f3a79bbb5"
ADDER_INPUT = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a"]}


def nuspec(name: str = "adder", version: str = "1.0.0", more: str = "") -> str:
    return f"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2011/10/nuspec.xsd">
  <metadata>
    <id>{name}</id>
    <version>{version}</version>
    <authors>Ann</authors>
    <requireLicenseAcceptance>false</requireLicenseAcceptance>
    <description>Adds</description>{more}
  </metadata>
</package>"""


def function_files() -> dict[str, str]:
    """The files that `uipath pack` puts into the package of a Python function."""
    entry_point = {
        "filePath": "main",
        "uniqueId": ADDER_ID,
        "type": "function",
        "input": ADDER_INPUT,
        "output": {"type": "object", "properties": {"total": {"type": "integer"}}, "required": ["total"]},
        "graph": {"nodes": [{"id": "main.py:12", "name": "main", "metadata": {"file": "main.py"}}], "edges": []},
    }
    operate = {
        "projectId": "a53e8ebb-e041-482f-97df-4b54936edca1",
        "main": "main",
        "contentType": "function",
        "targetFramework": "Portable",
        "targetRuntime": "python",
        "runtimeOptions": {"requiresUserInteraction": False, "isAttended": False, "isConversational": False},
        "dependencies": {"uipath": "==2.14.44"},
    }
    descriptor = {
        "operate.json": "content/operate.json",
        "entry-points.json": "content/entry-points.json",
        "bindings.json": "content/bindings_v2.json",
        "main": "main",
    }
    return {
        "./package/services/metadata/core-properties/58a1c372e6d64fa2.psmdcp": "<coreProperties/>",
        "[Content_Types].xml": "<Types/>",
        "content/package-descriptor.json": json.dumps({"files": descriptor}),
        "content/operate.json": json.dumps(operate),
        "content/entry-points.json": json.dumps({"$id": "entry-points.json", "entryPoints": [entry_point]}),
        "content/bindings_v2.json": json.dumps({"version": "2.0", "resources": []}),
        "adder.nuspec": nuspec(),
        "_rels/.rels": "<Relationships/>",
        "content/main.py": "def main(input): ...",
        "content/uipath.json": json.dumps({"functions": {"main": "main.py:main"}}),
        "content/pyproject.toml": "[project]\nname = 'adder'\nversion = '1.0.0'",
    }


def studio_files(project: Mapping[str, object], folder: str = "lib/net45") -> dict[str, str]:
    return {
        "Robo.nuspec": nuspec("Robo", "1.0.7", '<dependencies><group targetFramework="net45">'
                              '<dependency id="UiPath.Excel" version="[2.1.0]" /></group></dependencies>'),
        f"{folder}/project.json": "\ufeff" + json.dumps(project),
        f"{folder}/Main.xaml": "<Activity/>",
    }  # fmt: skip


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def packed(files: Mapping[str, str | bytes], filename: str | None = None) -> Package:
        upload = tmp_path / "upload"
        with zipfile.ZipFile(upload, "w", zipfile.ZIP_DEFLATED) as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        return read_package(upload, filename)

    return packed


class TestPythonFunction:
    def test_what_uipath_pack_makes(self, read: Read) -> None:
        package = read(function_files(), ".uipath/adder.1.0.0.nupkg")
        assert (package.key, package.normalised_version, package.authors) == ("adder:1.0.0", "1.0.0", "Ann")
        assert (package.description, package.title, package.release_notes) == ("Adds", None, None)
        assert (package.project_type, package.process_type, package.content_type) == ("Process", "Process", "function")
        assert (package.target_framework, package.target_runtime) == ("Portable", "python")
        assert (package.requires_user_interaction, package.is_attended, package.is_compiled) == (False, False, False)
        assert package.supports_multiple_entry_points
        assert package.main_entry_point_path == "main"
        assert package.dependencies == (("uipath", "==2.14.44"),)

    def test_its_entry_point(self, read: Read) -> None:
        package = read(function_files())
        entry_point = package.main_entry_point
        assert entry_point
        assert (package.entry_points, entry_point.path, entry_point.type) == ((entry_point,), "main", "function")
        assert entry_point.unique_id == UUID(ADDER_ID)
        assert json.loads(entry_point.input_schema or "") == ADDER_INPUT
        assert entry_point.input_definition == entry_point.input_schema
        assert json.loads(entry_point.input_arguments or "") == [
            {"name": "a", "type": "System.Int64", "required": True, "hasDefault": False},
            {"name": "b", "type": "System.Int64", "required": False, "hasDefault": False},
        ]
        assert json.loads(entry_point.output_arguments or "")[0]["name"] == "total"

    def test_user_interaction_is_absent_by_default(self, read: Read) -> None:
        operate = {"main": "main", "contentType": "Agent", "targetRuntime": "pythonAgent"}
        package = read(function_files() | {"content/operate.json": json.dumps(operate)})
        assert (package.requires_user_interaction, package.content_type) == (False, "agent")
        assert package.target_runtime == "pythonAgent"

    def test_descriptor_paths_without_content(self, read: Read) -> None:
        files = function_files()
        files["content/meta/run.json"] = files.pop("content/operate.json")
        files["content/package-descriptor.json"] = json.dumps({"files": {"operate.json": "meta/run.json"}})
        assert read(files).content_type == "function"

    def test_unique_ids_that_are_missing_nonsense_or_repeated_are_made_up_and_stay(self, read: Read) -> None:
        given = {"a": ADDER_ID, "b": ADDER_ID, "c": "nonsense", "d": None, "e": str(UUID(int=0))}
        points = [{"filePath": path, "uniqueId": unique_id} for path, unique_id in given.items()]
        files = function_files() | {"content/entry-points.json": json.dumps({"entryPoints": points})}
        first, second = read(files), read(files | {"adder.nuspec": nuspec(version="1.0.1")})
        ids = [point.unique_id for point in first.entry_points]
        assert len({*ids, UUID(int=0)}) == 6
        assert ids == [point.unique_id for point in second.entry_points]

    def test_main_that_is_not_listed_is_the_first_entry_point(self, read: Read) -> None:
        operate = {"main": "gone", "targetRuntime": "python"}
        assert read(function_files() | {"content/operate.json": json.dumps(operate)}).main_entry_point_path == "main"


class TestPlainPython:
    def test_main_py_alone(self, read: Read) -> None:
        package = read({"adder.nuspec": nuspec(), "content/main.py": "print()"})
        assert [point.path for point in package.entry_points] == ["main.py"]
        assert (package.main_entry_point_path, package.target_runtime) == ("main.py", "python")
        assert (package.requires_user_interaction, package.supports_multiple_entry_points) == (False, False)
        assert package.entry_points[0].input_definition is None

    def test_functions_that_were_not_described(self, read: Read) -> None:
        uipath = json.dumps({"functions": {"add": "main.py:add", "sub": "main.py:sub"}})
        package = read({"adder.nuspec": nuspec(), "content/main.py": "", "content/uipath.json": uipath})
        assert [point.path for point in package.entry_points] == ["add", "sub"]
        assert (package.content_type, package.main_entry_point_path) == ("function", "add")

    def test_project_json_of_another_program_says_nothing(self, read: Read) -> None:
        package = read({"adder.nuspec": nuspec(), "content/main.py": "", "content/project.json": '{"name": "web"}'})
        assert package.target_runtime == "python"


class TestStudio:
    def test_entry_points_of_a_windows_project(self, read: Read) -> None:
        argument = {"name": "in_File", "type": "System.String, mscorlib", "required": True, "hasDefault": False}
        project = {
            "main": "Main.xaml",
            "studioVersion": "23.10",
            "targetFramework": "Windows",
            "runtimeOptions": {"requiresUserInteraction": False, "isAttended": True},
            "designOptions": {"outputType": "Process"},
            "dependencies": {"UiPath.Excel": "[2.1.0]", "UiPath.Mail": "[1.0.0]"},
            "entryPoints": [
                {"filePath": "Other.xaml", "uniqueId": ADDER_ID, "input": [], "output": []},
                {"filePath": "Main.xaml", "input": [argument], "output": []},
            ],
        }
        files = studio_files(project, "content") | {"lib/net6.0-windows7.0/robo.dll": b"MZ"}
        package = read(files, "Robo.1.0.7.nupkg")
        assert (package.target_framework, package.is_attended, package.requires_user_interaction) == (
            "Windows", True, False,
        )  # fmt: skip
        assert (package.is_compiled, package.supports_multiple_entry_points) == (True, True)
        assert [point.path for point in package.entry_points] == ["Other.xaml", "Main.xaml"]
        assert package.main_entry_point == package.entry_points[1]
        assert json.loads(package.entry_points[1].input_definition or "") == [argument]
        assert package.entry_points[0].input_definition == "[]"
        assert package.entry_points[0].input_schema is None
        assert package.dependencies == (("UiPath.Excel", "[2.1.0]"), ("UiPath.Mail", "[1.0.0]"))

    def test_arguments_of_main_in_an_older_project(self, read: Read) -> None:
        arguments = {"input": [{"name": "x", "type": "System.Int32"}], "output": []}
        package = read(studio_files({"main": "Main.xaml", "projectVersion": "1.0.7", "arguments": arguments}))
        assert (package.target_framework, package.requires_user_interaction) == ("Legacy", True)
        assert not package.supports_multiple_entry_points
        assert package.main_entry_point
        assert json.loads(package.main_entry_point.input_arguments or "")[0]["name"] == "x"

    def test_no_arguments_no_definition(self, read: Read) -> None:
        package = read(studio_files({"main": "Main.xaml", "projectVersion": "1.0.7"}))
        assert package.main_entry_point
        assert package.main_entry_point.input_definition is None

    @pytest.mark.parametrize(
        ("project", "folder", "framework"),
        [
            ({"targetFramework": "CrossPlatform"}, "content", "Portable"),
            ({"targetFramework": "Portable"}, "content", "Portable"),
            ({}, "lib/net45", "Legacy"),
            ({}, "lib/net461", "Legacy"),
            ({}, "lib/net6.0-windows7.0", "Windows"),
            ({}, "lib/net10.0", "Portable"),
            ({}, "content", "Legacy"),
        ],
    )
    def test_framework(self, project: dict[str, str], folder: str, framework: str, read: Read) -> None:
        assert read(studio_files({"main": "Main.xaml"} | project, folder)).target_framework == framework

    @pytest.mark.parametrize(
        ("output_type", "project_type", "process_type"),
        [("Tests", "TestAutomationProcess", "TestAutomationProcess"), ("Library", "ProcessLibrary", "Process")],
    )
    def test_output_type(self, output_type: str, project_type: str, process_type: str, read: Read) -> None:
        package = read(studio_files({"main": "Main.xaml", "designOptions": {"outputType": output_type}}))
        assert (package.project_type, package.process_type) == (project_type, process_type)


class TestOtherPackages:
    def test_library_of_assemblies(self, read: Read) -> None:
        package = read({"Mail.nuspec": nuspec("Mail"), "lib/net461/Mail.dll": b"MZ", ".signature.p7s": b"\x30"})
        assert (package.project_type, package.is_compiled, package.target_framework) == (
            "ProcessLibrary",
            True,
            "Legacy",
        )
        assert (package.entry_points, package.main_entry_point) == ((), None)

    def test_no_metadata_at_all(self, read: Read) -> None:
        package = read({"adder.nuspec": nuspec(), "content/readme.md": "hello"})
        assert (package.project_type, package.entry_points, package.main_entry_point_path) == ("Undefined", (), None)

    def test_names_that_look_odd_but_do_no_harm(self, read: Read) -> None:
        odd = ["content/My%20File.xaml", "content/Straße (1).txt", "content/a..b", "content/.env", "content/100%.txt",
               "content/日本語.txt", "content/a'b&c.txt", "content/empty/", "content/notes/12:30.txt"]  # fmt: skip
        assert read({"adder.nuspec": nuspec()} | dict.fromkeys(odd, "")).id == "adder"

    def test_many_small_files_that_pack_well(self, read: Read) -> None:
        images = {f"content/{n}.bmp": bytes(900_000) for n in range(10)}
        assert read({"adder.nuspec": nuspec()} | images).id == "adder"

    def test_texts_of_the_nuspec(self, read: Read) -> None:
        more = (
            "<title>The Adder</title><owners>Bob</owners><summary>s</summary><tags>a b</tags>"
            "<releaseNotes>first</releaseNotes><projectUrl>https://example.org/adder</projectUrl>"
            "<iconUrl>javascript:alert(1)</iconUrl><licenseUrl> </licenseUrl>"
        )
        package = read({"adder.nuspec": nuspec(more=more)})
        assert (package.title, package.owners, package.summary) == ("The Adder", "Bob", "s")
        assert (package.tags, package.release_notes) == ("a b", "first")
        assert (package.project_url, package.icon_url, package.license_url) == ("https://example.org/adder", None, None)

    def test_nuspec_without_namespace_in_utf16(self, read: Read) -> None:
        metadata = "<metadata><id>Ä</id><version>1.0</version></metadata>"
        text = f'<?xml version="1.0" encoding="utf-16"?><package>{metadata}</package>'
        package = read({"Ä.NUSPEC": text.encode("utf-16")})
        assert (package.id, package.version, package.normalised_version) == ("Ä", "1.0", "1.0.0")

    def test_ids_are_composed(self, read: Read) -> None:
        assert read({"x.nuspec": nuspec("Cafe\u0301")}).id == "Café"

    def test_archive_written_as_a_stream(self, tmp_path: Path) -> None:
        """Sizes follow the content then, as in what several packers write."""
        upload = tmp_path / "upload"
        with upload.open("wb") as file:
            stream = _Unseekable(file)
            with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:  # type: ignore[call-overload]
                archive.writestr("adder.nuspec", nuspec())
                archive.writestr("content/main.py", "print()")
        assert read_package(upload, None).main_entry_point_path == "main.py"

    def test_400_another_id_or_version_than_the_file_says(self, read: Read) -> None:
        with pytest.raises(BadRequest, match=r"differs from the package inside, adder 1\.0\.0"):
            read(function_files(), "adder.1.0.1.nupkg")
        with pytest.raises(BadRequest, match="differs"):
            read(function_files(), "subtractor.1.0.0.nupkg")


class _Unseekable:
    def __init__(self, file: object) -> None:
        self.write = file.write  # type: ignore[attr-defined]
        self.flush = file.flush  # type: ignore[attr-defined]

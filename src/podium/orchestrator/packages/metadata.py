"""What a package's JSON files say about the automation inside: entry points, arguments, how and where it runs.

Three layouts: files of the SDK's packers and of newer Studios under `content/` (operate.json, entry-points.json),
Studio's project.json, and a plain Python project. Facts of the formats: spec of the package layout, and a package made
by `uipath pack` 2.14.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

from podium.kernel.errors import BadRequest
from podium.orchestrator.packages.arguments import read_json, studio_form, write_json

MAX_ENTRY_POINTS = 1000
MAX_ARGUMENTS = 10_000  # of all entry points together
MAX_DEFINITION_LENGTH = 256 * 1024  # characters of the definition of one entry point's input or output
MAX_PROSE_LENGTH = 35_000  # characters; NuGet's limit of release notes
MAX_TEXT_LENGTH = 1024  # characters of a path, a type and the like

DESCRIPTOR = "content/package-descriptor.json"
OPERATE = "operate.json"
ENTRY_POINTS = "entry-points.json"
UIPATH = "content/uipath.json"
MAIN_PY = "content/main.py"

_FRAMEWORKS = {"legacy": "Legacy", "windows": "Windows", "portable": "Portable", "crossplatform": "Portable"}
_OUTPUT_TYPES = {"library": "ProcessLibrary", "tests": "TestAutomationProcess"}
_STUDIO_MEMBERS = frozenset({"main", "studioVersion", "projectVersion", "designOptions", "entryPoints"})
_PROJECT = re.compile(r"(?:content|lib/[^/]+)/project\.json", re.IGNORECASE)
_LIB = re.compile(r"lib/([^/]+)/", re.IGNORECASE)
_LEGACY_FOLDER = re.compile(r"net[1-4][0-9]{1,2}")  # net45, net461; later frameworks have a dot
_NO_ID = UUID(int=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryPoint:
    """A place where the package can be started. Argument texts are None where the package defines nothing to check."""

    unique_id: UUID
    path: str
    type: str | None  # function, agent, workflow ... as the packer wrote it
    input_schema: str | None  # JSON schema as text; None for arguments in Studio's form
    output_schema: str | None
    input_arguments: str | None  # JSON array of {name, type, required, hasDefault}
    output_arguments: str | None

    @property
    def input_definition(self) -> str | None:
        """What `check_arguments` takes: the schema where there is one, else Studio's form."""
        return self.input_schema or self.input_arguments


@dataclass(frozen=True, slots=True, kw_only=True)
class Automation:
    """What the JSON files of a package say; the defaults are those of a package without any."""

    project_type: str = "Undefined"  # of the contract's enumeration ProjectType
    content_type: str = "process"  # function, agent, api, process ...
    target_framework: str | None = None  # Legacy, Windows, Portable
    target_runtime: str | None = None  # python, pythonAgent, dotnet ... as the packer wrote it
    requires_user_interaction: bool = False
    is_attended: bool = False
    supports_multiple_entry_points: bool = False
    main_entry_point_path: str | None = None
    entry_points: tuple[EntryPoint, ...] = ()
    description: str | None = None
    dependencies: tuple[tuple[str, str], ...] = ()  # (id, version or range) beside those of the nuspec


def read_automation(package_id: str, names: Iterable[str], read: Callable[[str], str]) -> Automation:
    """What the package is, from its file names and the few files that `read` is asked for.

    `names` are compared without regard to case. BadRequest names the file that cannot be understood.
    """
    known = {name.lower(): name for name in names}
    descriptor = _mapping(_document(DESCRIPTOR, known, read), "files")
    operate = _document(_described(OPERATE, descriptor, known), known, read)
    listed = _document(_described(ENTRY_POINTS, descriptor, known), known, read)
    project = next((document for document in _projects(known, read) if document), {})
    if operate or listed:
        return _packed(package_id, operate, listed, project, known)
    if project:
        return _studio(package_id, project, known)
    if MAIN_PY in known or UIPATH in known:
        return _plain_python(package_id, _document(UIPATH, known, read), has_main=MAIN_PY in known)
    has_assembly = any(_LIB.match(name) and name.endswith(".dll") for name in known)
    return Automation(
        project_type="ProcessLibrary" if has_assembly else "Undefined", target_framework=_framework({}, known)
    )


def _document(path: str, known: Mapping[str, str], read: Callable[[str], str]) -> dict[str, Any]:
    """The JSON object in the file; empty when there is no such file."""
    name = known.get(path.lower())
    if name is None:
        return {}
    value = read_json(read(name), f"'{name}' in the package")
    if not isinstance(value, dict):
        raise BadRequest(f"'{name}' in the package is not a JSON object.")
    return value


def _described(logical: str, descriptor: Mapping[str, Any], known: Mapping[str, str]) -> str:
    """Where the file lies: as the descriptor says, which may leave `content/` out, else at its usual place."""
    said = descriptor.get(logical)
    places = [said, f"content/{said}"] if isinstance(said, str) else []
    return next((place for place in places if place.lower() in known), f"content/{logical}")


def _projects(known: Mapping[str, str], read: Callable[[str], str]) -> Iterable[dict[str, Any]]:
    """Studio's project files, `content/` first. Other programs have a project.json too, which says nothing here."""
    for path in sorted(name for name in known if _PROJECT.fullmatch(name)):
        document = _document(path, known, read)
        yield document if not _STUDIO_MEMBERS.isdisjoint(document) else {}


def _packed(
    package_id: str,
    operate: dict[str, Any],
    listed: dict[str, Any],
    project: dict[str, Any],
    known: Mapping[str, str],
) -> Automation:
    """A package with operate.json or entry-points.json, as the SDK and newer Studios write them."""
    runtime = _text(operate, "targetRuntime")
    is_python = (runtime or "").lower().startswith("python") or (runtime is None and not project and UIPATH in known)
    options = _mapping(operate, "runtimeOptions") or _mapping(project, "runtimeOptions")
    entry_points = _entry_points(package_id, listed.get("entryPoints"), ENTRY_POINTS)
    main = _text(operate, "main") or _text(project, "main")
    if not entry_points:
        entry_points, main = _project_entry_points(package_id, project, main)
    return Automation(
        project_type=_project_type(operate, project),
        content_type=(_text(operate, "contentType") or "process").lower(),
        target_framework="Portable" if is_python else _framework(operate or project, known),
        target_runtime=runtime or ("python" if is_python else None),
        requires_user_interaction=_flag(options, "requiresUserInteraction", absent=not is_python),
        is_attended=_flag(options, "isAttended", absent=False),
        supports_multiple_entry_points="entryPoints" in listed or "entryPoints" in project,
        main_entry_point_path=_main_path(main, entry_points),
        entry_points=entry_points,
        description=_prose(project, "description"),
        dependencies=_dependencies(operate) or _dependencies(project),
    )


def _studio(package_id: str, project: dict[str, Any], known: Mapping[str, str]) -> Automation:
    """A package of a Studio that writes project.json only."""
    options = _mapping(project, "runtimeOptions")
    entry_points, main = _project_entry_points(package_id, project, _text(project, "main"))
    return Automation(
        project_type=_project_type(project),
        target_framework=_framework(project, known, otherwise="Legacy"),  # older Studios knew only that one
        requires_user_interaction=_flag(options, "requiresUserInteraction", absent=True),
        is_attended=_flag(options, "isAttended", absent=False),
        supports_multiple_entry_points="entryPoints" in project,
        main_entry_point_path=_main_path(main, entry_points),
        entry_points=entry_points,
        description=_prose(project, "description"),
        dependencies=_dependencies(project),
    )


def _plain_python(package_id: str, uipath: dict[str, Any], *, has_main: bool) -> Automation:
    """A Python project that no packer has described: the functions and agents of its uipath.json, else `main.py`."""
    described = [
        {"filePath": name, "type": kind}
        for member, kind in (("functions", "function"), ("agents", "agent"))
        for name in _mapping(uipath, member)
    ]
    script = [{"filePath": "main.py"}] if has_main else []
    entry_points = _entry_points(package_id, described or script, UIPATH)
    return Automation(
        project_type="Process",
        content_type=str(described[0]["type"]) if described else "process",
        target_framework="Portable",
        target_runtime="python",
        supports_multiple_entry_points=bool(described),
        main_entry_point_path=_main_path(None, entry_points),
        entry_points=entry_points,
    )


def _project_entry_points(
    package_id: str, project: dict[str, Any], main: str | None
) -> tuple[tuple[EntryPoint, ...], str | None]:
    """Entry points of a project.json; older Studios list none, but the arguments of `main`."""
    entry_points = _entry_points(package_id, project.get("entryPoints"), "project.json")
    if entry_points or main is None:
        return entry_points, main
    only = {"filePath": main} | _mapping(project, "arguments")
    return _entry_points(package_id, [only], "project.json"), main


def _entry_points(package_id: str, listed: Any, file: str) -> tuple[EntryPoint, ...]:
    if listed is None:
        return ()
    if not isinstance(listed, list) or not all(isinstance(each, dict) for each in listed):
        raise BadRequest(f"entryPoints of {file} in the package is not a list of objects.")
    if len(listed) > MAX_ENTRY_POINTS:
        raise BadRequest(f"The package has more than {MAX_ENTRY_POINTS} entry points.")
    if sum(_argument_count(each.get("input")) + _argument_count(each.get("output")) for each in listed) > MAX_ARGUMENTS:
        raise BadRequest(f"The package has more than {MAX_ARGUMENTS} arguments.")
    entry_points: dict[str, EntryPoint] = {}
    taken: set[UUID] = set()
    for each in listed:
        path = _text(each, "filePath")
        if path is None:
            raise BadRequest(f"An entry point of {file} in the package has no filePath.")
        if path in entry_points:
            raise BadRequest(f"{file} in the package holds the entry point '{path}' twice.")
        unique_id = _unique_id(each, package_id, path, taken)
        taken.add(unique_id)
        given, returned = each.get("input"), each.get("output")
        entry_points[path] = EntryPoint(
            unique_id=unique_id,
            path=path,
            type=_text(each, "type"),
            input_schema=_schema_text(given, path),
            output_schema=_schema_text(returned, path),
            input_arguments=studio_form(given),
            output_arguments=studio_form(returned),
        )
    return tuple(entry_points.values())


def _argument_count(definition: Any) -> int:
    if isinstance(definition, dict):
        return len(_mapping(definition, "properties"))
    return len(definition) if isinstance(definition, list) else 0


def _unique_id(entry_point: Mapping[str, Any], package_id: str, path: str, taken: set[UUID]) -> UUID:
    """The id that the packer gave; one that stays the same over the versions where it gave none, or the same twice."""
    try:
        unique_id = UUID(_text(entry_point, "uniqueId") or "")
    except ValueError:
        unique_id = _NO_ID
    if unique_id == _NO_ID or unique_id in taken:
        return uuid5(NAMESPACE_URL, f"{package_id}/{path}".lower())
    return unique_id


def _schema_text(definition: Any, path: str) -> str | None:
    text = write_json(definition) if isinstance(definition, dict | list) else ""
    if len(text) > MAX_DEFINITION_LENGTH:
        raise BadRequest(f"The arguments of the entry point '{path}' are described by too long a text.")
    return text if isinstance(definition, dict) else None


def _main_path(main: str | None, entry_points: tuple[EntryPoint, ...]) -> str | None:
    """The path of the main entry point as it is listed; the first one where `main` is not among them."""
    if not entry_points:
        return main
    paths = [each.path for each in entry_points]
    if main is None or main in paths:
        return main or paths[0]
    return next((path for path in paths if path.lower() == main.lower()), paths[0])


def _project_type(*documents: Mapping[str, Any]) -> str:
    for document in documents:
        output_type = _text(_mapping(document, "designOptions"), "outputType") or ""
        if output_type.lower() in _OUTPUT_TYPES:
            return _OUTPUT_TYPES[output_type.lower()]
    return "Process"


def _framework(document: Mapping[str, Any], known: Iterable[str], otherwise: str | None = None) -> str | None:
    """Legacy, Windows or Portable: as the document says, else by the folders under `lib/`."""
    said = _FRAMEWORKS.get((_text(document, "targetFramework") or "").lower())
    if said:
        return said
    folders = {match[1] for name in known if (match := _LIB.match(name)) and match[1].startswith("net")}
    if any("-windows" in folder for folder in folders):
        return "Windows"
    if any(_LEGACY_FOLDER.fullmatch(folder) for folder in folders):
        return "Legacy"
    return "Portable" if folders else otherwise


def _dependencies(document: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    listed = _mapping(document, "dependencies")
    return tuple((name, version) for name, version in listed.items() if isinstance(version, str))


def _mapping(document: Mapping[str, Any], member: str) -> dict[str, Any]:
    value = document.get(member)
    return value if isinstance(value, dict) else {}


def _flag(options: Mapping[str, Any], member: str, *, absent: bool) -> bool:
    value = options.get(member)
    return value if isinstance(value, bool) else absent


def _prose(document: Mapping[str, Any], member: str) -> str | None:
    """The member's text for readers, cut where no reader follows; None when it is absent, blank or not text."""
    value = document.get(member)
    return value.strip()[:MAX_PROSE_LENGTH] or None if isinstance(value, str) else None


def _text(document: Mapping[str, Any], member: str) -> str | None:
    """The member's text; None when it is absent, blank or not text. BadRequest when it is too long."""
    value = document.get(member)
    if not isinstance(value, str) or not value.strip():
        return None
    if len(value) > MAX_TEXT_LENGTH:
        raise BadRequest(f"{member} in the package is longer than {MAX_TEXT_LENGTH} characters.")
    return value

"""A folder with a Python automation, read: its name and version, its entry points, and which files go along."""

from __future__ import annotations

import fnmatch
import json
import os
import re
import tomllib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from podium.cli.failure import Exit, Failure

Json = dict[str, Any]

SKIPPED_FOLDERS = frozenset(
    {
        *(".git", ".hg", ".svn", ".venv", "venv", ".tox", ".nox", "__pycache__", "node_modules", ".uipath"),
        *(
            ".idea",
            ".vscode",
            ".mypy_cache",
            ".pytest_cache",
            ".ruff_cache",
            ".ipynb_checkpoints",
            "*.egg-info",
            "build",
            "dist",
        ),
    }
)
SKIPPED_FILES = ("*.pyc", "*.pyo", ".env", ".env.*", ".DS_Store", "Thumbs.db", "*.nupkg", "*.swp", "*~")
PACKAGE_ID = re.compile(r"[A-Za-z0-9_]+([._-][A-Za-z0-9_]+)*")
VERSION = re.compile(r"\d+(\.\d+){1,3}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?")
PLAIN_ENTRY = "main.py"  # what a robot runs in a project that is not of the vendor's kind
NAMESPACE = uuid.UUID("6a1c9a0e-6a5f-5d0e-9d0b-6f0a4f8f7c11")  # fixed, so that ids follow from names alone


@dataclass(frozen=True, slots=True)
class EntryPoint:
    """What can be started: its name, and JSON Schemas of what goes in and comes out."""

    path: str
    unique_id: str
    kind: str
    input: Json = field(default_factory=dict)
    output: Json = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Project:
    """A project ready to be packed. `content_type` is `process` for plain Python, else `function` or `agent`."""

    folder: Path
    id: str
    version: str
    description: str
    authors: str
    content_type: str
    entry_points: Sequence[EntryPoint]
    bindings: Json
    excluded: Sequence[str] = ()


def read(folder: Path, *, version: str | None = None) -> Project:
    """The project in the folder; `version` replaces that of pyproject.toml. Raises Failure (2) naming what is wrong."""
    if not folder.is_dir():
        raise Failure(f"{folder} is not a folder", Exit.USAGE)
    folder = folder.resolve()
    pyproject = _toml(folder / "pyproject.toml")
    about = _table(pyproject.get("project"), "[project]")
    package_id = _package_id(about.get("name"), folder)
    vendor = _json(folder / "uipath.json")
    if vendor is not None:
        content_type, entry_points = _vendor_entry_points(folder, vendor, package_id)
    else:
        content_type, entry_points = "process", [_plain_entry_point(folder, pyproject, package_id)]
    options = _table((vendor or {}).get("packOptions"), "packOptions")
    return Project(
        folder=folder,
        id=package_id,
        version=_version(version or about.get("version"), about, folder),
        description=str(about.get("description") or package_id),
        authors=_authors(about) or package_id,
        content_type=content_type,
        entry_points=entry_points,
        bindings=_json(folder / "bindings.json")
        or _json(folder / "bindings_v2.json")
        or {"version": "2.0", "resources": []},
        excluded=[*options.get("filesExcluded", []), *(f"{name}/" for name in options.get("directoriesExcluded", []))],
    )


def files(project: Project, warnings: list[str]) -> Iterator[tuple[str, Path]]:
    """Path in the project (with `/`) and file, sorted. Links are left out, with a warning: they may lead anywhere."""
    ignored = [*_ignore_lines(project.folder / ".gitignore"), *project.excluded]
    for place, folders, names in os.walk(project.folder, followlinks=False):
        inside = Path(place).relative_to(project.folder)
        kept = []
        for name in sorted(folders):
            path = (inside / name).as_posix()
            if _matches(name, SKIPPED_FOLDERS) or is_ignored(path, ignored, folder=True):
                continue
            if (Path(place) / name).is_symlink():
                warnings.append(f"skipped {path}: a link")
            else:
                kept.append(name)
        folders[:] = kept
        for name in sorted(names):
            path, file = (inside / name).as_posix(), Path(place) / name
            if _matches(name, SKIPPED_FILES) or is_ignored(path, ignored, folder=False):
                continue
            if file.is_symlink():
                warnings.append(f"skipped {path}: a link")
            elif file.is_file():
                yield path, file
            else:
                warnings.append(f"skipped {path}: not a file")


def is_ignored(path: str, lines: Sequence[str], *, folder: bool) -> bool:
    """Whether the lines of a .gitignore leave the path out: the last line that matches decides, `!` takes back.

    The usual part of the language: `*`, `?`, `[a-z]`, a leading `/`, a trailing `/` for folders, a path with `/`.
    """
    ignored = False
    for line in lines:
        pattern = line.removeprefix("!")
        if pattern.endswith("/") and not folder:
            continue
        pattern = pattern.rstrip("/").removeprefix("**/")
        anchored = "/" in pattern
        subject = path if anchored else path.rsplit("/", 1)[-1]
        if fnmatch.fnmatchcase(subject, pattern.removeprefix("/")):
            ignored = not line.startswith("!")
    return ignored


def _ignore_lines(path: Path) -> list[str]:
    if not path.is_file():
        return []
    lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _matches(name: str, patterns: Sequence[str] | frozenset[str]) -> bool:
    return any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)


def _vendor_entry_points(folder: Path, vendor: Json, package_id: str) -> tuple[str, list[EntryPoint]]:
    """Those that `uipath init` wrote; without it, those that uipath.json names, open to any arguments."""
    written = _json(folder / "entry-points.json")
    if written is not None:
        rows = written.get("entryPoints")
        if (
            not isinstance(rows, list)
            or not rows
            or not all(isinstance(row, dict) and row.get("filePath") for row in rows)
        ):
            raise Failure(f"{folder / 'entry-points.json'} names no entry points; run `uipath init` again", Exit.USAGE)
        found = [
            EntryPoint(
                path=str(row["filePath"]),
                unique_id=str(row.get("uniqueId") or _id(package_id, str(row["filePath"]))),
                kind=str(row.get("type") or "function"),
                input=_table(row.get("input"), "input"),
                output=_table(row.get("output"), "output"),
            )
            for row in rows
        ]
    else:
        found = [
            EntryPoint(name, _id(package_id, name), kind)
            for member, kind in (("functions", "function"), ("agents", "agent"))
            for name in _table(vendor.get(member), member)
        ]
    if not found:
        hint = '{"functions": {"main": "main.py:main"}}'
        raise Failure(f"{folder / 'uipath.json'} names no functions and no agents, such as {hint}", Exit.USAGE)
    return found[0].kind, found


def _plain_entry_point(folder: Path, pyproject: Json, package_id: str) -> EntryPoint:
    if not (folder / PLAIN_ENTRY).is_file():
        raise Failure(f"{folder} has no {PLAIN_ENTRY} and no uipath.json: there is nothing to run", Exit.USAGE)
    own = _toml(folder / "podium.toml") or _table(
        _table(pyproject.get("tool"), "[tool]").get("podium"), "[tool.podium]"
    )
    schemas = {}
    for member in ("input", "output"):
        schema = _table(own.get(member), f"the {member} of podium.toml or [tool.podium]")
        schemas[member] = {"type": "object"} | schema if schema else {}
    return EntryPoint(PLAIN_ENTRY, _id(package_id, PLAIN_ENTRY), "process", schemas["input"], schemas["output"])


def _id(package_id: str, path: str) -> str:
    return str(uuid.uuid5(NAMESPACE, f"{package_id.lower()}/{path}"))


def _package_id(name: object, folder: Path) -> str:
    text = str(name) if name else re.sub(r"[^A-Za-z0-9_]+", "-", folder.name).strip("-")
    if not PACKAGE_ID.fullmatch(text) or len(text) > 100:
        raise Failure(f"{text!r} cannot be the name of a package (letters, digits, and . _ - between them)", Exit.USAGE)
    return text


def _version(version: object, about: Json, folder: Path) -> str:
    if version is None and (about or (folder / "uipath.json").is_file()):
        raise Failure(f"{folder / 'pyproject.toml'} has no version in [project]", Exit.USAGE, hint="or give --version")
    text = "1.0.0" if version is None else str(version)
    if not VERSION.fullmatch(text):
        raise Failure(f"{text!r} cannot be the version of a package; 1.2.3 and 1.2.3-beta.1 can", Exit.USAGE)
    return text


def _authors(about: Json) -> str:
    rows = about.get("authors")
    rows = rows if isinstance(rows, list) else []
    return ", ".join(str(row.get("name") or row.get("email")) for row in rows if isinstance(row, dict) and row)


def _table(value: object, where: str) -> Json:
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise Failure(f"{where} must be a table, not {type(value).__name__}", Exit.USAGE)
    return dict(value)


def _toml(path: Path) -> Json:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{path} is not TOML: {error}", Exit.USAGE) from None


def _json(path: Path) -> Json | None:
    if not path.is_file():
        return None
    try:
        value = json.loads(path.read_text(encoding="utf-8-sig"))
    except ValueError as error:
        raise Failure(f"{path} is not JSON: {error}", Exit.USAGE) from None
    return _table(value, str(path))

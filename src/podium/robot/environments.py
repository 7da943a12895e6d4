"""Packages on this computer: downloaded once, checked, unpacked, each with its virtual environment.

One folder per package id, version and hash. It is complete when its `ready.json` exists; a folder without it is the
rest of an interrupted preparation and is made anew. Jobs only read these folders, any number at a time.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import re
import shutil
import signal
import sys
import tomllib
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from podium.robot.archive import BadPackage, unpack_content
from podium.robot.disk import write_json
from podium.robot.messages import json_object

MINIMAL_PROJECT = (
    '[project]\nname = "package"\nversion = "1.0.0"\nrequires-python = ">=3.11"\ndependencies = ["uipath"]\n'
)
OWN_PYTHON = re.compile(r">=\s*3\.(\d+)(\.0)?")
LONGEST_COMPLAINT = 4_000

Fetch = Callable[[Path], Awaitable[str]]


class PreparationFailed(Exception):
    """The job cannot be run here; the text says why, for the person who looks at the job."""


@dataclass(frozen=True, slots=True)
class Package:
    """What identifies a package. `sha256` (hex) is None when the server did not say; the feed counts then."""

    id: str
    version: str
    sha256: str | None
    feed_id: str | None

    @property
    def folder_name(self) -> str:
        identity = [self.id.lower(), self.version.lower(), (self.sha256 or f"feed {self.feed_id}").lower()]
        digest = hashlib.sha256("\n".join(identity).encode()).hexdigest()
        readable = re.sub(r"[^a-z0-9.-]+", "-", f"{self.id}-{self.version}".lower()).strip(".-")
        return f"{readable[:60]}-{digest[:20]}"


class Environment(msgspec.Struct, frozen=True):
    """A prepared package: its files, and the folder of the virtual environment to run them with."""

    content: str
    venv: str
    is_uipath: bool


class Environments:
    """The prepared packages below one folder; each is prepared once, however many jobs wait for it."""

    def __init__(self, root: Path, *, limit_s: float, variables: dict[str, str]) -> None:
        self._root = root
        self._limit_s = limit_s
        self._variables = variables
        self._under_way: dict[str, asyncio.Task[Environment]] = {}
        self._bare_lock = asyncio.Lock()

    async def prepare(self, package: Package, fetch: Fetch) -> Environment:
        """The environment, ready to run. `fetch` writes the package to a path and answers its SHA-256 in hex.

        Raises PreparationFailed; the next call tries again. A caller that gives up does not disturb the others.
        """
        name = package.folder_name
        task = self._under_way.get(name)
        if task is None:
            ready = await asyncio.to_thread(read_ready, self._root / name)
            if ready is not None:
                return ready
            task = self._under_way.get(name)
        if task is None:
            task = asyncio.create_task(self._build(self._root / name, package, fetch))
            self._under_way[name] = task
            task.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(task)

    def _forget(self, name: str, done: asyncio.Task[Environment]) -> None:
        del self._under_way[name]
        if not done.cancelled():
            done.exception()  # has been told to those who waited; if all of them gave up, nobody needs it

    async def close(self) -> None:
        """Ends preparations that are under way."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _build(self, folder: Path, package: Package, fetch: Fetch) -> Environment:
        try:
            async with asyncio.timeout(self._limit_s):
                return await self._build_now(folder, package, fetch)
        except TimeoutError as error:
            raise PreparationFailed(f"The preparation took longer than {self._limit_s:g} seconds.") from error
        except (OSError, BadPackage) as error:
            raise PreparationFailed(str(error)) from error

    async def _build_now(self, folder: Path, package: Package, fetch: Fetch) -> Environment:
        # A new place each time: what an interrupted agent started may still write to the old one.
        place = folder / uuid.uuid4().hex
        await asyncio.to_thread(shutil.rmtree, folder, ignore_errors=True)
        await asyncio.to_thread(os.makedirs, place)
        archive, content = place / "package.nupkg", place / "content"
        received = await fetch(archive)
        if package.sha256 and received.lower() != package.sha256.lower():
            archive.unlink()
            raise PreparationFailed(f"The package {package.id} {package.version} is not the one the server announced.")
        await asyncio.to_thread(unpack_content, archive, content)
        archive.unlink()
        is_uipath = is_uipath_project(content)
        venv = await self._make_venv(place / "venv", content, is_uipath=is_uipath)
        environment = Environment(content=str(content), venv=str(venv), is_uipath=is_uipath)
        write_json(folder / "ready.json", environment)
        return environment

    async def _make_venv(self, venv: Path, content: Path, *, is_uipath: bool) -> Path:
        project = project_file(content)
        if is_uipath and project is None:
            (content / "pyproject.toml").write_text(MINIMAL_PROJECT, encoding="utf-8")
            project = tomllib.loads(MINIMAL_PROJECT)
        if project is not None and needs_sync(project):
            variables = self._variables | {"UV_PROJECT_ENVIRONMENT": str(venv)}
            await self._run([*uv(), "sync", "--no-dev", "--no-editable"], content, variables)
            return venv
        if project is None and (content / "requirements.txt").exists():
            await self._run([*uv(), "venv", str(venv)], content, self._variables)
            install = [*uv(), "pip", "install", "--python", str(venv), "-r", "requirements.txt"]
            await self._run(install, content, self._variables)
            return venv
        return await self._bare_venv()

    async def _bare_venv(self) -> Path:
        """One environment for all packages that need nothing but Python: it costs 0.1 s once per agent folder."""
        version = ".".join(map(str, sys.version_info[:3]))
        venv = self._root / f"bare-{version}"
        async with self._bare_lock:
            marker = venv / "ready.json"
            if not marker.exists():
                await self._run([sys.executable, "-m", "venv", "--clear", "--without-pip", str(venv)], self._root, {})
                write_json(marker, {})
        return venv

    async def _run(self, argv: list[str], folder: Path, variables: dict[str, str]) -> None:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=folder,
            env=variables or self._variables,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            output, _ = await process.communicate()
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                await process.wait()
        if process.returncode != 0:
            said = output.decode("utf-8", "replace").strip()[-LONGEST_COMPLAINT:]
            raise PreparationFailed(f"{Path(argv[0]).name} {argv[1]} ended with {process.returncode}:\n{said}")


def uv() -> list[str]:
    """The command to start uv with; raises PreparationFailed when this computer has none."""
    found = shutil.which("uv") or shutil.which("uv", path=str(Path(sys.executable).parent))
    if found:
        return [found]
    raise PreparationFailed("The package has dependencies, and uv is not installed on this robot's computer.")


def read_ready(folder: Path) -> Environment | None:
    """The environment that was completed in the folder; None when there is none or its parts are gone."""
    try:
        environment = msgspec.json.decode((folder / "ready.json").read_bytes(), type=Environment)
    except (OSError, msgspec.DecodeError):
        return None
    is_whole = Path(environment.content).is_dir() and Path(environment.venv, "bin", "python").exists()
    return environment if is_whole else None


def is_uipath_project(content: Path) -> bool:
    """True for functions and agents that bring their own `uipath` runtime, False for a plain Python project.

    `operate.json` decides when it says `process`; else the presence of uipath.json or of typed entry points does.
    """
    if str(read_object(content / "operate.json").get("contentType", "")).lower() == "process":
        return False
    if (content / "uipath.json").exists():
        return True
    entries = read_object(content / "entry-points.json").get("entryPoints")
    kinds = {str(entry.get("type", "")).lower() for entry in entries or [] if isinstance(entry, dict)}
    return bool(kinds & {"function", "agent"})


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in the file; empty when there is none."""
    try:
        return json_object(path.read_text(encoding="utf-8-sig"))
    except (OSError, UnicodeDecodeError):
        return {}


def project_file(content: Path) -> dict[str, Any] | None:
    """pyproject.toml, when it describes a project (it may hold settings of tools only)."""
    try:
        described = tomllib.loads((content / "pyproject.toml").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PreparationFailed(f"The package's pyproject.toml is malformed: {error}") from error
    return described if isinstance(described.get("project"), dict) else None


def needs_sync(project: dict[str, Any]) -> bool:
    """False when the agent's own Python, without any package, is all that the project asks for."""
    described = project["project"]
    if described.get("dependencies") or described.get("dynamic") or "build-system" in project:
        return True
    match = OWN_PYTHON.fullmatch(str(described.get("requires-python", ">=3.0")).strip())
    return match is None or int(match[1]) > sys.version_info.minor

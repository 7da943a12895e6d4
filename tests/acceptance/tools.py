"""The clients under test, as their makers publish them: installed once into a cache beside the checkout."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]
PACKAGES = ("uipath==2.14.44", "uipath-robot==0.0.20")
OWN_SETTINGS = ("PODIUM_", "UIPATH_", "VIRTUAL_ENV", "PYTEST_")


@dataclass(frozen=True)
class Tools:
    """Folders of programs: the vendor's clients, further ones, and uv."""

    cache: Path
    clients: Path
    uv: Path
    uv_cache: Path

    @property
    def environment(self) -> dict[str, str]:
        """What every program of these tests inherits: the caller's environment without settings of ours or theirs."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(OWN_SETTINGS)}
        return kept | {
            "PATH": os.pathsep.join([str(self.uv.parent), kept.get("PATH", os.defpath)]),
            "UIPATH_TELEMETRY_ENABLED": "false",
            "UV_CACHE_DIR": str(self.uv_cache),
            "UV_PYTHON_DOWNLOADS": "never",
        }

    def program(self, name: str) -> str:
        """The path of one of the vendor's programs."""
        return str(self.clients / "bin" / name)


def install() -> Tools:
    """The clients, installed by uv when they are not there yet; processes that come at the same time wait."""
    cache = Path(os.environ.get("PODIUM_ACCEPTANCE_CACHE", CHECKOUT / ".acceptance"))
    cache.mkdir(parents=True, exist_ok=True)
    (cache / ".gitignore").write_text("*\n", encoding="utf-8")
    uv = find_uv()
    clients = installed(cache, uv, PACKAGES)
    known = run([str(uv), "cache", "dir"], os.environ).strip()
    return Tools(cache, clients, uv, Path(known))


def installed(cache: Path, uv: Path, packages: Sequence[str]) -> Path:
    """An environment with these packages, made when it is not there yet."""
    made = cache / "_".join(packages).replace("==", "-")
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (made / "complete").exists():
            variables = {name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"}
            run([str(uv), "venv", "--quiet", "--clear", str(made)], variables)
            run([str(uv), "pip", "install", "--quiet", "--python", str(made), *packages], variables)
            (made / "complete").touch()
    return made


def find_uv() -> Path:
    """The system's uv, else the one that `./dev` installed; without one these tests cannot tell anything and fail."""
    found = shutil.which("uv") or shutil.which("uv", path=str(CHECKOUT / ".uv" / "bin"))
    assert found is not None, "uv is missing: put it on the PATH, or let ./dev setup install it into .uv"
    return Path(found)


def run(
    command: list[str], environment: Mapping[str, str], *, folder: Path | None = None, timeout_s: float = 300
) -> str:
    """What the command printed; fails with all of it when the command does."""
    done = subprocess.run(
        command,
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout_s,
    )
    said = done.stdout.decode("utf-8", "replace")
    assert done.returncode == 0, f"{' '.join(command)} ended with {done.returncode}:\n{said}"
    return said

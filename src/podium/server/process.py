"""The server's process: starts the embedded database, the workers and the robots, and ends them in the right order."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any

import uvicorn

from podium.kernel import log
from podium.kernel.clock import system_clock
from podium.kernel.config import Config, ConfigError, resource
from podium.kernel.db import Database
from podium.kernel.errors import Unavailable
from podium.kernel.keyring import Keyring
from podium.kernel.migrate import MigrationError, migrate
from podium.kernel.secrets import MasterKey, SecretError
from podium.orchestrator.signals import Signals
from podium.server.app import Front, make_app
from podium.server.compose import Composition, Installed, compose, install
from podium.server.local_robot import LocalRobots, local_machine

CLEAN_STOP_S = 10
HTTP_PROTOCOL = "podium.server.one_write:OneWriteProtocol"
GARBAGE_THRESHOLDS = (20_000, 20, 20)


class StartError(Exception):
    """Why the server cannot start: one line for the operator."""


def run(config: Config, *, workers: int, robots: int, is_for_operators: bool) -> int:
    """Serve until SIGTERM or SIGINT. Raises StartError or ConfigError before anything is served."""
    log.configure(level=config.log_level)
    _check_port(config)
    if is_for_operators:
        _refuse_unsafe(config)
    _prepare_folder(config.data_dir)
    signal.signal(signal.SIGTERM, _end)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        url = config.database_url or stack.enter_context(_embedded(config.data_dir))
        config = replace(config, database_url=url)
        installed = asyncio.run(_install(config))
        _announce(config, installed.admin_password)
        if robots > 0:
            key = asyncio.run(local_machine(config, robots))
            stack.enter_context(LocalRobots(config, key, robots))
        if workers > 1:
            return _serve_many(config, workers)
        _serve(config, installed)
    return 0


def _end(_: int, __: FrameType | None) -> None:
    """SIGTERM outside uvicorn, which hands it on when it has ended: leave in order, so that the database is ended too."""
    raise SystemExit(0)


@contextmanager
def _embedded(data_dir: Path) -> Iterator[str]:
    from podium.kernel.embedded_postgres import DatabaseStartError, EmbeddedPostgres

    database = EmbeddedPostgres(data_dir / "postgres")
    try:
        url = database.start()
    except DatabaseStartError as error:
        raise StartError(str(error)) from error
    try:
        yield url
    finally:
        database.stop()


async def _install(config: Config) -> Installed:
    assert config.database_url is not None
    try:
        await migrate(config.database_url, resource("migrations"))
        db = await Database.open(config.database_url, size=2)
        try:
            made = await install(db, config, system_clock)
            await Keyring.load(db, partial(MasterKey.load, config.data_dir, config.master_key))
            return made
        finally:
            await db.close()
    except SecretError as error:
        raise StartError(str(error)) from error
    except MigrationError as error:
        raise StartError(f"the database cannot be used: {error}") from error
    except Unavailable as error:
        raise StartError(f"the database does not answer: {error.message}") from error


def _announce(config: Config, password: str | None) -> None:
    lines = [f"Podium listens on {config.public_url}  (data in {config.data_dir})"]
    if password is not None:
        lines.append(f"Administrator: admin   password: {password}   (shown this once; keep it)")
    sys.stdout.write("\n".join(lines) + "\n")
    sys.stdout.flush()


def _check_port(config: Config) -> None:
    family = socket.AF_INET6 if ":" in config.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((config.host, config.port))
        except OSError as error:
            raise StartError(f"cannot listen on {config.host} port {config.port}: {error.strerror}") from error


def _prepare_folder(folder: Path) -> None:
    """As root the database runs as another account, which must be able to pass through; the secrets in it are 0600."""
    is_root = os.geteuid() == 0
    try:
        folder.mkdir(mode=0o711 if is_root else 0o700, parents=True, exist_ok=True)
        if is_root and folder.stat().st_uid == 0:
            folder.chmod(folder.stat().st_mode | 0o011)
        probe = folder / ".writable"
        probe.write_text(datetime.now(UTC).isoformat(), encoding="utf-8")
        probe.unlink()
    except OSError as error:
        raise StartError(f"the data folder {folder} cannot be written: {error.strerror}") from error


def _refuse_unsafe(config: Config) -> None:
    """What is convenient on a laptop must not be served to others by accident."""
    if config.database_url is None:
        raise ConfigError("podium serve needs PODIUM_DATABASE_URL; the embedded database is for podium up")
    if os.environ.get("PODIUM_PUBLIC_URL") is None:
        raise ConfigError("podium serve needs PODIUM_PUBLIC_URL, the address that clients reach")
    if config.master_key is None:
        raise ConfigError("podium serve needs PODIUM_MASTER_KEY, so that all nodes share one")
    if config.admin_password is not None and len(config.admin_password) < 12:
        raise ConfigError("PODIUM_ADMIN_PASSWORD is shorter than 12 characters")
    if not config.public_url.startswith("https://") and config.host not in ("127.0.0.1", "::1", "localhost"):
        raise ConfigError("podium serve listens beyond this machine only with an https PODIUM_PUBLIC_URL")


@asynccontextmanager
async def _composed(config: Config, installed: Installed | None = None) -> AsyncIterator[Composition]:
    async with compose(config, installed=installed) as made:
        _end_waiting_on_signal(made)
        _collect_garbage_seldom()
        yield made


def _collect_garbage_seldom() -> None:
    """What is there now stays for good and is not searched again; calls leave few cycles behind.

    With Python's own thresholds a twentieth of a busy server's time goes into the search.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _end_waiting_on_signal(made: Composition) -> None:
    """Let long polls answer as soon as the server is asked to end; uvicorn's own handler is called after ours."""
    signals = made.services.ports[Signals]
    assert isinstance(signals, Signals)
    for number in (signal.SIGTERM, signal.SIGINT):
        previous = signal.getsignal(number)

        def ended(received: int, frame: FrameType | None, previous: Any = previous) -> None:
            signals.close()
            if callable(previous):
                previous(received, frame)

        signal.signal(number, ended)


def _uvicorn(config: Config, app: Front) -> uvicorn.Server:
    return uvicorn.Server(
        uvicorn.Config(
            app,
            http=HTTP_PROTOCOL,
            host=config.host,
            port=config.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=CLEAN_STOP_S,
            h11_max_incomplete_event_size=64 * 1024,
        )
    )


def _serve(config: Config, installed: Installed) -> None:
    _uvicorn(config, make_app(lambda: _composed(config, installed))).run()


def worker_app() -> Front:
    """The application of one of several worker processes; its settings came through the environment."""
    from podium.kernel.config import read

    config = read(os.environ, data_dir=None, host=os.environ["PODIUM_HOST"], port=int(os.environ["PODIUM_PORT"]))
    log.configure(level=config.log_level)
    return make_app(lambda: _composed(config))


def _serve_many(config: Config, workers: int) -> int:
    """Worker processes on one port; the parent ends them and passes its signal on."""
    environment = os.environ | {
        "PODIUM_DATABASE_URL": config.database_url or "",
        "PODIUM_DATA_DIR": str(config.data_dir),
        "PODIUM_PUBLIC_URL": config.public_url,
        "PODIUM_HOST": config.host,
        "PODIUM_PORT": str(config.port),
    }
    command = [
        *(sys.executable, "-m", "uvicorn", "--factory", "podium.server.process:worker_app"),
        *("--host", config.host, "--port", str(config.port), "--workers", str(workers)),
        *(
            "--http",
            HTTP_PROTOCOL,
            "--no-access-log",
            "--no-server-header",
            "--timeout-graceful-shutdown",
            str(CLEAN_STOP_S),
        ),
    ]
    with subprocess.Popen(command, env=environment) as parent:  # noqa: S603 - our own interpreter and module
        if threading.current_thread() is threading.main_thread():
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, lambda *_: parent.terminate())
        return parent.wait()

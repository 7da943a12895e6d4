"""`podium demo`: a server of its own, a sample published to it, a job that runs; all within seconds."""

from __future__ import annotations

import os
import secrets
import shutil
import signal
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from podium.cli.child import Child, started, wait_until_ready
from podium.cli.client import Orchestrator, Row
from podium.cli.connection import Address, password_token
from podium.cli.failure import Exit, Failure
from podium.cli.follow import exit_status, follow
from podium.cli.output import console, printable
from podium.cli.pack import sized
from podium.cli.publish import ALREADY_EXISTS, DEFAULT_FOLDER, Archive, folder_target, load, set_process, upload
from podium.cli.server import server_command
from podium.cli.start import output_of, start_info, start_jobs

if TYPE_CHECKING:
    from rich.console import Console

HOST = "127.0.0.1"
DEFAULT_PORT = 8000
USER = "admin"
JOB_LIMIT_S = 120.0
SAMPLE = "invoice_total"


def demo(
    leave: Annotated[
        bool, typer.Option("--exit", help="Stop after the job; the exit status tells how it ended.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option("--port", "-p", min=1, max=65535, help="Port to listen on.", show_default="8000, or a free one"),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option(
            "--data-dir",
            help="Keep everything here.",
            show_default="a folder that is removed at the end",
        ),
    ] = None,
) -> None:
    """Start a server with a robot, run a sample automation on it, and show how.

    Needs nothing but the server extra: no database, no account, no network.
    """
    out = console()
    chosen = free_port(port)
    password = os.environ.get("PODIUM_ADMIN_PASSWORD") or secrets.token_urlsafe(12)
    with ended_by_signals(), data_folder(data_dir) as folder:
        command = server_command("up", host=HOST, port=chosen, data_dir=folder, robots=1)
        environment = os.environ | {"PODIUM_ADMIN_PASSWORD": password}
        address = Address(
            f"http://{HOST}:{chosen}",
            os.environ.get("PODIUM_ORG") or "default",
            os.environ.get("PODIUM_TENANT") or "default",
        )
        out.print("\nPodium demo\n", style="bold")
        with started(command, environment, folder / "demo.log") as server:
            status = run_sample(out, server, address, password, is_kept=data_dir is not None)
            if not leave:
                show_way_on(out, address, password)
                serve_on(out, server)
        if leave:
            raise typer.Exit(status)


def run_sample(out: Console, server: Child, address: Address, password: str, *, is_kept: bool) -> int:
    """The sample published and run once; returns the exit status of the job."""
    began = time.monotonic()
    with out.status("Starting the server", spinner="dots"):
        wait_until_ready(server, f"{address.url}/readyz")
    done(out, f"Server ready at {address.url}", time.monotonic() - began)
    try:
        token = password_token(address, USER, password)
    except Failure as failure:
        if is_kept and failure.status is Exit.NOT_AUTHENTICATED:
            failure.hint = "this folder was made with another password; give it as PODIUM_ADMIN_PASSWORD"
        raise
    done(out, f"Signed in as {USER}")
    with Orchestrator(address.orchestrator, token) as orchestrator:
        archive, process = publish_sample(orchestrator)
        done(
            out, f"Published {archive.id} {archive.version} ({sized(len(archive.content))}) to folder {DEFAULT_FOLDER}"
        )
        jobs = start_jobs(orchestrator, start_info(process["Name"], {"tax_percent": 19}), DEFAULT_FOLDER)
        done(out, f"Started process {process['Name']}\n")
        ended = follow(orchestrator, jobs, out, timeout_s=JOB_LIMIT_S)
    show_output(out, ended[0])
    return exit_status(ended)


def publish_sample(orchestrator: Orchestrator) -> tuple[Archive, Row]:
    """The sample of this distribution as a package in the feed, and the process that runs it."""
    with as_file(files("podium.samples") / SAMPLE) as project:
        archive = load(project)
    target = folder_target(orchestrator, DEFAULT_FOLDER)
    try:
        upload(orchestrator, archive, target.feed_id)
    except Failure as failure:
        if failure.error_code != ALREADY_EXISTS:
            raise
    return archive, set_process(orchestrator, archive, target, None)


def show_output(out: Console, job: Row) -> None:
    """The job's output arguments, one a line."""
    given = output_of(job)
    if not given:
        return
    from rich.text import Text

    out.print("\nOutput", style="bold")
    width = max(map(len, given))
    for name, value in given.items():
        out.print(Text.assemble(f"  {printable(name):<{width}}  ", (printable(str(value)), "cyan")))


def show_way_on(out: Console, address: Address, password: str) -> None:
    """Where the server is, how to sign in, and which commands come next."""
    from rich.text import Text

    lines = [
        ("Address", address.url),
        ("User", USER),
        ("Password", password),
        ("", ""),
        ("Sign in", f"podium login --url {address.url}"),
        ("Run again", f"podium start {SAMPLE} --wait -i tax_percent=7"),
        ("Jobs", "podium jobs list"),
        ("Your own", "podium publish path/to/project"),
    ]
    shown = Text("\n").join(Text.assemble((f"{name:<12}" if name else "", "dim"), value) for name, value in lines)
    out.print()
    if out.is_terminal:
        from rich.panel import Panel

        out.print(Panel(shown, expand=False, padding=(1, 2), border_style="dim"))
    else:
        out.print(shown)


def serve_on(out: Console, server: Child) -> None:
    """Waits until the user or the server ends it."""
    out.print("\nServing. Ctrl-C stops everything.\n", style="dim")
    try:
        server.process.wait()
    except KeyboardInterrupt:
        out.print("Stopping", style="dim")
        return
    raise server.failure("The server ended by itself")


def done(out: Console, message: str, seconds: float | None = None) -> None:
    """A step that is finished."""
    from rich.text import Text

    mark = "✓" if (out.encoding or "").lower().startswith("utf") else "-"
    line = Text.assemble((f"{mark} ", "green"), message)
    if seconds is not None:
        line.append(f"  {seconds:.1f} s", style="dim")
    out.print(line)


def free_port(wanted: int | None) -> int:
    """The wanted port (Failure when it is taken), else the default one, else one that the system picks."""
    for port in (wanted or DEFAULT_PORT, 0):
        with socket.socket() as probe:
            if sys.platform != "win32":
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError as error:
                if wanted is not None:
                    raise Failure(f"Port {wanted} cannot be used: {error.strerror}") from None
                continue
            found: int = probe.getsockname()[1]
            return found
    raise Failure("No free port on this machine")


@contextmanager
def data_folder(wanted: Path | None) -> Iterator[Path]:
    """The wanted folder, or one of our own that is gone afterwards."""
    if wanted is not None:
        wanted.mkdir(mode=0o700, parents=True, exist_ok=True)
        yield wanted.resolve()
        return
    folder = Path(tempfile.mkdtemp(prefix="podium-demo-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """SIGTERM and a closed terminal unwind as Ctrl-C does, so that the server is never left behind."""

    def end(number: int, _frame: object) -> NoReturn:
        raise SystemExit(128 + number)

    numbers = [getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before = {number: signal.signal(number, end) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

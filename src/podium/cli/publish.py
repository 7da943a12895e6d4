"""`podium publish`: a package reaches a feed, and a folder's process runs it from then on."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any
from uuid import uuid4
from xml.etree import ElementTree as ET  # the archive is the user's own

import typer

from podium.cli.client import ODATA, Orchestrator, Row, quoted
from podium.cli.connection import connect
from podium.cli.failure import Exit, Failure
from podium.cli.output import Format, OutputOption, console, show_json
from podium.cli.pack import Version, packed

DEFAULT_FOLDER = "Shared"
CHUNK_BYTES = 64 * 1024
ALREADY_EXISTS = 1004


@dataclass(frozen=True, slots=True)
class Archive:
    """A package file in memory, with the name and version of its manifest."""

    id: str
    version: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Target:
    """Where a package goes: a feed (None: the tenant's), and the folder whose process is to run it (None: none)."""

    feed_id: str | None
    folder_id: int | None
    name: str


def publish(
    ctx: typer.Context,
    path: Annotated[
        Path, typer.Argument(help="A package file, or a project's folder, which is packed first.")
    ] = Path(),
    folder: Annotated[
        str | None, typer.Option("--folder", "-f", help="Path or id of the folder.", show_default="Shared")
    ] = None,
    my_workspace: Annotated[bool, typer.Option("--my-workspace", help="Publish to your personal workspace.")] = False,
    tenant: Annotated[bool, typer.Option("--tenant", help="Only upload to the tenant's feed; no process.")] = False,
    process: Annotated[
        str | None, typer.Option("--process", help="Name of the process.", show_default="the package's")
    ] = None,
    version: Version = None,
    output: OutputOption = Format.TABLE,
) -> None:
    """Upload a package, and make or move the process that runs it."""
    if sum((folder is not None, my_workspace, tenant)) > 1:
        raise Failure("Give one of --folder, --my-workspace and --tenant", Exit.USAGE)
    if process and (my_workspace or tenant):
        raise Failure("--process belongs to a folder; a workspace names its processes itself", Exit.USAGE)
    archive = load(path, version)
    with connect(ctx) as orchestrator:
        if my_workspace:
            target = workspace_target(orchestrator)
        elif tenant:
            target = Target(None, None, "the tenant's feed")
        else:
            target = folder_target(orchestrator, folder or DEFAULT_FOLDER)
        upload_with_bar(orchestrator, archive, target.feed_id)
        release = set_process(orchestrator, archive, target, process) if target.folder_id is not None else None
    if output is Format.JSON:
        return show_json({"Id": archive.id, "Version": archive.version, "FeedId": target.feed_id, "Process": release})
    typer.echo(f"Published {archive.id} {archive.version} to {target.name}")
    if release:
        typer.echo(f"Process {release['Name']} in {target.name} runs version {archive.version}")
        typer.echo(f'Start it: podium start "{release["Name"]}" --folder "{target.name}" --wait', err=True)
    return None


def load(path: Path, version: str | None = None) -> Archive:
    """The package at the path, or that of the project folder there. Raises Failure (2) when it is neither."""
    if path.is_dir():
        package = packed(path, version)
        return Archive(package.id, package.version, package.archive)
    try:
        content = path.read_bytes()
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            name = next(name for name in archive.namelist() if name.lower().endswith(".nuspec") and "/" not in name)
            manifest = ET.fromstring(archive.read(name))  # noqa: S314 - the user's own file, never a stranger's
        found = {element.tag.rpartition("}")[2]: (element.text or "").strip() for element in manifest.iter()}
        return Archive(found["id"], found["version"], content)
    except OSError as error:
        raise Failure(f"Cannot read {path}: {error.strerror}", Exit.USAGE) from None
    except (zipfile.BadZipFile, StopIteration, KeyError, ET.ParseError):
        raise Failure(f"{path} is not a package (.nupkg)", Exit.USAGE) from None


def folder_target(orchestrator: Orchestrator, folder: str) -> Target:
    """The folder's own feed, or the tenant's when it has none. Raises Failure when the folder cannot be seen."""
    path = folder.strip().strip("/")
    condition = f"FullyQualifiedName eq {quoted(path)}" + (f" or Id eq {path}" if path.isdecimal() else "")
    rows = orchestrator.rows("/odata/Folders", {"$filter": condition}, limit=1)
    if not rows:
        raise Failure(
            f"Folder {folder!r} does not exist, or you have no access to it", hint="see `podium folders list`"
        )
    row = rows[0]
    feed_id = orchestrator.get("/api/PackageFeeds/GetFolderFeed", {"folderId": row["Id"]})
    return Target(feed_id or None, row["Id"], str(row.get("FullyQualifiedName") or path))


def workspace_target(orchestrator: Orchestrator) -> Target:
    """The caller's workspace; the server itself makes or moves the process there."""
    me = orchestrator.get(f"/odata/Users/{ODATA}GetCurrentUserExtended", {"$expand": "PersonalWorkspace"}) or {}
    feed_id = me.get("PersonalWorskpaceFeedId")  # spelt so on the wire
    if not feed_id:
        raise Failure("You have no personal workspace")
    workspace = me.get("PersonalWorkspace") or {}
    return Target(feed_id, None, str(workspace.get("FullyQualifiedName") or "your workspace"))


def upload_with_bar(orchestrator: Orchestrator, archive: Archive, feed_id: str | None) -> None:
    """The upload, with a progress bar on a terminal."""
    err = console(stderr=True)
    if not err.is_terminal:
        return upload(orchestrator, archive, feed_id)
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, console=err, transient=True) as progress:
        task = progress.add_task(f"Uploading {archive.id} {archive.version}", total=len(archive.content))
        return upload(orchestrator, archive, feed_id, lambda sent: progress.update(task, completed=sent))


def upload(
    orchestrator: Orchestrator,
    archive: Archive,
    feed_id: str | None,
    on_sent: Callable[[int], object] = lambda _sent: None,
) -> None:
    """The package put into the feed; `on_sent` hears the bytes sent so far. Raises Failure 1004 when it is there."""
    boundary = uuid4().hex
    name = f"{archive.id}.{archive.version}.nupkg"
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
        "Content-Type: application/octet-stream\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    def body() -> Iterator[bytes]:
        yield head
        for start in range(0, len(archive.content), CHUNK_BYTES):
            chunk = archive.content[start : start + CHUNK_BYTES]
            yield chunk
            on_sent(start + len(chunk))
        yield tail

    try:
        orchestrator.request(
            "POST",
            f"/odata/Processes/{ODATA}UploadPackage",
            params={"feedId": feed_id},
            content=body(),
            headers={
                "Content-Type": f"multipart/form-data; boundary={boundary}",
                "Content-Length": str(len(head) + len(archive.content) + len(tail)),
            },
        )
    except Failure as failure:
        if failure.error_code == ALREADY_EXISTS:
            failure.hint = f"{archive.id} {archive.version} was published before; raise the version"
        raise


def set_process(orchestrator: Orchestrator, archive: Archive, target: Target, name: str | None) -> Row:
    """The folder's process moved to the package's version, or made. Raises Failure (2) when it is unclear which."""
    condition = f"ProcessKey eq {quoted(archive.id)}"
    rows = orchestrator.rows("/odata/Releases", {"$filter": condition}, folder=target.folder_id)
    row = _choose(rows, archive, name)
    wanted: dict[str, Any] = {"ProcessKey": archive.id, "ProcessVersion": archive.version}
    if row is None:
        made = orchestrator.post("/odata/Releases", {"Name": name or archive.id, **wanted}, folder=target.folder_id)
        return made if isinstance(made, dict) else {"Name": name or archive.id, **wanted}
    if row.get("ProcessVersion") != archive.version:
        path = f"/odata/Releases({row['Id']})"
        orchestrator.request("PATCH", path, json={"Name": row["Name"], **wanted}, folder=target.folder_id)
    return row | wanted


def _choose(rows: list[Row], archive: Archive, name: str | None) -> Row | None:
    wanted = (name or archive.id).casefold()
    for row in rows:
        if str(row.get("Name")).casefold() == wanted:
            return row
    if name or not rows:
        return None
    if len(rows) == 1:
        return rows[0]
    names = ", ".join(str(row.get("Name")) for row in rows)
    raise Failure(f"Several processes run {archive.id}: {names}", Exit.USAGE, hint="name one by --process")

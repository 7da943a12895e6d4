"""Unpacking of packages. A package is hostile until proven otherwise, though the server has looked at it already."""

from __future__ import annotations

import shutil
import stat
import zipfile
from pathlib import Path, PurePosixPath

CONTENT = "content/"
MOST_ENTRIES = 50_000
MOST_BYTES = 4 << 30


class BadPackage(Exception):
    """The archive is damaged, dangerous, or no package."""


def unpack_content(archive: Path, target: Path) -> None:
    """Writes what the package has below `content/` into the new folder `target`.

    Raises BadPackage before anything is written when an entry would lead outside, is a link, or stands twice,
    and when it holds more than it may.
    """
    try:
        with zipfile.ZipFile(archive) as package:
            entries = content_entries(package)
            target.mkdir(parents=True)
            for path, entry in entries.items():
                place = target.joinpath(*path.parts)
                place.parent.mkdir(parents=True, exist_ok=True)
                with package.open(entry) as source, place.open("xb") as file:
                    shutil.copyfileobj(source, file, 1 << 20)
                    if file.tell() > entry.file_size:
                        raise BadPackage(f"The entry {entry.filename!r} is larger than it says.")
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError, OSError) as error:
        raise BadPackage(f"The package cannot be unpacked: {error}") from error


def content_entries(package: zipfile.ZipFile) -> dict[PurePosixPath, zipfile.ZipInfo]:
    """The files below `content/`, by their path below it."""
    infos = package.infolist()
    if len(infos) > MOST_ENTRIES:
        raise BadPackage(f"The package has more than {MOST_ENTRIES} entries.")
    if sum(info.file_size for info in infos) > MOST_BYTES:
        raise BadPackage(f"The package holds more than {MOST_BYTES} bytes.")
    files: dict[PurePosixPath, zipfile.ZipInfo] = {}
    for info in infos:
        check_entry(info)
        if info.is_dir() or not info.filename.lower().startswith(CONTENT):
            continue
        path = PurePosixPath(info.filename[len(CONTENT) :])
        if path in files:
            raise BadPackage(f"The entry {info.filename!r} stands twice in the package.")
        files[path] = info
    if not files:
        raise BadPackage("The package has no folder 'content'.")
    return files


def check_entry(info: zipfile.ZipInfo) -> None:
    name = info.filename
    parts = name.split("/")
    # ZipInfo has cut the name at NUL and turned the system's separator around; the original tells what was meant.
    is_escape = name.startswith("/") or ".." in parts or "\\" in name or ":" in parts[0] or "\0" in info.orig_filename
    if is_escape:
        raise BadPackage(f"The entry {name!r} leads outside the package.")
    mode = info.external_attr >> 16
    if mode and stat.S_IFMT(mode) not in {0, stat.S_IFREG, stat.S_IFDIR}:
        raise BadPackage(f"The entry {name!r} is neither file nor folder.")

"""A .nupkg made from a project: the same project gives the same bytes, wherever and whenever it is packed."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from uuid import uuid5
from xml.sax.saxutils import escape, quoteattr

from podium.cli import project as projects
from podium.cli.failure import Exit, Failure
from podium.cli.project import EntryPoint, Json, Project

EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time that a zip can hold
LIMIT_BYTES = 500 * 1024 * 1024  # the server takes no larger package
GENERATED = frozenset({"operate.json", "entry-points.json", "package-descriptor.json", "bindings_v2.json"})
CONTENT_TYPES = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types">{defaults}{overrides}</Types>'
)
RELATIONSHIPS = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">'
    '<Relationship Type="http://schemas.microsoft.com/packaging/2010/07/manifest" Target={nuspec} Id="R1"/>'
    '<Relationship Type="http://schemas.openxmlformats.org/package/2006/relationships/metadata/core-properties"'
    ' Target={properties} Id="R2"/></Relationships>'
)
NUSPEC = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<package xmlns="http://schemas.microsoft.com/packaging/2010/07/nuspec.xsd"><metadata>'
    "<id>{id}</id><version>{version}</version><title>{id}</title><authors>{authors}</authors>"
    "<requireLicenseAcceptance>false</requireLicenseAcceptance><description>{description}</description>"
    "</metadata></package>"
)
PROPERTIES = (
    '<?xml version="1.0" encoding="utf-8"?>\n'
    '<coreProperties xmlns="http://schemas.openxmlformats.org/package/2006/metadata/core-properties"'
    ' xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:creator>{authors}</dc:creator>'
    "<dc:description>{description}</dc:description><dc:identifier>{id}</dc:identifier>"
    "<version>{version}</version></coreProperties>"
)


@dataclass(frozen=True, slots=True)
class Package:
    """A packed project: its archive, how many of the project's files are in it, and what was left out and why."""

    id: str
    version: str
    archive: bytes
    file_count: int
    warnings: Sequence[str]

    @property
    def file_name(self) -> str:
        """What the archive is called."""
        return f"{self.id}.{self.version}.nupkg"


def pack(folder: Path, *, version: str | None = None) -> Package:
    """The package of the project in the folder; raises Failure when it cannot be packed."""
    project = projects.read(folder, version=version)
    warnings: list[str] = []
    members: dict[str, bytes] = {}
    size = 0
    for path, file in projects.files(project, warnings):
        if path not in GENERATED:
            members[f"content/{path}"] = file.read_bytes()
            size += len(members[f"content/{path}"])
        if size > LIMIT_BYTES:
            raise Failure(f"{folder} holds more than 500 MB; leave files out by .gitignore", Exit.USAGE)
    count = len(members)
    members |= {f"content/{name}": _json(content) for name, content in _descriptions(project).items()}
    return Package(project.id, project.version, _archive(_envelope(project, members) | members), count, warnings)


def _descriptions(project: Project) -> dict[str, Json]:
    """The files by which server and robot learn what the package offers and how it runs."""
    main = project.entry_points[0].path
    names = ("operate.json", "entry-points.json", "bindings_v2.json")
    return {
        "operate.json": {
            "projectId": str(uuid5(projects.NAMESPACE, project.id.lower())),
            "main": main,
            "contentType": project.content_type,
            "targetFramework": "Portable",
            "targetRuntime": "python",
            "runtimeOptions": {"requiresUserInteraction": False, "isAttended": False},
        },
        "entry-points.json": {
            "$id": "entry-points.json",
            "entryPoints": [_entry_row(point) for point in project.entry_points],
        },
        "bindings_v2.json": project.bindings,
        "package-descriptor.json": {
            "files": {name: f"content/{name}" for name in names}
            | {point.path: point.path for point in project.entry_points}
        },
    }


def _entry_row(point: EntryPoint) -> Json:
    return {
        "filePath": point.path,
        "uniqueId": point.unique_id,
        "type": point.kind,
        "input": point.input,
        "output": point.output,
    }


def _envelope(project: Project, members: dict[str, bytes]) -> dict[str, bytes]:
    """What makes a zip a NuGet package: the manifest and the parts of the Open Packaging Conventions."""
    nuspec = f"{project.id}.nuspec"
    properties = f"package/services/metadata/core-properties/{uuid5(projects.NAMESPACE, project.id).hex}.psmdcp"
    words = {name: _xml_text(getattr(project, name)) for name in ("id", "version", "authors", "description")}
    known = {"rels": "application/vnd.openxmlformats-package.relationships+xml"}
    known["psmdcp"] = "application/vnd.openxmlformats-package.core-properties+xml"
    suffixes = {name.rsplit("/", 1)[-1].rpartition(".")[::2] for name in (nuspec, *members)}
    known |= {suffix.lower(): "application/octet" for stem, suffix in sorted(suffixes) if stem}
    bare = sorted(name for name in members if not name.rsplit("/", 1)[-1].rpartition(".")[0])
    defaults = "".join(
        f"<Default Extension={quoteattr(suffix)} ContentType={quoteattr(kind)}/>" for suffix, kind in known.items()
    )
    overrides = "".join(
        f'<Override PartName={quoteattr("/" + name)} ContentType="application/octet"/>' for name in bare
    )
    return {
        "[Content_Types].xml": CONTENT_TYPES.format(defaults=defaults, overrides=overrides).encode(),
        "_rels/.rels": RELATIONSHIPS.format(
            nuspec=quoteattr("/" + nuspec), properties=quoteattr("/" + properties)
        ).encode(),
        nuspec: NUSPEC.format(**words).encode(),
        properties: PROPERTIES.format(**words).encode(),
    }


def _archive(members: dict[str, bytes]) -> bytes:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in sorted(members):
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, also when packed elsewhere
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, members[name])
    return buffer.getvalue()


def _xml_text(text: str) -> str:
    return escape("".join(letter for letter in text if letter.isprintable() or letter in "\n\t"))


def _json(content: Json) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode()

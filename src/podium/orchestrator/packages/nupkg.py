"""Uploaded packages (.nupkg): hostile until proven, then read for what the server must know of them."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import fromstring

from podium.kernel.errors import BadRequest
from podium.orchestrator.packages.archive import Archive, corrupt
from podium.orchestrator.packages.metadata import MAX_PROSE_LENGTH, EntryPoint, read_automation
from podium.orchestrator.packages.rules import check_filename, package_id, package_key
from podium.orchestrator.packages.versions import parse_version

MAX_NUSPEC_BYTES = 512 * 1024
MAX_JSON_BYTES = 2 * 2**20  # of one metadata file; project.json of a large project lists thousands of test cases


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One version of a package, as its own files describe it. Texts that the nuspec leaves out or blank are None."""

    id: str  # in NFC and the packer's casing; compared without regard to case
    version: str  # as the packer wrote it
    normalised_version: str  # equal for equal versions
    version_sort_key: str  # digits; sorts as versions do
    title: str | None
    authors: str | None
    owners: str | None
    description: str | None
    summary: str | None
    release_notes: str | None
    tags: str | None
    project_url: str | None  # http or https
    license_url: str | None
    icon_url: str | None
    dependencies: tuple[tuple[str, str], ...]  # (id, version or range), each once
    project_type: str
    content_type: str
    target_framework: str | None
    target_runtime: str | None
    requires_user_interaction: bool
    is_attended: bool
    is_compiled: bool
    supports_multiple_entry_points: bool
    main_entry_point_path: str | None
    entry_points: tuple[EntryPoint, ...]

    @property
    def key(self) -> str:
        """`Id:Version` with the version as the packer wrote it."""
        return package_key(self.id, self.version)

    @property
    def process_type(self) -> str:
        """Of the contract's enumeration ProcessType of releases."""
        return self.project_type if self.project_type == "TestAutomationProcess" else "Process"

    @property
    def main_entry_point(self) -> EntryPoint | None:
        """The entry point that runs when none is named; None for a package that lists none."""
        return next((each for each in self.entry_points if each.path == self.main_entry_point_path), None)


def read_package(path: Path, filename: str | None) -> Package:
    """The package in the file; raises BadRequest with the reason when it is not sound. Blocks: call it in a thread.

    `filename` is what the uploader called the file, None when unknown; where it reads as `Id.Version.nupkg` it must
    agree with the nuspec. Nothing is written, and only the few metadata files are inflated.
    """
    with Archive.open(path) as archive:
        names = archive.names
        metadata = _nuspec(archive, names)
        name = package_id(_child(metadata, "id") or "")
        written = _child(metadata, "version") or ""
        version = parse_version(written)
        if filename:
            check_filename(filename, name, version)
        automation = read_automation(name, names, lambda file: _text_file(archive, file))
    return Package(
        id=name,
        version=written,
        normalised_version=version.normalised,
        version_sort_key=version.sort_key,
        title=_child(metadata, "title"),
        authors=_child(metadata, "authors"),
        owners=_child(metadata, "owners"),
        description=_child(metadata, "description") or automation.description,
        summary=_child(metadata, "summary"),
        release_notes=_child(metadata, "releaseNotes"),
        tags=_child(metadata, "tags"),
        project_url=_url(metadata, "projectUrl"),
        license_url=_url(metadata, "licenseUrl"),
        icon_url=_url(metadata, "iconUrl"),
        dependencies=tuple(dict.fromkeys([*_nuspec_dependencies(metadata), *automation.dependencies])),
        is_compiled=_is_compiled(name, names),
        project_type=automation.project_type,
        content_type=automation.content_type,
        target_framework=automation.target_framework,
        target_runtime=automation.target_runtime,
        requires_user_interaction=automation.requires_user_interaction,
        is_attended=automation.is_attended,
        supports_multiple_entry_points=automation.supports_multiple_entry_points,
        main_entry_point_path=automation.main_entry_point_path,
        entry_points=automation.entry_points,
    )


def _nuspec(archive: Archive, names: list[str]) -> Element:
    """The metadata element of the one nuspec at the root."""
    found = [name for name in names if "/" not in name and name.lower().endswith(".nuspec")]
    if len(found) != 1:
        raise corrupt(f"it has {len(found) or 'no'} .nuspec files at its root instead of one.")
    content = archive.read(found[0], MAX_NUSPEC_BYTES)
    try:
        root = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise corrupt(f"'{found[0]}' holds a document type or entities.") from None
    except (ParseError, ValueError, LookupError):
        raise corrupt(f"'{found[0]}' is not well-formed XML.") from None
    if _local(root) != "package":
        raise corrupt(f"'{found[0]}' is not a package manifest.")
    metadata = [child for child in root if _local(child) == "metadata"]
    if len(metadata) != 1:
        raise corrupt(f"'{found[0]}' has {len(metadata) or 'no'} metadata elements instead of one.")
    for member in ("id", "version"):
        if sum(_local(child) == member for child in metadata[0]) != 1:
            raise corrupt(f"'{found[0]}' does not have exactly one {member}.")
    return metadata[0]


def _local(element: Element) -> str:
    """The element's name without its namespace, which differs from packer to packer."""
    return element.tag.rpartition("}")[2]


def _child(metadata: Element, member: str) -> str | None:
    for child in metadata:
        if _local(child) == member:
            text = unicodedata.normalize("NFC", (child.text or "").strip())
            return text[:MAX_PROSE_LENGTH] or None
    return None


def _url(metadata: Element, member: str) -> str | None:
    """The address, when it is one that a page may link to."""
    text = _child(metadata, member)
    return text if text and text.lower().startswith(("http://", "https://")) else None


def _nuspec_dependencies(metadata: Element) -> Iterator[tuple[str, str]]:
    """All dependencies, those inside of groups for a framework too."""
    for element in metadata.iter():
        name = element.get("id")
        if _local(element) == "dependency" and name:
            yield name, element.get("version") or ""


def _text_file(archive: Archive, name: str) -> str:
    try:
        return archive.read(name, MAX_JSON_BYTES).decode("utf-8-sig")  # Studio writes a byte order mark
    except UnicodeDecodeError:
        raise BadRequest(f"'{name}' in the package is not UTF-8.") from None


def _is_compiled(name: str, names: list[str]) -> bool:
    """Whether `lib/` holds an assembly of the package's own name."""
    own = f"/{name.lower()}.dll"
    return any(each.lower().startswith("lib/") and each.lower().endswith(own) for each in names)

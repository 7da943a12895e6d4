"""Names of packages: what an id may be, how a key is read, whether an uploaded file's name fits what is inside."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import unquote

from podium.kernel.errors import BadRequest, Code, NotFound
from podium.orchestrator.packages.versions import Version, parse_version

MAX_ID_LENGTH = 100  # characters; NuGet's limit
EXTENSION = ".nupkg"
MAX_FILENAME_LENGTH = 300  # characters; more than any Id.Version.nupkg has

# Wider than NuGet's own rule, which knows letters, digits, `_`, `.` and `-` only: other packers keep spaces and
# parentheses. What is left out would be unsafe in a file name, a key `Id:Version` or markup.
_NOT_IN_ID = frozenset("\\/:*?\"<>|&;'%#")
_THREE_NUMBERS = re.compile(r"[0-9]+\.[0-9]+\.[0-9]")
_TWO_NUMBERS = re.compile(r"[0-9]+\.[0-9]")


def package_id(text: str) -> str:
    """The id in NFC; raises BadRequest when it cannot be one."""
    name = unicodedata.normalize("NFC", text)
    if not name:
        raise BadRequest("The package id is empty.")
    if len(name) > MAX_ID_LENGTH:
        raise BadRequest(f"The package id is longer than {MAX_ID_LENGTH} characters.")
    if not name.isprintable() or not _NOT_IN_ID.isdisjoint(name):
        raise BadRequest("The package id holds a character that is not allowed.")
    if name.strip(" .") != name or ".." in name:
        raise BadRequest("The package id begins or ends with a dot or space, or holds two dots in a row.")
    return name


def package_key(name: str, version: str) -> str:
    """`Id:Version`, the key of one version of a package."""
    return f"{name}:{version}"


def key_parts(key: str) -> tuple[str, str]:
    """Id and version of a key `Id:Version`, as given.

    BadRequest when it has not that form, NotFound when no package can have that id or version.
    """
    name, colon, version = key.rpartition(":")
    if not colon or not name or not version:
        raise BadRequest("The key of a package has the form Id:Version.")
    try:
        parse_version(version)
        return package_id(name), version
    except BadRequest:
        raise NotFound("The package does not exist.", Code.PACKAGE_NOT_FOUND) from None


def check_filename(filename: str, name: str, version: Version) -> None:
    """Raise BadRequest when the uploaded file's name says another id or version than the nuspec.

    Only a name that reads `Id.Version.nupkg` says anything; `package.nupkg` or `adder.1.0.0 (1).nupkg` are accepted.
    Folders before the name are cut: some clients send a path (`.uipath/adder.1.0.0.nupkg`).
    """
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", filename))[-1].strip()
    if not last.lower().endswith(EXTENSION):
        if "." in last:
            raise BadRequest(f"The name of a package's file ends with {EXTENSION}.", Code.INVALID_EXTENSION)
        return
    if len(last) > MAX_FILENAME_LENGTH:
        raise BadRequest(f"The name of the package's file is longer than {MAX_FILENAME_LENGTH} characters.")
    stem = last[: -len(EXTENSION)].lower()
    says_another = False
    # An id may itself end with numbers, so every dot can be the border.
    for candidate in {stem, unquote(stem)}:
        for dot in (place for place, character in enumerate(candidate) if character == "."):
            said_name, said_version = candidate[:dot], _version_or_none(candidate[dot + 1 :])
            if said_version is None:
                continue
            same_name = said_name == name.lower()
            if same_name and said_version == version:
                return
            enough = _TWO_NUMBERS if same_name else _THREE_NUMBERS
            says_another = says_another or (bool(said_name) and enough.match(candidate, dot + 1) is not None)
    if says_another:
        raise BadRequest(f"The file's name differs from the package inside, {name} {version.normalised}.")


def _version_or_none(text: str) -> Version | None:
    try:
        return parse_version(text)
    except BadRequest:
        return None

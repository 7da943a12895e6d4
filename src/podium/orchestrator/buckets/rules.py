"""Which paths, names, options and addresses a bucket takes, and which files a directory or a pattern means. Pure."""

from __future__ import annotations

import base64
import binascii
import mimetypes
import re
import unicodedata
from datetime import timedelta
from typing import NamedTuple

from podium.kernel.errors import BadRequest, Code, Conflict
from podium.orchestrator.credential_stores.rules import fresh_name

OWN = "Orchestrator"
PROVIDERS = (OWN, "Amazon", "Minio", "S3Compatible")
READ_ONLY, AUDIT_READS, PASS_THROUGH = "ReadOnly", "AuditReadAccess", "AccessDataThroughOrchestrator"
OPTIONS = ("None", READ_ONLY, AUDIT_READS, PASS_THROUGH)

NO_BUCKET = "Bucket does not exist."
NO_FILE = "File does not exist."
WITHOUT_KEY = "has no secret key; give it in Password, or by CredentialStoreId and ExternalName."

MAX_PATH_BYTES = 1024
"""What S3 takes as a key."""
MAX_GLOB = 255
DEFAULT_MINUTES = 15
MAX_MINUTES = 7 * 24 * 60
DEFAULT_TAKE, MAX_TAKE = 500, 1000
PLACEHOLDER = "$password"

CONTENT_TYPE = re.compile(r"[\w!#$&^.+-]{1,127}/[\w!#$&^.+-]{1,127}(?: *;[\x20-\x7e]{0,200})?", re.ASCII)
CONTAINER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,62}", re.ASCII)
REGION = re.compile(r"[A-Za-z0-9-]{1,40}", re.ASCII)
ACCESS_KEY = re.compile(r"[\x21-\x7e]{1,256}", re.ASCII)
ENDPOINT = re.compile(r"(?:(https?)://)?([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?/?", re.ASCII)
# The words of the published tools, and those of other S3 clients.
WORDS = {
    "endpointdomain": "endpoint",
    "endpoint": "endpoint",
    "host": "endpoint",
    "server": "endpoint",
    "endpointregion": "region",
    "region": "region",
    "accesskey": "access_key",
    "accesskeyid": "access_key",
    "secretkey": "secret_key",
    "secretaccesskey": "secret_key",
    "bucket": "container",
    "bucketname": "container",
    "container": "container",
}


class Options(NamedTuple):
    """What a bucket is told to do."""

    is_read_only: bool = False
    audits_reads: bool = False
    passes_data_through: bool = False


class S3Place(NamedTuple):
    """Where the files of an S3 bucket are. `endpoint` is scheme, host and port; requests name the container in the path."""

    endpoint: str
    host: str
    port: int
    region: str
    access_key: str
    container: str

    @property
    def is_plain(self) -> bool:
        """Without TLS: nothing proves that the host is the one that was asked for."""
        return self.endpoint.startswith("http://")


def clean_name(given: str) -> str:
    """The name as it is stored: NFC, without blanks around it. Raises BadRequest."""
    name = unicodedata.normalize("NFC", given).strip()
    if not name:
        raise BadRequest("Name: must not be empty.")
    _refuse_controls(name, "Name")
    return name


def clean_path(given: str, member: str = "path", *, keeps_form: bool = False) -> str:
    """The path of a file as it is stored: NFC, no slash at its beginning. Raises BadRequest that names the member.

    With `keeps_form` it is not made NFC: keys in a foreign storage are what they are. The path of a clean path is
    itself.
    """
    path = given if keeps_form else unicodedata.normalize("NFC", given)
    path = path.removeprefix("/")
    if not path:
        raise BadRequest(f"{member}: must name a file.", Code.PARAMETER_INVALID)
    _check_parts(path, member)
    return path


def clean_directory(given: str, member: str = "directory", *, keeps_form: bool = False) -> str:
    """What the paths of a directory's files begin with: blank for the top, else with a slash at the end.

    Raises BadRequest that names the member.
    """
    path = given if keeps_form else unicodedata.normalize("NFC", given)
    if path in ("", "/"):
        return ""
    path = path.removeprefix("/").removesuffix("/")
    _check_parts(path, member)
    return path + "/"


def clean_prefix(given: str, member: str = "prefix", *, keeps_form: bool = False) -> str:
    """What the paths that are asked for begin with; it may end within a part. Raises BadRequest."""
    prefix = given if keeps_form else unicodedata.normalize("NFC", given)
    _refuse_controls(prefix, member)
    return prefix.removeprefix("/")


def directory_of(path: str) -> str:
    """What is before the last part: blank or ending in a slash."""
    return path[: path.rfind("/") + 1]


def file_name(path: str) -> str:
    """The last part."""
    return path[path.rfind("/") + 1 :]


def shown_path(path: str) -> str:
    """As lists show it: with a slash at the beginning, which clients compare."""
    return f"/{path}"


def check_glob(given: str) -> str:
    """A pattern of file names: `*` is any text, `?` one character, the rest is itself. Raises BadRequest."""
    glob = re.sub(r"\*+", "*", unicodedata.normalize("NFC", given))
    if len(glob) > MAX_GLOB:
        raise BadRequest(f"fileNameGlob: has more than {MAX_GLOB} characters.", Code.PARAMETER_INVALID)
    _refuse_controls(glob, "fileNameGlob")
    if "/" in glob:
        raise BadRequest("fileNameGlob: is for names of files, without a slash.", Code.PARAMETER_INVALID)
    return glob


def like(glob: str) -> str:
    r"""The pattern for SQL's LIKE with `\` as its escape."""
    return re.sub(r"([\\%_])", r"\\\1", glob).replace("*", "%").replace("?", "_")


def matches(glob: str, name: str) -> bool:
    """Whether the name is of the pattern; at most `len(glob) * len(name)` steps, however many stars."""
    at_glob = at_name = 0
    star = mark = -1
    while at_name < len(name):
        if at_glob < len(glob) and glob[at_glob] == "*":
            star, mark = at_glob, at_name
            at_glob += 1
        elif at_glob < len(glob) and glob[at_glob] in ("?", name[at_name]):
            at_glob += 1
            at_name += 1
        elif star >= 0:
            mark += 1
            at_glob, at_name = star + 1, mark
        else:
            return False
    return glob[at_glob:].strip("*") == ""


def clean_content_type(given: str) -> str | None:
    """A media type that may be sent as a header; None for what is none."""
    return given if CONTENT_TYPE.fullmatch(given) else None


def check_content_type(given: str) -> str | None:
    """The media type of a parameter, None when it is blank. Raises BadRequest."""
    if given and clean_content_type(given) is None:
        raise BadRequest("contentType: expected a media type like text/plain.", Code.PARAMETER_INVALID)
    return given or None


def guess_content_type(path: str) -> str | None:
    """The usual media type of files of such a name."""
    return mimetypes.guess_type(file_name(path), strict=False)[0]


def lifetime(minutes: int | None) -> timedelta:
    """How long an address works; 0 is the default. Raises BadRequest."""
    if not minutes:
        return timedelta(minutes=DEFAULT_MINUTES)
    if not 1 <= minutes <= MAX_MINUTES:
        raise BadRequest(f"expiryInMinutes: expected 1 to {MAX_MINUTES}.", Code.PARAMETER_INVALID)
    return timedelta(minutes=minutes)


def take(hint: int | None) -> int:
    """How many files a page has at most. Raises BadRequest."""
    if hint is None:
        return DEFAULT_TAKE
    if not 1 <= hint <= MAX_TAKE:
        raise BadRequest(f"takeHint: expected 1 to {MAX_TAKE}.", Code.PARAMETER_INVALID)
    return hint


def token_after(path: str) -> str:
    """The continuation token of a page that ends with this path."""
    return base64.urlsafe_b64encode(path.encode()).decode().rstrip("=")


def after_token(token: str) -> str:
    """The path that a page begins after; blank for the first. Raises BadRequest."""
    try:
        path = base64.b64decode(token + "=" * (-len(token) % 4), altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise BadRequest("continuationToken: is none of this server.", Code.PARAMETER_INVALID) from None
    _refuse_controls(path, "continuationToken")
    return path


def options(given: str | int | None) -> Options:
    """The set of options in a text of names parted by commas, or in the sum of their numbers. Raises BadRequest."""
    words = [word.strip() for word in str(given or "None").split(",")]
    known = {name.lower(): name for name in OPTIONS}
    found: set[str] = set()
    for word in words:
        if word.isascii() and word.isdigit() and int(word) < 8:
            found |= {name for bit, name in enumerate(OPTIONS[1:]) if int(word) >> bit & 1}
        elif word.lower() in known:
            found.add(known[word.lower()])
        else:
            raise BadRequest(f"Options: {word[:40]!r} is none of {', '.join(OPTIONS)}.", Code.PARAMETER_INVALID)
    return Options(READ_ONLY in found, AUDIT_READS in found, PASS_THROUGH in found)


def provider(given: str | None) -> str:
    """The provider in its own spelling; that of this server when none is given. Raises BadRequest."""
    if not given:
        return OWN
    found = {name.lower(): name for name in PROVIDERS}.get(given.strip().lower())
    if found is None:
        known = ", ".join(PROVIDERS)
        raise BadRequest(
            f"StorageProvider: {given[:40]!r} is not supported; there are {known}.", Code.PARAMETER_INVALID
        )
    return found


def check_writable(name: str, *, is_read_only: bool) -> None:
    """Raises Conflict for a bucket whose files are not to be changed."""
    if is_read_only:
        raise Conflict(f"The bucket {name} is read-only.", Code.FORBIDDEN_OPERATION)


def check_kept_here(password: str | None, external_name: str | None, *, store: str, is_there: bool) -> None:
    """Raises BadRequest for what the built-in store cannot keep, and when it would have no secret key."""
    if external_name:
        message = f"ExternalName: the credential store {store} has no names of others."
        raise BadRequest(message, Code.PARAMETER_INVALID)
    if password is None and not is_there:
        raise BadRequest("Password is required.", Code.PARAMETER_MISSING)


def external_name(
    password: str | None, given: str | None, stored: str | None, bucket: str, *, store: str, is_read_only: bool
) -> str:
    """Under which name another store keeps the secret key.

    `stored`: where it is now, None when it comes new into the store. In a store that is not written the bucket's name
    stands for one that is not given; in another a secret key without a name gets one of its own, for buckets of several
    folders may be called the same. Raises BadRequest that names the member.
    """
    if is_read_only:
        if password is not None:
            raise BadRequest(f"Password: the credential store {store} is read only.", Code.PARAMETER_INVALID)
        return given or stored or bucket
    found = given or stored
    if found is None and password is None:
        raise BadRequest("Password is required.", Code.PARAMETER_MISSING)
    return found or fresh_name(bucket)


def check_secret_key(text: str, store: str) -> str:
    """What a store has under the name, if it can be a secret key at all. Raises Conflict, which does not repeat it."""
    if not text or any(unicodedata.category(character) == "Cs" for character in text):
        message = f"The credential store {store}: what it has under the name is no secret key."
        raise Conflict(message, Code.FORBIDDEN_OPERATION)
    return text


def s3_place(container: str | None, parameters: str | None) -> S3Place:
    """Where the members of a bucket say that its files are. Raises BadRequest that names the member."""
    words = _words(parameters or "")
    if words.get("secret_key", PLACEHOLDER).lower() != PLACEHOLDER:
        message = "StorageParameters: give the secret key in Password, and write secretKey=$Password."
        raise BadRequest(message, Code.PARAMETER_INVALID)
    region = words.get("region", "us-east-1")
    if not REGION.fullmatch(region):
        raise _wrong("the region")
    if not ACCESS_KEY.fullmatch(words.get("access_key", "")):
        raise _wrong("accessKey")
    suffix = ".cn" if region.startswith("cn-") else ""
    given = words.get("endpoint") or f"s3.{region}.amazonaws.com{suffix}"
    found = ENDPOINT.fullmatch(given)
    if found is None:
        raise _wrong("the endpoint, as in EndpointDomain=s3.example.com or https://s3.example.com:9000")
    scheme, host = (found[1] or "https"), found[2].lower()
    port = int(found[3] or (443 if scheme == "https" else 80))
    if not 1 <= port <= 65535:
        raise _wrong("the port of the endpoint")
    bucket = container or words.get("container", "")
    if not CONTAINER.fullmatch(bucket):
        raise BadRequest("StorageContainer: expected the name of an S3 bucket.", Code.PARAMETER_INVALID)
    return S3Place(f"{scheme}://{host}:{port}", host.strip("[]"), port, region, words["access_key"], bucket)


def _words(parameters: str) -> dict[str, str]:
    """`Key=value;Key=value` by what the keys mean."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in parameters.split(";"))):
        key, equals, value = part.partition("=")
        meaning = WORDS.get(key.strip().lower())
        if meaning is None or not equals:
            raise _wrong(
                f"something else than {key.strip()[:40]!r}; the keys are EndpointDomain, Region, AccessKey, SecretKey"
            )
        if meaning in found:
            raise _wrong(f"{key.strip()} once")
        found[meaning] = value.strip()
    return found


def _wrong(what: str) -> BadRequest:
    return BadRequest(f"StorageParameters: expected {what}.", Code.PARAMETER_INVALID)


def _check_parts(path: str, member: str) -> None:
    if len(path.encode(errors="surrogatepass")) > MAX_PATH_BYTES:
        raise BadRequest(f"{member}: has more than {MAX_PATH_BYTES} bytes in UTF-8.", Code.PARAMETER_INVALID)
    _refuse_controls(path, member)
    if "\\" in path:
        raise BadRequest(f"{member}: must not have a backslash; directories are parted by /.", Code.PARAMETER_INVALID)
    for part in path.split("/"):
        if part in ("", ".", ".."):
            raise BadRequest(f"{member}: must not have a part {part!r}.", Code.PARAMETER_INVALID)


def _refuse_controls(text: str, member: str) -> None:
    """What no storage keeps as it is: control characters, halves of pairs, and what is no character at all."""
    for character in text:
        number = ord(character)
        is_none = number & 0xFFFE == 0xFFFE or 0xFDD0 <= number <= 0xFDEF
        if is_none or unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp"):
            raise BadRequest(f"{member}: must not have the character U+{number:04X}.", Code.PARAMETER_INVALID)

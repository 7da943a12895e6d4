"""A strict reader of zip archives from strangers.

Readers disagree about archives that bend the format (two directories, names that differ between directory and content,
entries that share bytes), and robots unpack with readers of their own. So this one accepts only what every reader
understands alike. Limits are checked from the directory before anything is inflated.
"""

from __future__ import annotations

import os
import re
import stat
import struct
import unicodedata
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self
from urllib.parse import unquote

from podium.kernel.errors import BadRequest

MAX_FILE_BYTES = 500 * 2**20
MAX_ENTRIES = 20_000
MAX_DIRECTORY_BYTES = 8 * 2**20
MAX_UNPACKED_BYTES = 2 * 2**30
MAX_NAME_LENGTH = 1024  # bytes
MAX_FOLDERS = 64  # one inside the other
MAX_RATIO = 100  # unpacked to packed
FREE_BYTES = 10 * 2**20  # of the whole archive, not counted by the ratio: small repetitive files compress far better
FREE_ENTRY_BYTES = 100 * 2**20  # the same for a single entry beside others that hide its ratio

_END = struct.Struct("<4s4H2LH")
_RECORD = struct.Struct("<4s6H3L5H2L")
_LOCAL = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_IN_ZIP64 = 0xFFFFFFFF
_STORED, _DEFLATED = 0, 8
_ENCRYPTED = 0x0001 | 0x0040 | 0x2000
_SIZES_FOLLOW = 0x0008
_UTF8 = 0x0800
_UNICODE_PATH = 0x7075
_CHUNK_BYTES = 64 * 1024
_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def corrupt(reason: str) -> BadRequest:
    """The refusal of an archive; the reason is public text."""
    return BadRequest(f"Package is corrupt: {reason}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the archive's directory; sizes are declared ones, proven when the entry is read."""

    name: str  # without a leading `./`, percent escapes as they are
    method: int
    crc: int
    packed_bytes: int
    unpacked_bytes: int
    offset: int
    raw_name: bytes

    @property
    def is_folder(self) -> bool:
        return self.name.endswith("/")


class Archive:
    """An archive whose directory has been checked as a whole; `names` are safe to join to a folder on any system."""

    def __init__(self, file: BinaryIO) -> None:
        """Read and check the directory; raises BadRequest with the reason."""
        self._file = file
        directory, self._directory_offset, count = _directory(file)
        entries = list(_entries(directory, count))
        _check_sizes(entries, file.seek(0, os.SEEK_END))
        _check_clashes(entries)
        self._content = self._locate(entries)
        self._entries = {entry.name.lower(): entry for entry in entries if not entry.is_folder}

    @classmethod
    def open(cls, path: Path) -> Self:
        """The archive in the file, to be used as a context manager."""
        file = path.open("rb", buffering=0)
        try:
            return cls(file)
        except BaseException:
            file.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    @property
    def names(self) -> list[str]:
        """Names of the files in the order of the directory; folders are left out."""
        return [entry.name for entry in self._entries.values()]

    def __contains__(self, name: str) -> bool:
        return name.lower() in self._entries

    def read(self, name: str, limit: int) -> bytes:
        """The content of a file, named without regard to case; KeyError when there is none of that name.

        BadRequest when it is over `limit` bytes or not as declared. At most `limit` bytes are inflated.
        """
        entry = self._entries[name.lower()]
        if entry.unpacked_bytes > limit:
            raise corrupt(f"'{entry.name}' is larger than {limit} bytes.")
        content = self._inflated(entry) if entry.method == _DEFLATED else self._packed(entry)
        if len(content) != entry.unpacked_bytes or zlib.crc32(content) != entry.crc:
            raise corrupt(f"the content of '{entry.name}' is not what the directory says.")
        return content

    def _packed(self, entry: Entry) -> bytes:
        if entry.packed_bytes != entry.unpacked_bytes:
            raise corrupt(f"the content of '{entry.name}' is not what the directory says.")
        return _read_at(self._file, self._content[entry.name], entry.packed_bytes)

    def _inflated(self, entry: Entry) -> bytes:
        inflater = zlib.decompressobj(-zlib.MAX_WBITS)
        parts: list[bytes] = []
        # One byte more than declared is enough to see that the declaration lies.
        room, place, left = entry.unpacked_bytes + 1, self._content[entry.name], entry.packed_bytes
        while left and room and not inflater.eof:
            chunk = _read_at(self._file, place, min(left, _CHUNK_BYTES))
            place, left = place + len(chunk), left - len(chunk)
            try:
                parts.append(inflater.decompress(chunk, room))
            except zlib.error:
                raise corrupt(f"'{entry.name}' cannot be inflated.") from None
            room -= len(parts[-1])
        return b"".join(parts)

    def _locate(self, entries: list[Entry]) -> dict[str, int]:
        """Where each content begins; BadRequest when an entry disagrees with its line or shares bytes with another."""
        content: dict[str, int] = {}
        free_from = 0
        if min((entry.offset for entry in entries), default=0):
            raise corrupt("it has something in front.")
        for entry in sorted(entries, key=lambda entry: entry.offset):
            if entry.offset < free_from:
                raise corrupt("its entries overlap.")
            # The signature and name are read with the header; a line that points outside gives too few bytes.
            header = _read_at(self._file, entry.offset, _LOCAL.size + len(entry.raw_name))
            mark, _, flags, method, _, _, crc, packed, unpacked, name_length, extra_length = _LOCAL.unpack_from(header)
            if mark != b"PK\3\4" or name_length != len(entry.raw_name) or header[_LOCAL.size :] != entry.raw_name:
                raise corrupt(f"the header of '{entry.name}' differs from the directory.")
            if method != entry.method or flags & _ENCRYPTED:
                raise corrupt(f"the header of '{entry.name}' differs from the directory.")
            # The sentinel stands for a copy of the sizes in an extra field, which some packers always write.
            declared = (entry.crc, entry.packed_bytes, entry.unpacked_bytes)
            if (
                not flags & _SIZES_FOLLOW
                and _IN_ZIP64 not in (packed, unpacked)
                and (crc, packed, unpacked) != declared
            ):
                raise corrupt(f"the header of '{entry.name}' differs from the directory.")
            begin = entry.offset + _LOCAL.size + name_length + extra_length
            free_from = begin + entry.packed_bytes
            if free_from > self._directory_offset:
                raise corrupt(f"'{entry.name}' reaches beyond the content.")
            content[entry.name] = begin
        return content


def _read_at(file: BinaryIO, place: int, length: int) -> bytes:
    file.seek(place)
    content = file.read(length)
    if len(content) != length:
        raise corrupt("it is cut off.")
    return content


def _directory(file: BinaryIO) -> tuple[bytes, int, int]:
    """The directory's bytes, its offset and its number of lines."""
    size = file.seek(0, os.SEEK_END)
    if size > MAX_FILE_BYTES:
        raise corrupt(f"it is larger than {MAX_FILE_BYTES // 2**20} MB.")
    tail_offset = max(0, size - _END.size - _MAX_COMMENT)
    tail = _read_at(file, tail_offset, size - tail_offset)
    ends = list(_ends(tail))
    if not ends:
        raise corrupt("it is not a zip archive.")
    if len(ends) > 1:
        raise corrupt("it has two directories.")
    _, disk, first_disk, count_here, count, length, offset, _ = _END.unpack_from(tail, ends[0])
    if disk or first_disk or count_here != count:
        raise corrupt("it is one part of a split archive.")
    if count == 0xFFFF or _IN_ZIP64 in (length, offset):
        raise corrupt(f"it has more than {MAX_ENTRIES} entries or is in ZIP64 form.")
    if count > MAX_ENTRIES:
        raise corrupt(f"it has {count} entries, more than {MAX_ENTRIES}.")
    if length > MAX_DIRECTORY_BYTES:
        raise corrupt("its directory is too large.")
    if offset + length != tail_offset + ends[0]:
        raise corrupt("its directory is not where it says.")
    return _read_at(file, offset, length), offset, count


def _ends(tail: bytes) -> Iterator[int]:
    """Places of end records whose comment reaches exactly to the end of the file."""
    place = tail.rfind(b"PK\5\6")
    while place >= 0:
        if len(tail) - place >= _END.size and place + _END.size + _END.unpack_from(tail, place)[-1] == len(tail):
            yield place
        place = tail.rfind(b"PK\5\6", 0, place)


def _entries(directory: bytes, count: int) -> Iterator[Entry]:
    place = 0
    for _ in range(count):
        if len(directory) - place < _RECORD.size:
            raise corrupt("its directory is cut off.")
        (mark, _, _, flags, method, _, _, crc, packed, unpacked, name_length, extra_length, comment_length, disk,
         _, attributes, offset) = _RECORD.unpack_from(directory, place)  # fmt: skip
        name_end = place + _RECORD.size + name_length
        extra_end = name_end + extra_length
        if mark != b"PK\1\2" or disk or extra_end + comment_length > len(directory):
            raise corrupt("its directory is damaged.")
        raw_name = directory[place + _RECORD.size : name_end]
        name = _safe_name(raw_name, is_utf8=bool(flags & _UTF8))
        if _other_name(directory[name_end:extra_end], raw_name, name):
            raise corrupt(f"'{name}' has two names.")
        if flags & _ENCRYPTED:
            raise corrupt(f"'{name}' is encrypted.")
        if method not in {_STORED, _DEFLATED}:
            raise corrupt(f"'{name}' is packed by method {method}; only deflate is read.")
        if stat.S_IFMT(attributes >> 16) not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise corrupt(f"'{name}' is a link or a device, not a file.")
        if _IN_ZIP64 in (packed, unpacked, offset):
            raise corrupt(f"'{name}' is in ZIP64 form.")
        yield Entry(name, method, crc, packed, unpacked, offset, raw_name)
        place = extra_end + comment_length
    if place != len(directory):
        raise corrupt("its directory holds more than it says.")


def _safe_name(raw_name: bytes, *, is_utf8: bool) -> str:
    """The entry's name, refused when some reader could write outside the target folder because of it."""
    if not 0 < len(raw_name) <= MAX_NAME_LENGTH:
        raise corrupt("a name is empty or too long.")
    try:
        name = raw_name.decode("utf-8" if is_utf8 else "cp437")
    except UnicodeDecodeError:
        raise corrupt("a name is not UTF-8.") from None
    name = name.removeprefix("./")  # `uipath pack` writes one name so
    # Names in packages are URIs to some readers, which undo percent escapes.
    for form in {name, unquote(name)}:
        if _CONTROL.search(form):
            raise corrupt("a name holds a control character.")
        if "\\" in form:
            raise corrupt(f"the name '{form}' holds a backslash.")
        if form.startswith("/"):
            raise corrupt(f"the name '{form}' is absolute.")
        if form.count("/") > MAX_FOLDERS:
            raise corrupt("a name lies in too many folders.")
        for segment in form.removesuffix("/").split("/"):
            # Windows drops dots and spaces at the end, so `.. ` is `..` there.
            if not segment.strip(" ."):
                raise corrupt(f"the name '{form}' leaves its folder or is empty in part.")
            if _DRIVE.match(segment):
                raise corrupt(f"the name '{form}' holds a drive letter.")
    return name


def _other_name(extra: bytes, raw_name: bytes, name: str) -> bool:
    """Whether the extra fields hold another name, which some readers prefer; damaged extra fields hold none."""
    place = 0
    while place + 4 <= len(extra):
        kind, length = struct.unpack_from("<HH", extra, place)
        if kind == _UNICODE_PATH:
            other = extra[place + 9 : place + 4 + length]
            if other != raw_name and other.removeprefix(b"./") != name.encode():
                return True
        place += 4 + length
    return False


def _check_sizes(entries: list[Entry], file_bytes: int) -> None:
    unpacked = sum(entry.unpacked_bytes for entry in entries)
    if unpacked > MAX_UNPACKED_BYTES:
        raise corrupt(f"unpacked it is larger than {MAX_UNPACKED_BYTES // 2**30} GB.")
    if unpacked > file_bytes * MAX_RATIO + FREE_BYTES:
        raise corrupt(f"unpacked it is more than {MAX_RATIO} times as large.")
    for entry in entries:
        if entry.unpacked_bytes > entry.packed_bytes * MAX_RATIO + FREE_ENTRY_BYTES:
            raise corrupt(f"'{entry.name}' unpacked is more than {MAX_RATIO} times as large.")
        # Deflate adds at most a few bytes to a block, so content that shrinks by packing backwards is a lie.
        if entry.packed_bytes > entry.unpacked_bytes + entry.unpacked_bytes // 100 + 1024:
            raise corrupt(f"'{entry.name}' is packed larger than it is said to be.")


def _check_clashes(entries: list[Entry]) -> None:
    """Refuse names that are one file on some system: equal, or equal but for case, normal form or percent escapes."""
    # With the slash as the lowest character the content of a folder follows it at once.
    keys = sorted(unicodedata.normalize("NFC", unquote(entry.name)).lower().replace("/", "\0") for entry in entries)
    for key, following in pairwise(keys):
        name = key.replace("\0", "/")
        if key == following:
            raise corrupt(f"it holds '{name}' twice, or the same name in another case.")
        if not key.endswith("\0") and following.startswith(key + "\0"):
            raise corrupt(f"'{name}' is a file and a folder at once.")

"""Packages made to do harm: each is refused with a reason, in bounded time and memory."""

from __future__ import annotations

import json
import struct
import time
import tracemalloc
import zlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from podium.kernel.errors import BadRequest
from podium.orchestrator.packages.nupkg import read_package

NUSPEC = b"""<?xml version="1.0" encoding="utf-8"?>
<package xmlns="http://schemas.microsoft.com/packaging/2011/10/nuspec.xsd"><metadata><id>Adder</id><version>1.0.0</version>
<authors>Ann</authors><description>Adds</description></metadata></package>"""
LINK, FIFO, DEVICE = 0o120777, 0o010644, 0o060644
MAX_SECONDS = 2  # of CPU, for what is refused
MAX_SECONDS_TO_READ = 20  # of CPU, for what is just allowed: apart from a quadratic reader, which takes minutes
MAX_BYTES = 128 * 2**20


@dataclass(frozen=True, kw_only=True)
class Item:
    """One entry, every field of which can be made to lie."""

    name: bytes
    content: bytes = b""
    deflated: bool = False
    flags: int = 0x0800
    method: int | None = None
    mode: int = 0
    extra: bytes = b""
    local_name: bytes | None = None
    local_flags: int | None = None
    packed_bytes: int | None = None
    unpacked_bytes: int | None = None
    local_unpacked_bytes: int | None = None
    crc: int | None = None
    offset: int | None = None
    disk: int = 0


def archive(*items: Item, **end: int | bytes) -> bytes:
    """A zip archive of the items as they are described, honest or not; `end` overrides fields of the end record."""
    content, directory = [bytes(end.get("prefix", b""))], []
    place = 0
    for item in items:
        deflater = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        stored = deflater.compress(item.content) + deflater.flush() if item.deflated else item.content
        method = item.method if item.method is not None else 8 * item.deflated
        crc = zlib.crc32(item.content) if item.crc is None else item.crc
        packed = len(stored) if item.packed_bytes is None else item.packed_bytes
        unpacked = len(item.content) if item.unpacked_bytes is None else item.unpacked_bytes
        local_unpacked = unpacked if item.local_unpacked_bytes is None else item.local_unpacked_bytes
        local_name = item.name if item.local_name is None else item.local_name
        local_flags = item.flags if item.local_flags is None else item.local_flags
        local = struct.pack(
            "<4s5H3L2H", b"PK\3\4", 20, local_flags, method, 0, 33, crc, packed, local_unpacked, len(local_name), 0
        )  # fmt: skip
        content += [local, local_name, stored]
        offset = place if item.offset is None else item.offset
        directory += [
            struct.pack(
                "<4s6H3L5H2L", b"PK\1\2", 0x0314, 20, item.flags, method, 0, 33, crc, packed, unpacked,
                len(item.name), len(item.extra), 0, item.disk, 0, item.mode << 16, offset,
            ),
            item.name,
            item.extra,
        ]  # fmt: skip
        place += len(local) + len(local_name) + len(stored)
    lines = b"".join(directory)
    fields = {"disk": 0, "count_here": len(items), "count": len(items), "length": len(lines), "offset": place} | end
    comment = bytes(end.get("comment", b""))
    last = struct.pack(
        "<4s4H2LH", b"PK\5\6", fields["disk"], 0, fields["count_here"], fields["count"], fields["length"],
        fields["offset"], end.get("comment_length", len(comment)),
    )  # fmt: skip
    return b"".join([*content, lines, last, comment])


def nuspec(content: bytes = NUSPEC) -> Item:
    return Item(name=b"Adder.nuspec", content=content)


def with_name(name: bytes | str, **fields: Any) -> Callable[[], bytes]:
    raw = name if isinstance(name, bytes) else name.encode()
    return lambda: archive(nuspec(), replace(Item(name=raw, content=b"x"), **fields))


def with_many(number: int, **end: int) -> Callable[[], bytes]:
    return lambda: archive(nuspec(), *[Item(name=b"c/%d" % n) for n in range(number)], **end)


def with_nuspec(content: bytes | str) -> Callable[[], bytes]:
    return lambda: archive(nuspec(content if isinstance(content, bytes) else content.encode()))


def with_metadata(elements: str) -> Callable[[], bytes]:
    return with_nuspec(f"<package><metadata>{elements}</metadata></package>")


def with_file(name: str, text: str | bytes) -> Callable[[], bytes]:
    content = text if isinstance(text, bytes) else text.encode()
    return lambda: archive(nuspec(), Item(name=name.encode(), content=content, deflated=True))


def with_entry_points(*entry_points: object) -> Callable[[], bytes]:
    return with_file("content/entry-points.json", json.dumps({"entryPoints": entry_points}))


def laughs(root: str) -> str:
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    metadata = f"<metadata><id>{root}</id><version>1.0.0</version></metadata>"
    return f'<!DOCTYPE p [<!ENTITY l0 "ha">{entities}]><package>{metadata}</package>'


def zip64_extra(unpacked: int) -> bytes:
    return struct.pack("<HHQ", 1, 8, unpacked)


def program_in_front() -> bytes:
    """An archive that is a program too: every offset counts the program's bytes."""
    item = replace(nuspec(), offset=502)
    end_of_content = 502 + len(archive(nuspec())) - len(archive()) - 46 - len(item.name)
    return archive(item, prefix=b"MZ" + bytes(500), offset=end_of_content)


ZEROS = bytes(120 * 2**20)
TRAVERSALS = {
    "parent": "../evil",
    "parent_inside": "content/../../evil",
    "parent_at_the_end": "content/..",
    "parent_after_dot": "./../evil",
    "parent_escaped": "content/%2e%2e/%2E%2E/evil",
    "parent_with_a_space": "content/.. /evil",
    "parent_with_a_third_dot": "content/.../evil",
    "absolute": "/etc/cron.d/evil",
    "absolute_escaped": "%2fetc/evil",
    "absolute_after_dot": ".//etc/evil",
    "empty_segment": "content//evil",
    "drive": "C:/evil",
    "drive_relative": "c:evil",
    "drive_inside": "content/C:/evil",
    "share": "//host/share/evil",
    "backslash": "content\\evil",
    "backslash_parent": "..\\evil",
    "backslash_escaped": "content/..%5c..%5cevil",
    "backslash_share": "\\\\host\\share\\evil",
    "nul": "content/evil.py\0.txt",
    "nul_escaped": "content/evil%00.txt",
    "newline": "content/a\nb",
    "escape_sequence": "content/\x1b[2Jevil",
    "c1_control": "content/\x85evil",
    "only_a_dot": ".",
    "only_dot_and_slash": "./",
    "too_long": "content/" + "a" * 1100,
}

HOSTILE: dict[str, Callable[[], bytes]] = {f"name_{key}": with_name(name) for key, name in TRAVERSALS.items()} | {
    "name_empty": with_name(b""),
    "name_not_utf8": with_name(b"content/\xff\xfe"),
    "name_hidden_in_extra_field": with_name(
        "content/a", extra=struct.pack("<HHBL", 0x7075, 5 + 7, 1, zlib.crc32(b"content/a")) + b"../evil"
    ),
    "name_other_in_header": with_name("content/a", local_name=b"../evil_a"),
    "name_other_of_same_length_in_header": with_name("content/a", local_name=b"content/b"),
    "link": with_name("content/link", mode=LINK),
    "link_as_nuspec": lambda: archive(replace(nuspec(), mode=LINK)),
    "fifo": with_name("content/fifo", mode=FIFO),
    "device": with_name("content/device", mode=DEVICE),
    "encrypted": with_name("content/a", flags=0x0801),
    "encrypted_strongly": with_name("content/a", flags=0x0841),
    "encrypted_in_header_only": with_name("content/a", local_flags=0x0801),
    "headers_masked": with_name("content/a", flags=0x2800),
    "method_bzip2": with_name("content/a", method=12),
    "method_lzma": with_name("content/a", method=14),
    "duplicate": lambda: archive(nuspec(), *[Item(name=b"content/a", content=b"x")] * 2),
    "duplicate_folder": lambda: archive(nuspec(), *[Item(name=b"content/")] * 2),
    "duplicate_nuspec": lambda: archive(nuspec(), nuspec()),
    "duplicate_behind_dot": lambda: archive(nuspec(), Item(name=b"content/a"), Item(name=b"./content/a")),
    "duplicate_escaped": lambda: archive(nuspec(), Item(name=b"content/a b"), Item(name=b"content/a%20b")),
    "case_clash": lambda: archive(nuspec(), Item(name=b"content/Main.py"), Item(name=b"content/main.py")),
    "case_clash_of_folders": lambda: archive(nuspec(), Item(name=b"Content/main.py"), Item(name=b"content/MAIN.py")),
    "normal_form_clash": lambda: archive(
        nuspec(), Item(name="content/é".encode()), Item(name="content/e\u0301".encode())
    ),
    "file_and_folder": lambda: archive(nuspec(), Item(name=b"content"), Item(name=b"content/a")),
    "file_and_folder_entry": lambda: archive(nuspec(), Item(name=b"content/x"), Item(name=b"content/X/")),
    "entries_100_000": with_many(100_000, count=34_464, count_here=34_464),
    "entries_20_001": with_many(20_000),
    "entries_unsaid": with_many(30_000, count=1, count_here=1),
    "entries_missing": lambda: archive(nuspec(), count=3, count_here=3),
    "entries_zip64": lambda: archive(nuspec(), count=0xFFFF, count_here=0xFFFF),
    "entries_none": archive,
    "long_names": lambda: archive(nuspec(), *[Item(name=b"a" * 900 + b"%d" % n) for n in range(19_000)]),
    "deep_names": with_name("a/" * 500),
    "bomb_by_ratio": lambda: archive(nuspec(), Item(name=b"content/zeros", content=ZEROS[: 50 * 2**20], deflated=True)),
    "bomb_as_nuspec": lambda: archive(replace(nuspec(NUSPEC + ZEROS[: 9 * 2**20]), deflated=True)),
    "bomb_behind_a_small_size": lambda: archive(
        replace(nuspec(NUSPEC + b" " * 900_000), deflated=True, unpacked_bytes=len(NUSPEC), crc=zlib.crc32(NUSPEC))
    ),
    "bomb_in_descriptor": with_file("content/package-descriptor.json", b" " * (9 * 2**20)),
    "bomb_in_entry_points": with_file("content/entry-points.json", b'{"entryPoints":[' + b" " * (9 * 2**20) + b"]}"),
    "bomb_in_project": with_file("lib/net45/project.json", b" " * (9 * 2**20)),
    "bomb_of_two_gigabytes": with_name("content/a", unpacked_bytes=2**31 + 1),
    "bomb_beside_padding": lambda: archive(
        nuspec(),
        Item(name=b"content/padding", content=ZEROS[: 2 * 2**20]),
        Item(name=b"content/zeros", content=ZEROS, deflated=True),
    ),
    "overlap_by_a_quoted_header": lambda: archive(
        Item(name=b"content/a", content=archive(Item(name=b"content/b", content=b"xyz"))[:42]),
        Item(name=b"content/b", content=b"xyz", offset=39),
        nuspec(),
    ),
    "overlap_by_a_shared_header": lambda: archive(nuspec(), replace(nuspec(), name=b"Adder.nuspeC", offset=0)),
    "overlap_by_a_long_entry": lambda: archive(
        replace(nuspec(), packed_bytes=len(NUSPEC) + 20, unpacked_bytes=len(NUSPEC) + 20), Item(name=b"content/a")
    ),
    "content_into_the_directory": with_name("content/a", packed_bytes=50, unpacked_bytes=50),
    "content_packed_larger": with_name("content/a", content=bytes(5000), method=8, unpacked_bytes=10),
    "content_sizes_differ_in_header": with_name("content/a", local_unpacked_bytes=7),
    "content_sum_wrong": lambda: archive(replace(nuspec(), crc=1)),
    "content_not_deflate": lambda: archive(replace(nuspec(), method=8)),
    "content_stored_sizes_differ": lambda: archive(replace(nuspec(), unpacked_bytes=len(NUSPEC) - 1)),
    "content_outside": with_name("content/a", offset=2**31),
    "content_zip64": with_name("content/a", unpacked_bytes=2**32 - 1, extra=zip64_extra(2**40)),
    "content_offset_zip64": with_name("content/a", offset=2**32 - 1, extra=zip64_extra(0)),
    "split": lambda: archive(nuspec(), disk=1),
    "split_entry": with_name("content/a", disk=1),
    "directory_elsewhere": lambda: archive(nuspec(), offset=7),
    "directory_too_long": lambda: archive(nuspec(), length=2**31),
    "directory_zip64": lambda: archive(nuspec(), offset=2**32 - 1),
    "program_in_front": lambda: archive(nuspec(), prefix=b"MZ" + bytes(500)),
    "program_in_front_counted": program_in_front,
    "rubbish_behind": lambda: archive(nuspec()) + b"rubbish",
    "comment_cut_off": lambda: archive(nuspec(), comment=b"abc", comment_length=9),
    "two_archives": lambda: archive(nuspec(), comment=archive(Item(name=b"Other.nuspec"))),
    "not_a_zip": lambda: b"<html>" * 100,
    "empty_file": lambda: b"",
    "cut_off": lambda: archive(nuspec(), Item(name=b"content/a", content=bytes(5000)))[:3000],
    "zip_in_zip": lambda: archive(Item(name=b"Adder.1.0.0.nupkg", content=archive(nuspec()))),
    "nuspec_missing": lambda: archive(Item(name=b"content/main.py")),
    "nuspec_in_a_folder": lambda: archive(replace(nuspec(), name=b"content/Adder.nuspec")),
    "nuspec_twice": lambda: archive(nuspec(), replace(nuspec(), name=b"Other.nuspec")),
    "nuspec_as_folder": lambda: archive(replace(nuspec(), name=b"Adder.nuspec/")),
    "nuspec_empty": with_nuspec(b""),
    "nuspec_not_xml": with_nuspec("{}"),
    "nuspec_unclosed": with_nuspec("<package><metadata>"),
    "nuspec_unknown_encoding": with_nuspec('<?xml version="1.0" encoding="evil"?><package/>'),
    "nuspec_other_root": with_nuspec("<html><metadata><id>Adder</id><version>1.0.0</version></metadata></html>"),
    "nuspec_without_metadata": with_nuspec("<package/>"),
    "nuspec_nested": with_nuspec("<a>" * 60_000 + "</a>" * 60_000),
    "xml_external_entity": with_nuspec(
        '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><package><metadata><id>&x;</id><version>1.0.0</version>'
        "</metadata></package>"
    ),
    "xml_external_document_type": with_nuspec('<!DOCTYPE p SYSTEM "http://127.0.0.1:9/x.dtd">' + NUSPEC[38:].decode()),
    "xml_parameter_entity": with_nuspec('<!DOCTYPE p [<!ENTITY % x SYSTEM "file:///etc/passwd"> %x;]><package/>'),
    "xml_billion_laughs": with_nuspec(laughs("&l9;")),
    "xml_billion_laughs_utf16": with_nuspec(laughs("&l9;").encode("utf-16")),
    "xml_quadratic": with_nuspec(f'<!DOCTYPE p [<!ENTITY a "{"a" * 50_000}">]><package>{"&a;" * 50_000}</package>'),
    "id_missing": with_metadata("<version>1.0.0</version>"),
    "id_twice": with_metadata("<id>A</id><id>B</id><version>1.0.0</version>"),
    "id_empty": with_metadata("<id> </id><version>1.0.0</version>"),
    "id_with_path": with_metadata("<id>../evil</id><version>1.0.0</version>"),
    "id_with_colon": with_metadata("<id>a:b</id><version>1.0.0</version>"),
    "id_with_quote": with_metadata("<id>a'b</id><version>1.0.0</version>"),
    "id_with_markup": with_metadata("<id>&lt;script&gt;</id><version>1.0.0</version>"),
    "id_turning_direction": with_metadata("<id>a\u202egpj</id><version>1.0.0</version>"),
    "id_of_dots": with_metadata("<id>..</id><version>1.0.0</version>"),
    "id_too_long": with_metadata(f"<id>{'a' * 101}</id><version>1.0.0</version>"),
    "version_missing": with_metadata("<id>Adder</id>"),
    "version_twice": with_metadata("<id>Adder</id><version>1.0.0</version><version>2.0.0</version>"),
    "version_no_number": with_metadata("<id>Adder</id><version>latest</version>"),
    "version_with_path": with_metadata("<id>Adder</id><version>1.0.0/../2</version>"),
    "version_of_five_parts": with_metadata("<id>Adder</id><version>1.2.3.4.5</version>"),
    "version_too_large": with_metadata("<id>Adder</id><version>1.2.2147483648</version>"),
    "version_too_long": with_metadata(f"<id>Adder</id><version>1.0.0-{'a' * 200}</version>"),
    "version_of_other_digits": with_metadata("<id>Adder</id><version>١.٢.٣</version>"),
    "json_malformed": with_file("content/operate.json", '{"main":'),
    "json_a_list": with_file("content/operate.json", "[]"),
    "json_not_utf8": with_file("content/operate.json", b'{"main":"\xff"}'),
    "json_nested": with_file("content/entry-points.json", "[" * 200_000 + "]" * 200_000),
    "json_nested_a_little": with_file("content/entry-points.json", '{"a":' + "[" * 500 + "]" * 500 + "}"),
    "json_endless_number": with_file("content/operate.json", '{"main":' + "9" * 100_000 + "}"),
    "json_infinite": with_file("content/operate.json", '{"main":1e999}'),
    "json_not_a_number": with_file("content/operate.json", '{"main":NaN}'),
    "json_nul": with_file("content/operate.json", '{"main":"a\\u0000b"}'),
    "json_half_a_character": with_file("content/operate.json", '{"main":"\\ud800"}'),
    "entry_points_no_list": with_file("content/entry-points.json", '{"entryPoints":{}}'),
    "entry_points_no_objects": with_entry_points(1),
    "entry_points_without_path": with_entry_points({"uniqueId": "x"}),
    "entry_points_path_twice": with_entry_points({"filePath": "main"}, {"filePath": "main"}),
    "entry_points_path_too_long": with_entry_points({"filePath": "a" * 2000}),
    "entry_points_too_many": with_entry_points(*[{"filePath": f"m{n}"} for n in range(1001)]),
    "arguments_too_many": with_entry_points(
        {"filePath": "main", "input": {"properties": {f"a{n}": {"$ref": "#/d"} for n in range(10_001)}}}
    ),
    "arguments_too_long": with_entry_points({"filePath": "main", "input": {"description": "a" * 300_000}}),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_400_hostile_package(name: str, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(HOSTILE[name]())
    tracemalloc.start()
    begin = time.thread_time()
    try:
        with pytest.raises(BadRequest) as refusal:
            read_package(upload, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert refusal.value.message.strip()
    assert time.thread_time() - begin < MAX_SECONDS
    assert peak < MAX_BYTES
    assert list(tmp_path.iterdir()) == [upload]


def test_variants_are_refused_for_themselves(tmp_path: Path) -> None:
    """The archive that all variants are bent from is sound."""
    upload = tmp_path / "upload"
    upload.write_bytes(
        archive(nuspec(), Item(name=b"content/a", content=b"x", mode=0o100644), comment=b"packed by hand")
    )
    assert read_package(upload, None).id == "Adder"


GREEDY: dict[str, Callable[[], bytes]] = {
    "as_many_entries_as_allowed": with_many(19_999),
    "values_that_grow_when_read": with_file("content/entry-points.json", '{"x":[' + "[]," * 690_000 + "1]}"),
    "references_to_references": with_entry_points(
        {
            "filePath": "main",
            "input": {
                "$defs": {"a": {"anyOf": [{"$ref": "#/$defs/a"}] * 10}},
                "properties": {f"a{n}": {"$ref": "#/$defs/a"} for n in range(7_000)},
            },
        }
    ),
}


@pytest.mark.parametrize("name", GREEDY)
def test_what_is_just_allowed_stays_in_the_same_bounds(name: str, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(GREEDY[name]())
    begin = time.thread_time()
    assert read_package(upload, None).id == "Adder"
    assert time.thread_time() - begin < MAX_SECONDS_TO_READ
    tracemalloc.start()
    try:
        read_package(upload, None)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < MAX_BYTES


def test_400_larger_than_the_limit_unread(tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    with upload.open("wb") as file:
        file.truncate(501 * 2**20)
    with pytest.raises(BadRequest, match="larger than 500 MB"):
        read_package(upload, None)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("name_parent", "leaves its folder"),
        ("name_absolute", "is absolute"),
        ("name_drive", "drive letter"),
        ("name_backslash", "backslash"),
        ("name_hidden_in_extra_field", "two names"),
        ("name_other_of_same_length_in_header", "differs from the directory"),
        ("link", "link or a device"),
        ("encrypted", "is encrypted"),
        ("duplicate", "twice"),
        ("case_clash", "another case"),
        ("entries_20_001", "20001 entries"),
        ("entries_unsaid", "holds more than it says"),
        ("bomb_by_ratio", "more than 100 times"),
        ("bomb_beside_padding", "'content/zeros' unpacked"),
        ("bomb_behind_a_small_size", "not what the directory says"),
        ("bomb_in_project", "larger than 2097152"),
        ("overlap_by_a_long_entry", "overlap"),
        ("content_into_the_directory", "beyond the content"),
        ("overlap_by_a_quoted_header", "overlap"),
        ("program_in_front_counted", "something in front"),
        ("two_archives", "two directories"),
        ("xml_billion_laughs", "entities"),
        ("xml_external_entity", "entities"),
        ("nuspec_twice", "2 .nuspec files"),
        ("json_nested_a_little", "nested too deeply"),
        ("json_nul", "cannot be stored"),
        ("arguments_too_many", "more than 10000 arguments"),
    ],
)
def test_400_says_the_reason(name: str, reason: str, tmp_path: Path) -> None:
    upload = tmp_path / "upload"
    upload.write_bytes(HOSTILE[name]())
    with pytest.raises(BadRequest, match=reason):
        read_package(upload, None)

"""B7: names in every script and with every trick: given back as they were sent (NFC), or refused with a 400.

Two names that are one after NFC and case folding are one name.
"""

from __future__ import annotations

import random
import unicodedata
from collections.abc import Callable
from typing import Any, NamedTuple

import pytest

from tests.builders import Given
from tests.conftest import Caller

Body = Callable[[str], dict[str, Any]]


class Field(NamedTuple):
    """A name that people give: where a thing of that name is made."""

    path: str
    member: str
    body: Body
    is_in_folder: bool
    most: int


FIELDS = (
    Field("/odata/Folders", "DisplayName", lambda n: {"DisplayName": n}, False, 100),
    Field(
        "/odata/Assets",
        "Name",
        lambda n: {"Name": n, "ValueScope": "Global", "ValueType": "Text", "StringValue": n or "v"},
        True,
        250,
    ),
    Field("/odata/QueueDefinitions", "Name", lambda n: {"Name": n}, True, 50),
    Field("/odata/Buckets", "Name", lambda n: {"Name": n}, True, 100),
    Field("/odata/Machines", "Name", lambda n: {"Name": n, "Type": "Template"}, False, 40),
    Field(
        "/odata/Roles",
        "Name",
        lambda n: {"Name": n, "DisplayName": n, "Type": "Tenant", "Permissions": []},
        False,
        64,
    ),
)

SPECIAL = (
    "plain", "Ünïcödé", "日本語の名前", "שלום עולם", "مرحبا", "Ελληνικά", "ЖЁЛТЫЙ", "नमस्ते", "ไทย", "👩‍👩‍👧‍👦", "🇩🇪", "𝒳𝓎𝓏", "e\u0301", "é",
    "a\u200bb", "a\u200db", "\u202eabc", "a\u2066b\u2069", "a\ufeffb", "Ⅻ", "ﬁ", "ß", "SS", "ẞ", "İ", "i", "I", "ı", "ǅ", "K", "\u212a",
    "Å", "\u212b", "a\tb", "a\nb", "a\rb", "a\0b", "a\x7fb", "a\x1bb",
    "\u2028", "a\u2029b", "  blank  ", "", " ", "\u00a0", ".", "..", "a/b", "a\\b",
    "a'b", 'a"b', "a;b", "a--b", "a/*b", "%00", "%2e%2e", "${jndi:x}", "{{7*7}}",
    "<b>x</b>", "a&b", "a=b", "a+b", "a?b", "a#b", "a%b", "a_b",
    "=1+1", "@x", "-x", "CON", "nul", "true", "null", "0", "-1", "1e3", "\ue000", "\uffff", "\U0010ffff", "a\u0300" * 20, "z" * 40,
)  # fmt: skip


def names(most: int) -> list[str]:
    """Two hundred names."""
    dice = random.Random(most)  # noqa: S311 - a repeatable choice, no secret
    found = [name[:most] for name in SPECIAL]
    blocks = ((0x20, 0x7F), (0xA1, 0x250), (0x370, 0x500), (0x600, 0x700), (0x3040, 0x3100), (0x1F300, 0x1F600))
    while len(found) < 200:
        low, high = dice.choice(blocks)
        found.append("".join(chr(dice.randrange(low, high)) for _ in range(dice.randint(1, 12))))
    return found


def is_well_formed(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def meant(name: str) -> str:
    """Blanks around a name are no part of it."""
    return unicodedata.normalize("NFC", name).strip()


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: str(field.path))
async def test_a_name_is_kept_or_refused(api: Caller, given: Given, field: Field) -> None:
    folder = (await given.folder("names")) if field.is_in_folder else None
    taken: dict[str, str] = {}
    kept = 0
    for name in filter(is_well_formed, names(field.most)):
        answer = await api.request("POST", field.path, field.body(name), folder=folder)
        shown = f"{field.path} {name!r}: {answer.status} {answer.text[:300]}"
        key = meant(name).casefold()
        if answer.status == 409:
            assert key in taken, shown
            continue
        if answer.status == 400:
            assert answer.json["message"], shown
            continue
        assert answer.status == 201, shown
        assert key not in taken, f"{shown}, and {taken[key]!r} is there"
        taken[key] = name
        read = await api.get(f"{field.path}({answer.json['Id']})", folder=folder)
        assert read[field.member] == meant(name), shown
        kept += 1
    assert kept >= 120


async def test_a_reference_finds_its_item_again(api: Caller, given: Given) -> None:
    """References are no names: any text is one, but for the quotation mark."""
    folder = await given.folder("references")
    await api.post("/odata/QueueDefinitions", {"Name": "q"}, folder=folder)
    for name in filter(is_well_formed, names(100)):
        body = {"itemData": {"Name": "q", "Reference": name, "SpecificContent": {"of": name, name: 1} if name else {}}}
        answer = await api.request("POST", "/odata/Queues/UiPathODataSvc.AddQueueItem", body, folder=folder)
        shown = f"{name!r}: {answer.status} {answer.text[:300]}"
        if answer.status == 400:
            assert "\0" in name or '"' in name, shown
            continue
        assert answer.status == 201, shown
        expected = unicodedata.normalize("NFC", name) or None
        assert answer.json["Reference"] == expected, shown
        assert answer.json["SpecificContent"] == body["itemData"]["SpecificContent"], shown
        if expected is not None:
            quoted = expected.replace("'", "''")
            found = await api.get("/odata/QueueItems", params={"$filter": f"Reference eq '{quoted}'"}, folder=folder)
            assert answer.json["Id"] in [row["Id"] for row in found["value"]], shown

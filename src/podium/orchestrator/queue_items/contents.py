"""What items of encrypted queues hold, sealed part by part; and answers in which it is opened."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring

PARTS = ("content", "output", "analytics")
TABLE = "orchestrator.queue_item_secrets"
MEMBERS: dict[str, str] = {"SpecificContent": "content", "Output": "output", "Analytics": "analytics"}
TEXT_MEMBERS: dict[str, str] = {"SpecificData": "content", "OutputData": "output", "AnalyticsData": "analytics"}
# Where an item's page shows a number, a sealed part belongs; a plain part is an object or the text of one.
SEALED_MEMBER = re.compile(rf'"(?:{"|".join([*MEMBERS, *TEXT_MEMBERS])})":"?\d')

SEALED_OF = """
SELECT t.item_id, t.part, t.sealed FROM orchestrator.queue_item_secrets t
 WHERE t.tenant_id = $1::int AND t.item_id = ANY($2::bigint[])
"""

Members = dict[str, msgspec.Raw]


def seal(keyring: Keyring, tenant_id: int, item_id: int, part: str, text: str) -> bytes:
    """A part of an item, JSON text of an object, as it is stored."""
    return keyring.seal(text, owner=tenant_id, table=TABLE, row=f"{item_id}/{part}", column="sealed")


def open_(keyring: Keyring, tenant_id: int, item_id: int, part: str, sealed: bytes) -> str:
    """The JSON text of a part again. Raises SecretError."""
    return keyring.open(sealed, owner=tenant_id, table=TABLE, row=f"{item_id}/{part}", column="sealed")


async def parts_of(db: Connection, keyring: Keyring, tenant_id: int, item_ids: list[int]) -> dict[tuple[int, str], str]:
    """The opened parts of these items by item and part."""
    rows = await db.fetch(SEALED_OF, tenant_id, item_ids)
    return {
        (row["item_id"], row["part"]): open_(keyring, tenant_id, row["item_id"], row["part"], row["sealed"])
        for row in rows
    }


async def open_json(db: Connection, keyring: Keyring, tenant_id: int, text: str) -> str:
    """A page or an item, as the entity writes it, with the sealed parts opened.

    Costs one search of the text when nothing in it is sealed.
    """
    if SEALED_MEMBER.search(text) is None:
        return text
    shown: Any = msgspec.json.decode(str(text), type=list[Members] if text.startswith("[") else Members)
    items: list[Members] = shown if isinstance(shown, list) else [shown]
    sealed = [
        (members, name, part, int(bytes(members[name]).strip(b'"')))
        for members in items
        for name, part in (MEMBERS | TEXT_MEMBERS).items()
        if name in members and bytes(members[name]).strip(b'"').isdigit()
    ]
    opened = await parts_of(db, keyring, tenant_id, sorted({item_id for *_, item_id in sealed}))
    for members, name, part, item_id in sealed:
        value = opened.get((item_id, part))
        if value is None:
            members[name] = msgspec.Raw(b"null")
        elif name in MEMBERS:
            members[name] = msgspec.Raw(value.encode())
        else:
            members[name] = msgspec.Raw(msgspec.json.encode(f'{{"DynamicProperties":{value}}}'))
    return msgspec.json.encode(shown).decode()

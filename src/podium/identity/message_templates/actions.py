"""The text of a mail that the server sends."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from podium.identity.message_templates import store
from podium.identity.message_templates.rules import BUILT_IN, Text, filled
from podium.identity.names import fold
from podium.kernel.db import Connection


async def mail_text(db: Connection, organization_id: UUID, template: str, values: Mapping[str, str]) -> Text:
    """Subject and body of a built-in text, as the organization has it, with its placeholders filled.

    `link` must be among the values of every text but AccountLocked. Raises KeyError for a name that is not built in and
    for a value that the text cannot do without.
    """
    built_in = BUILT_IN[template.lower()]
    for needed in built_in.needs:
        values[needed]
    row = await store.by_name(db, organization_id, fold(template))
    return filled(built_in.name, (row["value"] if row else "") or built_in.value, values)

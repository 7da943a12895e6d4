"""Posting a mail, and trying a mail server."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

import structlog

from podium.identity.mails import store
from podium.identity.mails.rules import MAX_SUBJECT_CHARACTERS, is_address, is_one_line
from podium.identity.mails.transport import NotSent, send
from podium.identity.message_templates.actions import mail_text
from podium.identity.partitions.actions import name_of
from podium.identity.settings.actions import has_smtp
from podium.identity.settings.rules import Smtp
from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest
from podium.kernel.keyring import Keyring

TABLE, COLUMN = "identity.mails", "sealed"

TRIAL_SUBJECT = "Test mail of Podium"
TRIAL_BODY = "This mail shows that the settings of the mail server are right. Nothing needs to be done.\n"

log = structlog.get_logger(__name__)


async def post(
    db: Connection,
    keyring: Keyring,
    organization_id: UUID,
    template: str,
    recipient: str,
    values: Mapping[str, str],
    now: datetime,
) -> int:
    """Queue a mail in the caller's transaction, to be sent after its commit; its id.

    `template`: a built-in text; `values` fill its placeholders: `link` where the text has one, `name` (the recipient
    where it is left out), and what else the text knows. Without a mail server the mail lies where an administrator can
    read it. Raises BadRequest for a recipient that is no address, KeyError for an unknown text or a missing value.
    """
    if not is_address(recipient):
        raise BadRequest("A mail cannot be sent: the recipient is not an e-mail address.")
    one_line = {word: " ".join(value.split()) for word, value in values.items()}  # a name must not become a paragraph
    everything = {
        "organization": await name_of(db, organization_id),
        "name": recipient,
        "recipient": recipient,
        **one_line,
    }
    text = await mail_text(db, organization_id, template, everything)
    subject = text.subject[:MAX_SUBJECT_CHARACTERS]
    if not is_one_line(subject):
        raise BadRequest("A mail cannot be sent: its subject has characters that a subject cannot have.")
    mail_id = await store.next_id(db)
    sealed = keyring.seal(text.body, owner=organization_id, table=TABLE, row=mail_id, column=COLUMN)
    is_sendable = await has_smtp(db, organization_id)
    mail = store.Mail(organization_id, mail_id, template, recipient, subject, sealed, 0)
    await store.add(db, mail, now, now if is_sendable else None)
    if not is_sendable:
        log.warning("mail.waiting", mail=mail_id, template=template, recipient=recipient)
    return mail_id


def open_body(keyring: Keyring, organization_id: UUID, mail_id: int, sealed: bytes) -> str:
    """The body of a mail; raises SecretError for one that was sealed for another row."""
    return keyring.open(sealed, owner=organization_id, table=TABLE, row=mail_id, column=COLUMN)


async def try_server(server: Smtp, recipient: str, now: datetime) -> str | None:
    """Send a test mail at once; None when the server took it, else its words as one line."""
    try:
        await send(server, recipient, TRIAL_SUBJECT, TRIAL_BODY, now)
    except NotSent as error:
        return str(error)
    return None

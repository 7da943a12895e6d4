"""Handing one mail to a mail server."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid

import aiosmtplib

from podium.identity.mails.rules import words_of
from podium.identity.settings.rules import Smtp

TIMEOUT_S = 10.0  # for every single step with the mail server


class NotSent(Exception):
    """The mail server did not take a mail; the message is its words, as one line."""


async def send(server: Smtp, recipient: str, subject: str, body: str, now: datetime) -> None:
    """Give a plain-text mail to the server, in one connection of its own. Raises NotSent for whatever goes wrong."""
    domain = server.from_address.rpartition("@")[2]
    with _told():
        message = EmailMessage()
        message["From"] = Address(server.from_name, addr_spec=server.from_address)
        message["To"] = Address(addr_spec=recipient)
        message["Subject"] = subject
        message["Date"] = format_datetime(now)
        message["Message-ID"] = make_msgid(domain=domain)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(body)
        await aiosmtplib.send(
            message,
            sender=server.from_address,
            recipients=[recipient],
            hostname=server.host,
            port=server.port,
            username=server.user_name,
            password=server.password,
            local_hostname=domain,  # the library would ask the name service for this machine's
            timeout=TIMEOUT_S,
            use_tls=server.is_implicit_tls,
            start_tls=server.is_secure and not server.is_implicit_tls,
        )


@contextmanager
def _told() -> Iterator[None]:
    try:
        yield
    except aiosmtplib.SMTPRecipientsRefused as refused:
        raise NotSent(words_of("; ".join(f"{one.code} {one.message}" for one in refused.recipients))) from None
    except aiosmtplib.SMTPResponseException as error:
        raise NotSent(words_of(f"{error.code} {error.message}")) from None
    except (aiosmtplib.SMTPException, MessageError, OSError, ssl.SSLError, ValueError) as error:
        raise NotSent(words_of(str(error)) or type(error).__name__) from None

"""The operation that tries a mail server."""

from __future__ import annotations

import asyncio
import socket
import ssl
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from typing import NamedTuple

import aiosmtplib

from podium import wire
from podium.kernel import audit
from podium.kernel.call import Call, given
from podium.kernel.errors import BadRequest, Code
from podium.kernel.keyring import Keyring
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator.outgoing import Outgoing, Refused
from podium.orchestrator.settings import actions, known
from podium.orchestrator.settings.rules import MASK

TIMEOUT_S = 10.0  # for every single step with the mail server
IMPLICIT_TLS_PORT = 465
MAX_WORDS = 500
SUBJECT = "Test mail of Podium"
BODY = "This mail shows that the mail settings of the tenant are right. Nothing needs to be done.\n"


class Server(NamedTuple):
    """A mail server to try. `user_name` blank: without signing in."""

    host: str
    port: int
    user_name: str
    password: str
    is_secure: bool
    from_address: str
    from_name: str

    def __repr__(self) -> str:
        return f"Server({self.host}:{self.port})"


# The mail server may take its time, so that no connection to the database waits meanwhile.
@operation("POST", "/odata/Settings/UiPath.Server.Configuration.OData.VerifySmtpSetting", connected=False)
async def verify_smtp_setting(call: Call, body: wire.VerifySmtpSettingRequest) -> None:
    """Send a test mail with these settings, or with the stored ones; 400 with the server's words if it does not go."""
    require_members(body)
    recipient = _checked(known.address, given(body.send_to, "").strip(), "sendTo")
    if not recipient:
        raise BadRequest("sendTo is required.", Code.PARAMETER_MISSING)
    saved = await _saved(call)
    asked = given(body.smtp_setting_model, None)
    server = saved if asked is None else _asked(asked, saved)
    if not server.host:
        raise BadRequest("smtpSettingModel.Host is required.", Code.PARAMETER_MISSING)
    failure = await _send(call, server, recipient)
    call.describe("Update", component="Settings", name=f"VerifySmtpSetting {server.host}:{server.port}"[:256])
    call.audit["detail"] = {"host": server.host, "port": server.port, "recipient": recipient, "failure": failure}
    async with call.services.db.transaction() as call.db:
        await audit.add(call)
    if failure is not None:
        raise BadRequest(f"The mail was not sent: {failure}")


async def _saved(call: Call) -> Server:
    """The mail server of the tenant's settings."""
    async with call.services.db.acquire() as db:

        async def value(name: str) -> str:
            return await actions.value(db, call.tenant_id, name)

        user = "" if await actions.switch(db, call.tenant_id, known.SMTP_DEFAULT_CREDENTIALS) else None
        return Server(
            await value(known.SMTP_HOST),
            await actions.number(db, call.tenant_id, known.SMTP_PORT),
            await value(known.SMTP_USER) if user is None else user,
            await actions.secret(db, call.port(Keyring), call.tenant_id, known.SMTP_PASSWORD),
            await actions.switch(db, call.tenant_id, known.SMTP_SSL),
            await value(known.FROM_ADDRESS),
            await value(known.FROM_NAME),
        )


def _asked(asked: wire.SmtpSettingModel, saved: Server) -> Server:
    """The server that the body names. What it leaves out is not taken from the settings, but for the password."""
    place = "smtpSettingModel"
    port = given(asked.port, 25)
    if not 1 <= port <= 65_535:
        raise BadRequest(f"{place}.Port: expected a whole number from 1 to 65535.", Code.PARAMETER_INVALID)
    server = Server(
        _checked(known.host, given(asked.host, "").strip(), f"{place}.Host"),
        port,
        _checked(known.line, given(asked.user_name, ""), f"{place}.UserName"),
        _checked(known.line, given(asked.password, ""), f"{place}.Password"),
        given(asked.enable_ssl, False),
        _checked(known.address, given(asked.default_from_address, "").strip(), f"{place}.DefaultFromAddress"),
        _checked(known.line, given(asked.default_from_display_name, ""), f"{place}.DefaultFromDisplayName"),
    )
    if given(asked.use_default_credentials, False):
        return server._replace(user_name="", password="")
    if server.password in ("", MASK):
        # the stored password is shown to nobody but the server that it is for, and never with less care
        is_same = (server.host.casefold(), server.port) == (saved.host.casefold(), saved.port)
        fits = is_same and (server.is_secure or not saved.is_secure)
        return server._replace(password=saved.password if fits else "")
    return server


def _checked(check: known.Check, text: str, place: str) -> str:
    try:
        return check(text)
    except ValueError as wrong:
        raise BadRequest(f"{place}: {wrong}.", Code.PARAMETER_INVALID) from None


async def _send(call: Call, server: Server, recipient: str) -> str | None:
    """None when the server took the mail, else its words."""
    try:
        ip = await call.port(Outgoing).resolve(server.host, server.port)
        message = _message(call, server, recipient)
        await aiosmtplib.send(
            message,
            recipients=[recipient],
            hostname=server.host,
            username=server.user_name or None,
            password=server.password or None if server.user_name else None,
            local_hostname=str(message["From"].addresses[0].domain),
            timeout=TIMEOUT_S,
            use_tls=server.is_secure and server.port == IMPLICIT_TLS_PORT,
            start_tls=server.is_secure and server.port != IMPLICIT_TLS_PORT,
            sock=await _connected(ip, server.port),
        )
    except aiosmtplib.SMTPRecipientsRefused as refused:
        return _words("; ".join(f"{one.code} {one.message}" for one in refused.recipients))
    except aiosmtplib.SMTPResponseException as error:
        return _words(f"{error.code} {error.message}")
    except TimeoutError:
        return f"No answer within {TIMEOUT_S:g} seconds."
    except Refused as refused_address:
        return str(refused_address)
    except (aiosmtplib.SMTPException, OSError, ssl.SSLError, ValueError) as error:
        return _words(str(error) or type(error).__name__)
    return None


async def _connected(ip: str, port: int) -> socket.socket:
    """A connection to this very address: the library would ask for the name once more."""
    found = socket.socket(socket.AF_INET6 if ":" in ip else socket.AF_INET, socket.SOCK_STREAM)
    try:
        found.setblocking(False)
        async with asyncio.timeout(TIMEOUT_S):
            await asyncio.get_running_loop().sock_connect(found, (ip, port))
    except BaseException:
        found.close()
        raise
    return found


def _message(call: Call, server: Server, recipient: str) -> EmailMessage:
    from_address = server.from_address or (server.user_name if "@" in server.user_name else f"podium@{server.host}")
    message = EmailMessage()
    message["From"] = Address(server.from_name or "Podium", addr_spec=from_address)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = SUBJECT
    message["Date"] = format_datetime(call.now)
    message["Message-ID"] = make_msgid(domain=from_address.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(BODY)
    return message


def _words(said: str) -> str:
    """What a server said, as one line of a length that can be shown."""
    return " ".join(said.encode("utf-8", "replace").decode().split())[:MAX_WORDS]

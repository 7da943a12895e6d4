"""Trying a mail server: a real one takes the mail, and the server is not made to call where it must not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from podium.orchestrator.outgoing import Outgoing
from tests.conftest import Node

VERIFY = "/odata/Settings/UiPath.Server.Configuration.OData.VerifySmtpSetting"
PASSWORD = "fern and moss 41"


@dataclass
class MailServer:
    """An SMTP server that keeps what it is given, and refuses everything while `refusal` is set."""

    port: int = 0
    mails: list[tuple[Envelope, Any]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refusal: str = ""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        assert isinstance(envelope.content, bytes)
        self.mails.append((envelope, message_from_bytes(envelope.content, policy=policy.default)))
        return self.refusal or "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == PASSWORD, handled=False)


@pytest.fixture
async def smtp() -> AsyncIterator[MailServer]:
    mail_server = MailServer()

    def session() -> SMTP:
        return SMTP(mail_server, authenticator=mail_server.login, auth_require_tls=False, hostname="mail.test")

    listening = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0)
    mail_server.port = listening.sockets[0].getsockname()[1]
    yield mail_server
    listening.close()
    await listening.wait_closed()


@pytest.fixture
def local(node: Node) -> Iterator[None]:
    """The operator allows loopback."""
    ports = node.composition.services.ports
    before = ports[Outgoing]
    ports[Outgoing] = Outgoing(["127.0.0.0/8"])
    yield
    ports[Outgoing] = before


def body(server: MailServer, **members: Any) -> dict[str, Any]:
    model = {"Host": "127.0.0.1", "Port": server.port, "DefaultFromAddress": "podium@acme.test", **members}
    return {"sendTo": "mora@acme.test", "smtpSettingModel": model}


async def save(api: Any, server: MailServer, **more: str) -> None:
    values = {
        "DefaultFromAddress": "podium@acme.test",
        "Smtp.Host": "127.0.0.1",
        "Smtp.Port": str(server.port),
        "Smtp.UserName": "podium",
        "Smtp.Password": PASSWORD,
        **more,
    }
    settings = [{"Name": f"Abp.Net.Mail.{name}", "Value": value} for name, value in values.items()]
    await api.post("/odata/Settings/UiPath.Server.Configuration.OData.UpdateBulk", {"settings": settings})


@pytest.mark.usefixtures("local")
class TestVerifySmtpSetting:
    async def test_200_the_mail_is_there(self, api: Any, smtp: MailServer) -> None:
        await api.post(VERIFY, body(smtp, DefaultFromDisplayName="Päivi"), expect=200)
        ((envelope, message),) = smtp.mails
        assert envelope.rcpt_tos == ["mora@acme.test"]
        assert (message["From"], message["To"]) == ("Päivi <podium@acme.test>", "mora@acme.test")

    async def test_200_with_the_stored_settings(self, api: Any, smtp: MailServer) -> None:
        await save(api, smtp)
        await api.post(VERIFY, {"sendTo": "mora@acme.test"}, expect=200)
        assert smtp.logins == [("podium", PASSWORD)]
        assert len(smtp.mails) == 1

    @pytest.mark.parametrize("password", ["", "********", None])
    async def test_200_the_stored_password_goes_to_its_server(
        self, api: Any, smtp: MailServer, password: str | None
    ) -> None:
        await save(api, smtp)
        await api.post(VERIFY, body(smtp, UserName="podium", Password=password), expect=200)
        assert smtp.logins == [("podium", PASSWORD)]

    async def test_400_the_stored_password_goes_to_no_other_server(self, api: Any, smtp: MailServer) -> None:
        await save(api, smtp, **{"Smtp.Port": "2525"})
        await api.post(VERIFY, body(smtp, UserName="podium"), expect=400)
        assert all(PASSWORD not in login for login in smtp.logins)

    async def test_400_with_the_words_of_the_server(self, api: Any, smtp: MailServer) -> None:
        smtp.refusal = "554 no mail on Sundays"
        answer = await api.post(VERIFY, body(smtp), expect=400)
        assert "no mail on Sundays" in answer["message"]

    async def test_400_when_nobody_listens(self, api: Any, smtp: MailServer) -> None:
        await api.post(VERIFY, body(smtp, Port=1), expect=400)

    async def test_400_without_a_server(self, api: Any) -> None:
        answer = await api.post(VERIFY, {"sendTo": "mora@acme.test"}, expect=400)
        assert "Host" in answer["message"]

    @pytest.mark.parametrize(
        ("members", "named"),
        [
            ({"Port": 0}, "Port"),
            ({"Host": "a b"}, "Host"),
            ({"DefaultFromAddress": "a@b\r\nBcc: c@d"}, "DefaultFromAddress"),
            ({"UserName": "a\r\nQUIT"}, "UserName"),
        ],
    )
    async def test_400_names_what_is_wrong(self, api: Any, smtp: MailServer, members: Any, named: str) -> None:
        answer = await api.post(VERIFY, body(smtp, **members), expect=400)
        assert named in answer["message"]
        assert not smtp.mails

    async def test_the_audit_has_no_password(self, api: Any, smtp: MailServer) -> None:
        await api.post(VERIFY, body(smtp, UserName="podium", Password=PASSWORD), expect=200)
        rows = await api.node.rows("SELECT to_jsonb(a)::text FROM kernel.audit a WHERE tenant_id = $1", api.tenant_id)
        assert "VerifySmtpSetting" in rows[-1][0]
        assert PASSWORD not in rows[-1][0]


class TestGuard:
    @pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "10.0.0.1", "169.254.169.254"])
    async def test_400_for_an_address_that_is_not_public(self, api: Any, smtp: MailServer, host: str) -> None:
        answer = await api.post(VERIFY, body(smtp, Host=host), expect=400)
        assert "not a public one" in answer["message"] or "cannot be resolved" in answer["message"]
        assert not smtp.mails

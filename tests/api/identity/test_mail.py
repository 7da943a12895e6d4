"""Mails: posted in a transaction, delivered to a real SMTP server on loopback, read by administrators."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest
import structlog
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from podium.identity.mails import store
from podium.identity.mails.actions import post
from podium.identity.mails.rules import WAITS
from podium.kernel.errors import BadRequest
from podium.kernel.keyring import Keyring
from tests.conftest import Caller, MovableClock, Node

BASE = "/identity_/api/podium/Mail"
LINK = "https://podium.test/identity_/web/reset?code=planted-0c4b"


@dataclass
class MailServer:
    """An SMTP server that keeps what it is given. `refusals` are answers to come, before it takes anything."""

    port: int = 0
    mails: list[tuple[Envelope, EmailMessage]] = field(default_factory=list)
    logins: list[tuple[str, str]] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    password: str | None = None

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - its name there
        if self.refusals:
            return self.refusals.pop(0)
        assert isinstance(envelope.content, bytes)
        message = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(message, EmailMessage)
        self.mails.append((envelope, message))
        return "250 OK"

    def login(self, server: SMTP, session: Session, envelope: Envelope, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=self.password is None or data.password.decode() == self.password, handled=False)


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


HOLD = """
INSERT INTO kernel.leases (name, owner, until)
VALUES ('mails.deliver', 'tests', 'infinity'), ('mails.forget', 'tests', 'infinity')
ON CONFLICT (name) DO UPDATE SET owner = excluded.owner, until = excluded.until
"""


@pytest.fixture(autouse=True)
async def _empty(node: Node) -> None:
    """No mails, no settings, and no loop but those that a test runs itself."""
    async with node.db.transaction() as connection:
        await connection.execute(HOLD)
        await connection.execute("TRUNCATE identity.settings, identity.mails")


async def use(caller: Caller, server: MailServer, **more: str) -> None:
    """Name the server in the settings of the organization."""
    settings = {"Host": "127.0.0.1", "Port": str(server.port), "FromEmail": "podium@acme.test", **more}
    body = {
        "settings": [{"key": f"Email.Smtp.{name}", "value": value} for name, value in settings.items()],
        "partitionGlobalId": str(caller.node.organization_id),
    }
    await caller.put("/identity_/api/Setting", body)


async def send(node: Node, template: str = "PasswordReset", recipient: str = "mora@acme.test", **values: str) -> int:
    async with node.db.transaction() as connection:
        keyring = node.port(Keyring)
        said = {"link": LINK, "name": "Mora", **values}
        return await post(connection, keyring, node.organization_id, template, recipient, said, node.clock())


async def row(node: Node, mail_id: int) -> Any:
    return (await node.rows("SELECT * FROM identity.mails WHERE id = $1", mail_id))[0]


class TestPost:
    async def test_without_a_mail_server_it_lies_there_and_the_log_says_so(self, node: Node) -> None:
        with structlog.testing.capture_logs() as lines:
            mail_id = await send(node)
        found = await row(node, mail_id)
        assert (found["due_at"], found["attempts"]) == (None, 0)
        waiting = [line for line in lines if line["event"] == "mail.waiting"]
        assert waiting[0]["recipient"] == "mora@acme.test"
        assert waiting[0]["template"] == "PasswordReset"
        assert "planted" not in str(lines)
        assert await node.run_loop("mails.deliver") == 0

    async def test_body_and_link_are_nowhere_in_clear(self, node: Node) -> None:
        await send(node)
        assert not await node.rows("SELECT 1 FROM identity.mails t WHERE t::text LIKE '%planted%'")

    @pytest.mark.parametrize(
        "recipient", ["", "nobody", "a@b@c.test", "a@b.test\r\nBcc: c@d.test", "a@b.test, c@d.test", "Mora <a@b.test>"]
    )
    async def test_refuses_what_is_no_single_address(self, node: Node, recipient: str) -> None:
        with pytest.raises(BadRequest):
            await send(node, recipient=recipient)
        assert not await node.rows("SELECT 1 FROM identity.mails")

    async def test_is_gone_with_the_callers_transaction(self, node: Node) -> None:
        async with node.db.acquire() as connection:
            transaction = connection.transaction()
            await transaction.start()
            await post(
                connection, node.port(Keyring), node.organization_id, "AccountLocked", "a@b.test", {}, node.clock()
            )
            await transaction.rollback()
        assert not await node.rows("SELECT 1 FROM identity.mails")

    async def test_a_text_cannot_be_posted_without_its_link(self, node: Node) -> None:
        async with node.db.transaction() as connection:
            with pytest.raises(KeyError):
                await post(
                    connection, node.port(Keyring), node.organization_id, "UserInvite", "a@b.test", {}, node.clock()
                )


class TestDelivery:
    async def test_by_the_hosts_server_where_the_organization_s_is_blank(
        self, pm: Caller, node: Node, smtp: MailServer
    ) -> None:
        host = {"Email.Smtp.Host": "127.0.0.1", "Email.Smtp.Port": str(smtp.port)}
        await pm.put("/identity_/api/Setting", {"settings": [{"key": key, "value": host[key]} for key in host]})
        body = {"settings": [{"key": "Email.Smtp.Host", "value": ""}]}
        await pm.put("/identity_/api/Setting", body | {"partitionGlobalId": str(node.organization_id)})
        await send(node)
        assert (await node.run_loop("mails.deliver"), len(smtp.mails)) == (1, 1)

    async def test_arrives_as_plain_text_and_its_body_is_dropped(
        self, pm: Caller, node: Node, smtp: MailServer
    ) -> None:
        await use(pm, smtp, FromDisplayName="Acme, Robots & Söhne")
        mail_id = await send(node, name="Mora\r\nBcc: evil@test", recipient="mora@acme.test")
        assert await node.run_loop("mails.deliver") == 1
        envelope, message = smtp.mails[0]
        assert (envelope.mail_from, envelope.rcpt_tos) == ("podium@acme.test", ["mora@acme.test"])
        assert (message["To"], message["Subject"]) == ("mora@acme.test", "Choose a new password")
        assert message["From"].addresses[0].display_name == "Acme, Robots & Söhne"
        assert message["Bcc"] is None
        text = message.get_content()
        assert LINK in text
        assert "Hello Mora Bcc: evil@test," in text
        assert "{{" not in text
        found = await row(node, mail_id)
        assert (found["sealed"], found["due_at"], found["attempts"]) == (None, None, 1)
        assert found["sent_at"] == node.clock()
        assert await node.run_loop("mails.deliver") == 0

    async def test_signs_in_with_the_stored_password(self, pm: Caller, node: Node, smtp: MailServer) -> None:
        await use(pm, smtp, UserName="u", Password="planted-77")
        await send(node)
        await node.run_loop("mails.deliver")
        assert (smtp.logins, len(smtp.mails)) == ([("u", "planted-77")], 1)

    async def test_waits_longer_after_each_failure_and_gives_up(
        self, pm: Caller, node: Node, smtp: MailServer, clock: MovableClock
    ) -> None:
        await use(pm, smtp)
        smtp.refusals = [f"451 4.3.0 try {number}" for number in range(9)]
        mail_id = await send(node)
        for number, wait in enumerate((*WAITS, None), start=1):
            assert await node.run_loop("mails.deliver") == 1
            found = await row(node, mail_id)
            assert (found["attempts"], found["sent_at"]) == (number, None)
            assert found["last_error"] == f"451 4.3.0 try {number - 1}"
            assert found["due_at"] == (None if wait is None else clock() + wait)
            if wait is not None:
                clock.forward(seconds=wait.total_seconds() - 1)
                assert await node.run_loop("mails.deliver") == 0
                clock.forward(seconds=1)
        clock.forward(days=9)
        assert await node.run_loop("mails.deliver") == 0
        assert (await pm.get(f"{BASE}/{mail_id}"))["body"].count(LINK) == 1

    async def test_arrives_after_a_failure(self, pm: Caller, node: Node, smtp: MailServer, clock: MovableClock) -> None:
        await use(pm, smtp)
        smtp.refusals = ["421 later"]
        mail_id = await send(node)
        await node.run_loop("mails.deliver")
        clock.forward(minutes=1)
        await node.run_loop("mails.deliver")
        found = await row(node, mail_id)
        assert (len(smtp.mails), found["attempts"], found["last_error"]) == (1, 2, None)

    async def test_a_server_that_is_away_or_refuses_the_recipient(
        self, pm: Caller, node: Node, smtp: MailServer
    ) -> None:
        away = MailServer(port=1)
        await use(pm, away)
        first = await send(node)
        await node.run_loop("mails.deliver")
        assert (await row(node, first))["last_error"]
        await use(pm, smtp, UserName="u", Password="wrong")
        smtp.password = "right"
        second = await send(node)
        await node.run_loop("mails.deliver")
        assert (await row(node, second))["last_error"].startswith("535")
        assert "wrong" not in (await row(node, second))["last_error"]

    async def test_a_node_that_dies_while_it_sends_tries_again_after_the_wait(
        self, pm: Caller, node: Node, smtp: MailServer, clock: MovableClock
    ) -> None:
        await use(pm, smtp)
        mail_id = await send(node)
        async with node.db.transaction() as connection:  # what is committed before the mail leaves
            taken = (await store.due(connection, clock(), 9))[0]
            await store.take(connection, taken, clock() + timedelta(minutes=1))
        assert await node.run_loop("mails.deliver") == 0
        clock.forward(minutes=1)
        await node.run_loop("mails.deliver")
        assert (len(smtp.mails), (await row(node, mail_id))["attempts"]) == (1, 2)

    async def test_lies_there_when_the_server_is_no_longer_named(
        self, pm: Caller, node: Node, smtp: MailServer
    ) -> None:
        await use(pm, smtp)
        mail_id = await send(node)
        body = {"settings": ["Email.Smtp.Host"], "partitionGlobalId": str(node.organization_id)}
        await pm.delete("/identity_/api/Setting", body)
        with structlog.testing.capture_logs() as lines:
            await node.run_loop("mails.deliver")
        assert [line["event"] for line in lines] == ["mail.waiting"]
        found = await row(node, mail_id)
        assert (found["due_at"], found["sealed"] is None) == (None, False)

    async def test_a_body_from_another_row_is_not_sent(self, pm: Caller, node: Node, smtp: MailServer) -> None:
        await use(pm, smtp)
        first, second = await send(node), await send(node)
        await node.rows(
            "UPDATE identity.mails SET sealed = (SELECT sealed FROM identity.mails WHERE id = $1) WHERE id = $2",
            first,
            second,
        )
        await node.run_loop("mails.deliver")
        assert len(smtp.mails) == 1
        assert (await row(node, second))["due_at"] is None


class TestRetention:
    async def test_nothing_goes_until_a_period_is_set(self, pm: Caller, node: Node, clock: MovableClock) -> None:
        old = await send(node)
        clock.forward(days=8)
        new = await send(node)
        assert await node.run_loop("mails.forget") == 0
        body = {"settings": [{"key": "Mail.RetentionDays", "value": "7"}]}
        await pm.put("/identity_/api/Setting", body | {"partitionGlobalId": str(node.organization_id)})
        assert await node.run_loop("mails.forget") == 1
        left = [found["id"] for found in await node.rows("SELECT id FROM identity.mails")]
        assert old not in left
        assert left == [new]


class TestListMails:
    async def test_200_newest_first_without_bodies(self, pm: Caller, node: Node) -> None:
        ids = [await send(node) for _ in range(3)]
        found = await pm.get(BASE, params={"top": 2})
        assert found["totalCount"] == 3
        assert [mail["id"] for mail in found["results"]] == ids[:0:-1]
        first = found["results"][0]
        assert (first["body"], first["recipient"], first["template"]) == (None, "mora@acme.test", "PasswordReset")
        assert set(first) == {
            "id", "template", "recipient", "subject", "body", "createdAt", "dueAt", "attempts", "sentAt", "lastError"
        }  # fmt: skip

    async def test_200_not_those_of_another_organization(self, pm: Caller, node: Node) -> None:
        mail_id = await send(node)
        _, _, admin = await node.make_organization("other")
        there = pm.bearer(node.token(admin, ["IdentityServerApi"]))
        assert await there.get(BASE) == {"totalCount": 0, "results": []}
        await there.get(f"{BASE}/{mail_id}", expect=404)

    async def test_400_for_a_page_that_is_none(self, pm: Caller) -> None:
        assert "top" in (await pm.get(BASE, params={"top": "1001"}, expect=400))["errors"]

    async def test_403_for_a_user_who_is_no_administrator(self, api: Caller) -> None:
        await api.as_role().with_scopes("PM.Setting").get(BASE, expect=403)


class TestGetMail:
    async def test_200_with_its_body_and_the_reading_is_on_record(self, pm: Caller, node: Node) -> None:
        mail_id = await send(node)
        answer = await pm.request("GET", f"{BASE}/{mail_id}")
        assert LINK in answer.json["body"]
        assert answer.headers["cache-control"] == "no-store"
        trail = await node.rows("SELECT * FROM kernel.audit WHERE action = 'Read' ORDER BY id DESC LIMIT 1")
        assert (trail[0]["entity_id"], trail[0]["component"]) == (str(mail_id), "Setting")
        assert "planted" not in str(dict(trail[0]))

    async def test_200_without_a_body_once_it_was_sent(self, pm: Caller, node: Node, smtp: MailServer) -> None:
        await use(pm, smtp)
        mail_id = await send(node)
        await node.run_loop("mails.deliver")
        found = await pm.get(f"{BASE}/{mail_id}")
        assert (found["body"], found["lastError"]) == (None, None)
        assert found["sentAt"].endswith("Z")

    async def test_400_for_text_that_is_no_number(self, pm: Caller) -> None:
        assert "mailId" in (await pm.get(f"{BASE}/abc", expect=400))["errors"]

    async def test_403_with_the_scope_to_read(self, pm: Caller, node: Node) -> None:
        mail_id = await send(node)
        await pm.with_scopes("PM.Setting.Read").get(f"{BASE}/{mail_id}", expect=403)
        await pm.with_scopes("PM.Setting.Write").get(f"{BASE}/{mail_id}", expect=200)

    async def test_404_for_one_that_does_not_exist(self, pm: Caller) -> None:
        await pm.get(f"{BASE}/9999999", expect=404)


class TestVerifySmtpSettings:
    PATH = "/identity_/api/Setting/VerifySmtpSettings"

    def body(self, server: MailServer, **more: Any) -> dict[str, Any]:
        settings = {"host": "127.0.0.1", "port": server.port, "fromAddress": "podium@acme.test", **more}
        return {"recipient": "admin@acme.test", "smtpSettings": settings}

    async def test_200_and_the_mail_arrives(self, pm: Caller, node: Node, smtp: MailServer) -> None:
        answer = await pm.request("POST", self.PATH, self.body(smtp, userName="u", password="planted-9a"))
        assert (answer.status, answer.content) == (200, b"")
        assert smtp.logins == [("u", "planted-9a")]
        assert smtp.mails[0][1]["To"] == "admin@acme.test"
        trail = await node.rows("SELECT * FROM kernel.audit WHERE action = 'Execute' ORDER BY id DESC LIMIT 1")
        assert trail[0]["component"] == "Setting"
        assert "planted" not in str(dict(trail[0]))

    async def test_200_with_the_saved_password_at_the_saved_server_only(self, pm: Caller, smtp: MailServer) -> None:
        await use(pm, smtp, UserName="u", Password="saved-1")
        await pm.post(self.PATH, self.body(smtp, userName="u"), expect=200)
        assert smtp.logins == [("u", "saved-1")]
        await use(pm, MailServer(port=26), UserName="u", Password="saved-2")
        await pm.request("POST", self.PATH, self.body(smtp, userName="u"))
        assert ("u", "saved-2") not in smtp.logins

    async def test_400_with_the_servers_words(self, pm: Caller, node: Node, smtp: MailServer) -> None:
        smtp.refusals = ["554 5.7.1 relaying\x1b denied"]
        problem = await pm.post(self.PATH, self.body(smtp), expect=400)
        assert problem["errors"] == {"smtpSettings": ["554 5.7.1 relaying denied"]}
        trail = await node.rows("SELECT detail FROM kernel.audit WHERE action = 'Execute' ORDER BY id DESC LIMIT 1")
        assert "relaying denied" in trail[0]["detail"]

    async def test_400_when_tls_is_wanted_and_not_there(self, pm: Caller, smtp: MailServer) -> None:
        problem = await pm.post(self.PATH, self.body(smtp, enableSsl=True), expect=400)
        assert "STARTTLS" in problem["errors"]["smtpSettings"][0]
        assert not smtp.mails

    async def test_400_when_nobody_listens(self, pm: Caller) -> None:
        assert "smtpSettings" in (await pm.post(self.PATH, self.body(MailServer(port=1)), expect=400))["errors"]

    @pytest.mark.parametrize(
        ("place", "more"),
        [
            ("smtpSettings.host", {"host": ""}),
            ("smtpSettings.host", {"host": "a\nb"}),
            ("smtpSettings.port", {"port": 65_536}),
            ("smtpSettings.fromAddress", {"fromAddress": "a@b.test\nBcc: c@d.test"}),
            ("smtpSettings.fromDisplayName", {"fromDisplayName": "a\nb"}),
            ("smtpSettings.userName", {"userName": "a\nb"}),
        ],
    )
    async def test_400_names_the_member(self, pm: Caller, smtp: MailServer, place: str, more: dict[str, Any]) -> None:
        assert list((await pm.post(self.PATH, self.body(smtp, **more), expect=400))["errors"]) == [place]

    async def test_400_for_a_recipient_that_is_no_address(self, pm: Caller, smtp: MailServer) -> None:
        body = self.body(smtp) | {"recipient": "a@b.test\r\nBcc: c@d.test"}
        assert list((await pm.post(self.PATH, body, expect=400))["errors"]) == ["recipient"]

    async def test_403_with_the_scope_to_read(self, pm: Caller, smtp: MailServer) -> None:
        await pm.with_scopes("PM.Setting.Read").post(self.PATH, self.body(smtp), expect=403)

    async def test_403_for_a_user_who_is_no_administrator(self, api: Caller, smtp: MailServer) -> None:
        await api.as_role().with_scopes("PM.Setting").post(self.PATH, self.body(smtp), expect=403)

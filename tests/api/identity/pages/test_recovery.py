"""Links of mails: a new password, an invitation, a confirmed address."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from podium.identity.links import actions as links
from podium.identity.settings.known import SMTP_HOST
from podium.identity.users import store as users
from tests.api.identity.pages.conftest import Forms, Visitor
from tests.api.identity.pages.persons import (
    NEW_PASSWORD,
    PASSWORD,
    link_to,
    mails_to,
    make_user,
    sessions_of,
    set_setting,
    token_in,
    trail_of,
)
from tests.conftest import Caller, Node
from tests.waiting import until_one_waits_for_a_lock

FORGOT = "/identity_/web/forgot"
LOGIN = "/identity_/web/login"
RESET = "/identity_/web/reset"
INVITATION = "/identity_/web/invitation"
CONFIRM = "/identity_/web/confirm"


async def ask(visitor: Visitor, node: Node, name: str) -> None:
    """Ask for a link, and let the server send what it sends."""
    await visitor.open(FORGOT)
    await visitor.send(200, username=name)
    await node.run_loop("recovery.send")


async def invite(pm: Caller, email: str, **facts: Any) -> Any:
    """The answer's row for one invited person."""
    answer = await pm.post("/identity_/api/User/InviteUsers", [{"email": email, **facts}])
    return answer["users"][0]


class TestForgot:
    async def test_200_the_same_page_for_everybody(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "known")
        pages = set()
        for name in ("known", "known@podium.test", "nobody", "", "x" * 5000, "%00", "İSTANBUL"):
            await visitor.open(FORGOT)
            await visitor.send(200, username=name)
            pages.add(visitor.text)
        await node.run_loop("recovery.send")
        assert len(pages) == 1
        assert "Look into your mail" in pages.pop()

    async def test_only_a_known_one_is_sent_a_mail(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "mailed")
        before = await node.rows("SELECT id FROM identity.mails")
        await ask(visitor, node, "MAILED@podium.test")
        await ask(visitor, node, "stranger")
        assert len(await node.rows("SELECT id FROM identity.mails")) == len(before) + 1
        (body,) = await mails_to(node, "mailed@podium.test")
        assert "http://podium.test/identity_/web/reset?token=" in body

    async def test_a_disabled_one_is_sent_nothing(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "gone")
        await node.rows("UPDATE identity.users SET is_active = false WHERE id = $1", user.id)
        await ask(visitor, node, "gone")
        assert await mails_to(node, "gone@podium.test") == []

    async def test_three_mails_an_hour(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "flooded")
        for _ in range(5):
            await ask(visitor, node, "flooded")
        assert len(await mails_to(node, "flooded@podium.test")) == 3
        node.clock.forward(minutes=61)
        await ask(visitor, node, "flooded")
        assert len(await mails_to(node, "flooded@podium.test")) == 4

    async def test_an_address_that_no_mail_can_have_stops_nobody_else(self, visitor: Visitor, node: Node) -> None:
        odd = await make_user(node, "odd")
        await node.rows("UPDATE identity.users SET email = 'a(b@podium.test' WHERE id = $1", odd.id)
        await make_user(node, "behind")
        await visitor.open(FORGOT)
        await visitor.send(200, username="odd")
        await visitor.open(FORGOT)
        await visitor.send(200, username="behind")
        await node.run_loop("recovery.send")
        assert len(await mails_to(node, "behind@podium.test")) == 1


class TestReset:
    async def test_a_link_is_made_while_a_password_is_being_set(self, node: Node) -> None:
        """Either would wait for the other if both held what the other needs: the user's row and his links."""
        user = await make_user(node, "both-at-once")
        async with node.db.transaction() as setting, node.db.transaction() as asking, asyncio.timeout(10):
            assert await users.lock(setting, user.organization_id, user.id)
            await links.create(asking, user.organization_id, "reset", user.id, node.clock())

    async def test_200_a_new_password_and_every_session_ends(
        self, visitor: Visitor, other_visitor: Visitor, node: Node
    ) -> None:
        user = await make_user(node, "forgetful")
        await other_visitor.sign_in("forgetful", PASSWORD)
        await ask(visitor, node, "forgetful")
        await visitor.open(await link_to(node, "forgetful@podium.test"))
        await visitor.send(200, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert "Your password is changed" in visitor.text
        assert await sessions_of(node, user.id) == []
        assert visitor.cookie("podium") is None
        assert ("User", "PasswordChange") in await trail_of(node, user.id)
        await other_visitor.open("/identity_/web/account", 303)
        assert (await visitor.sign_in("forgetful", NEW_PASSWORD)).endswith("/web/account")

    async def test_400_for_a_link_that_was_used(self, visitor: Visitor, node: Node) -> None:
        link = await self._link(visitor, node, "twice")
        await visitor.open(link)
        await visitor.send(200, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        await visitor.open(link, 400)
        assert "This link does not work any more" in visitor.text

    async def test_of_many_at_once_one_is_taken(self, visitor: Visitor, node: Node) -> None:
        link = await self._link(visitor, node, "racing")
        await visitor.open(link)
        csrf = Forms(visitor.text).found[0][1]["csrf"]
        words = [f"racing for place {number} of them" for number in range(5)]
        forms = [{"csrf": csrf, "token": token_in(link), "new_password": word, "repeated": word} for word in words]
        answers = await asyncio.gather(*(visitor.http.post(RESET, data=form) for form in forms))
        assert sorted(answer.status_code for answer in answers) == [200, 400, 400, 400, 400]
        won = next(word for word, answer in zip(words, answers, strict=True) if answer.status_code == 200)
        assert (await visitor.sign_in("racing", won)).endswith("/web/account")

    async def test_400_for_a_link_that_is_too_old(self, visitor: Visitor, node: Node) -> None:
        link = await self._link(visitor, node, "late")
        await visitor.open(link)
        node.clock.forward(minutes=60)
        await visitor.send(400, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert "This link does not work any more" in visitor.text
        await visitor.open(link, 400)

    async def test_a_new_link_ends_the_one_before(self, visitor: Visitor, node: Node) -> None:
        first = await self._link(visitor, node, "patient")
        await ask(visitor, node, "patient")
        await visitor.open(first, 400)
        await visitor.open(await link_to(node, "patient@podium.test"))

    async def test_a_password_that_was_changed_meanwhile_ends_the_link(
        self, visitor: Visitor, node: Node, pm: Caller
    ) -> None:
        link = await self._link(visitor, node, "helped")
        (row,) = await node.rows("SELECT id FROM identity.users WHERE user_name = 'helped'")
        await pm.put(f"/identity_/api/User/{row['id']}", {"password": NEW_PASSWORD})
        await visitor.open(link, 400)

    async def test_an_address_that_was_changed_meanwhile_ends_the_link(
        self, visitor: Visitor, node: Node, pm: Caller
    ) -> None:
        link = await self._link(visitor, node, "moved")
        (row,) = await node.rows("SELECT id FROM identity.users WHERE user_name = 'moved'")
        await pm.put(f"/identity_/api/User/{row['id']}", {"email": "new.home@podium.test"})
        await visitor.open(link, 400)

    @pytest.mark.parametrize(
        ("new", "repeated", "words"),
        [
            ("short1", "short1", "at least 8 characters"),
            (NEW_PASSWORD, "something else", "are not the same"),
            ("password1", "password1", "guessed first"),
            (PASSWORD, PASSWORD, "You had this password before"),
        ],
    )
    async def test_400_for_a_bad_password_and_the_link_holds_on(
        self, visitor: Visitor, node: Node, new: str, repeated: str, words: str
    ) -> None:
        link = await self._link(visitor, node, f"picky{len(words)}")
        await visitor.open(link)
        await visitor.send(400, new_password=new, repeated=repeated)
        assert words in visitor.text
        assert visitor.text.count("problem") >= 3  # both fields name the text that is about them
        await visitor.send(200, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)

    async def test_400_for_a_link_of_another_purpose(self, visitor: Visitor, node: Node, pm: Caller) -> None:
        await invite(pm, "purpose@podium.test")
        token = token_in(await link_to(node, "purpose@podium.test"))
        await visitor.open(f"{RESET}?token={token}", 400)
        await visitor.open(f"{CONFIRM}?token={token}", 400)

    @pytest.mark.parametrize("token", ["", "x", "A" * 64, "%00" * 64, "é" * 64, "." * 10_000])
    async def test_400_for_text_that_is_no_link(self, visitor: Visitor, token: str) -> None:
        for page in (RESET, INVITATION, CONFIRM):
            await visitor.open(f"{page}?token={token}", 400)
            assert "does not work any more" in visitor.text

    async def test_the_address_is_not_told_to_other_sites(self, visitor: Visitor, node: Node) -> None:
        await visitor.open(await self._link(visitor, node, "discreet"))
        assert visitor.answer.headers["referrer-policy"] == "same-origin"
        assert visitor.answer.headers["cache-control"] == "no-store"

    async def test_links_are_forgotten_a_month_later(self, visitor: Visitor, node: Node) -> None:
        await self._link(visitor, node, "bygone")
        sql = "SELECT 1 FROM identity.links l JOIN identity.users u ON u.id = l.user_id WHERE u.user_name = 'bygone'"
        node.clock.forward(days=29)
        await node.run_loop("links.forget")
        assert len(await node.rows(sql)) == 1
        node.clock.forward(days=2)
        await node.run_loop("links.forget")
        assert await node.rows(sql) == []

    async def test_the_database_does_not_know_the_link(self, visitor: Visitor, node: Node) -> None:
        token = token_in(await self._link(visitor, node, "stored"))
        for table in ("identity.links", "identity.mails", "kernel.audit", "identity.reset_requests"):
            assert await node.rows(f"SELECT 1 FROM {table} t WHERE strpos(t::text, $1) > 0", token) == []

    async def _link(self, visitor: Visitor, node: Node, name: str) -> str:
        await make_user(node, name)
        await ask(visitor, node, name)
        return await link_to(node, f"{name}@podium.test")


class TestInvitation:
    async def test_303_to_the_sign_in_with_a_name_and_a_password(
        self, visitor: Visitor, node: Node, pm: Caller
    ) -> None:
        row = await invite(pm, "welcome@podium.test", name="Wel", surname="Come")
        await visitor.open(await link_to(node, "welcome@podium.test"))
        assert 'value="Wel"' in visitor.text
        await visitor.send(303, last_name="Come-In", new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert visitor.location == LOGIN
        shown = await pm.get(f"/identity_/api/User/{row['id']}")
        assert (shown["name"], shown["surname"]) == ("Wel", "Come-In")
        assert (shown["invitationAccepted"], shown["emailConfirmed"]) == (True, True)
        assert (await visitor.sign_in("welcome@podium.test", NEW_PASSWORD)).endswith("/web/account")

    async def test_303_to_where_the_invitation_leads(self, visitor: Visitor, node: Node, pm: Caller) -> None:
        await node.make_client(node.organization_id, ["OR.Jobs"], redirect_uris=("https://app.test/back",))
        for number, url in enumerate(("https://app.test/hello?x=1", "http://podium.test/somewhere")):
            await invite(pm, f"led{number}@podium.test", redirectUrl=url)
            await visitor.open(await link_to(node, f"led{number}@podium.test"))
            if url.startswith("https://app.test"):
                assert "form-action 'self' https://app.test;" in visitor.answer.headers["content-security-policy"]
            await visitor.send(303, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
            assert visitor.location == url

    async def test_303_to_the_sign_in_when_the_application_is_gone(
        self, visitor: Visitor, node: Node, pm: Caller
    ) -> None:
        client = await node.make_client(node.organization_id, ["OR.Jobs"], redirect_uris=("https://brief.test/back",))
        await invite(pm, "brief@podium.test", redirectUrl="https://brief.test/hello")
        await node.rows("DELETE FROM identity.clients WHERE client_id = $1", client.client_id)
        node.clock.forward(seconds=10)
        await visitor.open(await link_to(node, "brief@podium.test"))
        await visitor.send(303, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert visitor.location == LOGIN

    async def test_400_for_a_bad_password_with_the_names_kept(self, visitor: Visitor, node: Node, pm: Caller) -> None:
        await invite(pm, "sloppy@podium.test")
        await visitor.open(await link_to(node, "sloppy@podium.test"))
        await visitor.send(400, first_name="Slo", new_password="short1", repeated="short1")
        assert 'value="Slo"' in visitor.text
        await visitor.send(303, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)

    async def test_400_after_seven_days(self, visitor: Visitor, node: Node, pm: Caller) -> None:
        await invite(pm, "slow@podium.test")
        link = await link_to(node, "slow@podium.test")
        node.clock.forward(days=6, hours=23)
        await visitor.open(link)
        node.clock.forward(hours=1)
        await visitor.open(link, 400)

    async def test_400_once_it_was_accepted(self, visitor: Visitor, node: Node, pm: Caller) -> None:
        await invite(pm, "done@podium.test")
        link = await link_to(node, "done@podium.test")
        await visitor.open(link)
        await visitor.send(303, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        await visitor.open(link, 400)

    async def test_400_for_somebody_who_was_disabled_or_deleted(self, visitor: Visitor, node: Node, pm: Caller) -> None:
        row = await invite(pm, "unwanted@podium.test")
        link = await link_to(node, "unwanted@podium.test")
        await pm.put(f"/identity_/api/User/{row['id']}", {"isActive": False})
        await visitor.open(link, 400)
        await pm.put(f"/identity_/api/User/{row['id']}", {"isActive": True})
        await visitor.open(link)
        await pm.delete(f"/identity_/api/User/{row['id']}")
        await visitor.send(400, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)


class TestConfirm:
    async def test_200_by_the_link_of_the_new_address(self, visitor: Visitor, node: Node, pm: Caller) -> None:
        user = await make_user(node, "renamed")
        there = f"/identity_/api/User/{user.id}"
        await set_setting(node, SMTP_HOST, "mail.podium.test")
        await pm.put(there, {"email": "first@podium.test"})
        outdated = await link_to(node, "first@podium.test")
        await pm.put(there, {"email": "second@podium.test"})
        assert (await pm.get(there))["emailConfirmed"] is False
        await visitor.open(outdated, 400)
        link = await link_to(node, "second@podium.test")
        await visitor.open(link)
        assert (await pm.get(there))["emailConfirmed"] is False
        await visitor.send(200)
        assert "Your e-mail address is confirmed" in visitor.text
        assert (await pm.get(there))["emailConfirmed"] is True
        await visitor.open(link, 400)
        await node.rows("DELETE FROM identity.settings WHERE key = $1", SMTP_HOST)

    async def test_400_when_the_user_is_changed_at_the_same_moment(
        self, visitor: Visitor, node: Node, pm: Caller
    ) -> None:
        """Who changes a user ends his links after it: the confirmation waits for the row before it takes the link."""
        user = await make_user(node, "at-once")
        await set_setting(node, SMTP_HOST, "mail.podium.test")
        await pm.put(f"/identity_/api/User/{user.id}", {"email": "at.once@podium.test"})
        await visitor.open(await link_to(node, "at.once@podium.test"))
        async with node.db.transaction() as changing:
            await users.lock(changing, user.organization_id, user.id)
            sent = asyncio.create_task(visitor.send(400))
            await until_one_waits_for_a_lock(node.db)
            await links.end(changing, user.organization_id, user.id, ("confirmation",), node.clock())
        await sent
        await node.rows("DELETE FROM identity.settings WHERE key = $1", SMTP_HOST)

    async def test_without_a_mail_server_an_address_is_believed(self, node: Node, pm: Caller) -> None:
        user = await make_user(node, "believed")
        await pm.put(f"/identity_/api/User/{user.id}", {"email": "as.told@podium.test"})
        assert (await pm.get(f"/identity_/api/User/{user.id}"))["emailConfirmed"] is True
        assert await mails_to(node, "as.told@podium.test") == []

"""A person's own pages: authenticator, recovery codes, passkeys, sessions, password, applications."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from podium.identity.issuer import Issuer
from podium.identity.tokens import actions as tokens
from podium.identity.tokens.rules import agreement
from tests.api.identity.pages.conftest import Forms, Visitor
from tests.api.identity.pages.persons import (
    NEW_PASSWORD,
    PASSWORD,
    code_of,
    codes_on,
    make_user,
    secret_on,
    sessions_of,
    trail_of,
)
from tests.api.identity.pages.test_sign_in import ASKED
from tests.conftest import Caller, Node

ACCOUNT = "/identity_/web/account"
AUTHENTICATOR = f"{ACCOUNT}/authenticator"
RECOVERY_CODES = f"{ACCOUNT}/recovery-codes"
PASSKEYS = f"{ACCOUNT}/passkeys"
SESSIONS = f"{ACCOUNT}/sessions"
OWN_PASSWORD = f"{ACCOUNT}/password"
APPLICATIONS = f"{ACCOUNT}/applications"
LOGIN = "/identity_/web/login"
EVERY = (ACCOUNT, AUTHENTICATOR, RECOVERY_CODES, PASSKEYS, SESSIONS, OWN_PASSWORD, APPLICATIONS)
GUARDED = (AUTHENTICATOR, RECOVERY_CODES, PASSKEYS)


class TestEveryPage:
    @pytest.mark.parametrize("path", EVERY)
    async def test_303_to_the_sign_in_and_back(self, visitor: Visitor, path: str) -> None:
        await visitor.open(path, 303)
        assert visitor.location == f"{LOGIN}?returnUrl={quote(path, safe='')}"
        await visitor.open(visitor.location)
        await visitor.send(303, username="admin", password="correct horse 7 battery")
        assert visitor.location == path
        await visitor.open(path)

    @pytest.mark.parametrize("path", GUARDED)
    async def test_303_to_the_sign_in_when_that_was_a_while_ago(self, visitor: Visitor, node: Node, path: str) -> None:
        await visitor.sign_in()
        node.clock.forward(minutes=9)
        await visitor.open(path)
        node.clock.forward(minutes=2)
        if path != RECOVERY_CODES:
            await visitor.send(303)
            assert visitor.location.startswith(LOGIN)
        await visitor.open(path, 303)
        assert visitor.location == f"{LOGIN}?returnUrl={quote(path, safe='')}"
        await visitor.open(ACCOUNT)

    @pytest.mark.parametrize("path", [*EVERY[1:], "/identity_/web/second-factor", "/identity_/web/password"])
    async def test_400_for_a_form_without_its_hidden_field(self, visitor: Visitor, path: str) -> None:
        await visitor.sign_in()
        answer = await visitor.http.post(path, data={"decision": "remove"})
        assert answer.status_code == 400
        assert "out of date" in answer.text or "Cookies are needed" in answer.text


class TestAuthenticator:
    async def test_set_up_and_removed(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "enrolling")
        await visitor.sign_in("enrolling", PASSWORD)
        await visitor.open(AUTHENTICATOR)
        assert 'src="data:image/svg+xml' in visitor.text
        await visitor.send(400, code="000000")
        await visitor.send(303, code=code_of(secret_on(visitor.text), node.clock()))
        assert visitor.location == RECOVERY_CODES
        await visitor.open(AUTHENTICATOR)
        assert "An authenticator is set up" in visitor.text
        await visitor.send(303, decision="remove")
        await visitor.open(AUTHENTICATOR)
        assert secret_on(visitor.text)
        assert [one for one in await trail_of(node, user.id) if one == ("User", "Update")] == [("User", "Update")] * 2

    async def test_429_after_ten_wrong_codes(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "fumbling")
        await visitor.sign_in("fumbling", PASSWORD)
        await visitor.open(AUTHENTICATOR)
        for _ in range(10):
            await visitor.send(400, code="000000")
        await visitor.send(429, code=code_of(secret_on(visitor.text), node.clock()))

    async def test_a_second_one_is_not_taken(self, visitor: Visitor, other_visitor: Visitor, node: Node) -> None:
        await make_user(node, "doubled")
        for one in (visitor, other_visitor):
            await one.sign_in("doubled", PASSWORD)
            await one.open(AUTHENTICATOR)
        await visitor.send(303, code=code_of(secret_on(visitor.text), node.clock()))
        await other_visitor.send(400, code=code_of(secret_on(other_visitor.text), node.clock()))
        assert "An authenticator is set up" in other_visitor.text


class TestRecoveryCodes:
    async def test_shown_once_and_replaced(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "provident")
        await visitor.sign_in("provident", PASSWORD)
        await visitor.open(RECOVERY_CODES)
        assert Forms(visitor.text).found == []
        await visitor.open(AUTHENTICATOR)
        await visitor.send(303, code=code_of(secret_on(visitor.text), node.clock()))
        await visitor.open(RECOVERY_CODES)
        await visitor.send(200)
        first = codes_on(visitor.text)
        assert len(set(first)) == 10
        await visitor.open(RECOVERY_CODES)
        assert "Codes left: 10" in visitor.text
        assert codes_on(visitor.text) == []
        await visitor.send(200)
        assert not set(first) & set(codes_on(visitor.text))
        rows = await node.rows("SELECT code_hash FROM identity.recovery_codes WHERE user_id = $1", user.id)
        assert len(rows) == 10

    async def test_none_for_an_account_without_a_second_factor(self, visitor: Visitor, node: Node) -> None:
        await make_user(node, "bare")
        await visitor.sign_in("bare", PASSWORD)
        await visitor.open(OWN_PASSWORD)
        csrf = Forms(visitor.text).found[0][1]["csrf"]
        answer = await visitor.http.post(RECOVERY_CODES, data={"csrf": csrf})
        assert answer.status_code == 200
        assert codes_on(answer.text) == []

    async def test_the_way_on_is_a_page_of_ours(self, visitor: Visitor) -> None:
        await visitor.sign_in()
        await visitor.open(f"{RECOVERY_CODES}?returnUrl=https%3A%2F%2Fevil.test%2F")
        assert "evil.test" not in visitor.text


class TestPasskeys:
    @pytest.mark.parametrize("credential", ["", "{}", "[]", '{"rawId":"eHg","type":"public-key"}', "\\", "[" * 9000])
    async def test_400_with_text_that_is_no_passkey(self, visitor: Visitor, node: Node, credential: str) -> None:
        await visitor.sign_in()
        await visitor.open(PASSKEYS)
        await visitor.send(400, credential=credential, name="mine")
        assert "The passkey was not added" in visitor.text
        assert await node.rows("SELECT 1 FROM identity.passkeys") == []

    async def test_303_for_one_that_is_somebody_else_s(self, visitor: Visitor, node: Node) -> None:
        other = await make_user(node, "owner")
        await node.rows(
            "INSERT INTO identity.passkeys (organization_id, id, user_id, credential_id, public_key, sign_count, name,"
            " created_at) VALUES ($1, $2, $2, 'x', 'y', 0, 'theirs', now())",
            node.organization_id,
            other.id,
        )
        await visitor.sign_in()
        await visitor.open(PASSKEYS)
        assert "theirs" not in visitor.text
        for text in (str(other.id), "x", "\x7f"):
            await visitor.open(PASSKEYS)
            await visitor.send(303, remove=text)
        assert len(await node.rows("SELECT 1 FROM identity.passkeys")) == 1
        await node.rows("DELETE FROM identity.passkeys")


class TestSessions:
    async def test_one_other_is_ended(self, visitor: Visitor, other_visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "two.places")
        await other_visitor.sign_in("two.places", PASSWORD)
        await visitor.sign_in("two.places", PASSWORD)
        there, here = await sessions_of(node, user.id)
        await visitor.open(SESSIONS)
        await visitor.send(303, session=str(there))
        assert await sessions_of(node, user.id) == [here]
        await other_visitor.open(ACCOUNT, 303)
        await visitor.open(ACCOUNT)
        assert ("Authentication", "UserLogout") in await trail_of(node, user.id)

    async def test_all_others_are_ended_and_this_one_stays(
        self, visitor: Visitor, other_visitor: Visitor, node: Node
    ) -> None:
        user = await make_user(node, "everywhere")
        for _ in range(2):
            other_visitor.http.cookies.clear()
            await other_visitor.sign_in("everywhere", PASSWORD)
        await visitor.sign_in("everywhere", PASSWORD)
        here = (await sessions_of(node, user.id))[-1]
        await visitor.open(SESSIONS)
        await visitor.send(303, decision="others", session=None)
        assert await sessions_of(node, user.id) == [here]

    async def test_a_stranger_s_session_is_left_alone(
        self, visitor: Visitor, other_visitor: Visitor, node: Node
    ) -> None:
        await make_user(node, "nosy")
        stranger = await make_user(node, "stranger")
        await other_visitor.sign_in("stranger", PASSWORD)
        await visitor.sign_in("nosy", PASSWORD)
        (theirs,) = await sessions_of(node, stranger.id)
        await visitor.open(OWN_PASSWORD)
        csrf = Forms(visitor.text).found[0][1]["csrf"]
        answer = await visitor.http.post(SESSIONS, data={"csrf": csrf, "session": str(theirs)})
        assert answer.status_code == 303
        assert await sessions_of(node, stranger.id) == [theirs]


class TestPassword:
    async def test_changed_and_other_sessions_end(self, visitor: Visitor, other_visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "changing")
        await other_visitor.sign_in("changing", PASSWORD)
        await visitor.sign_in("changing", PASSWORD)
        await visitor.open(OWN_PASSWORD)
        await visitor.send(200, old_password=PASSWORD, new_password=NEW_PASSWORD, repeated=NEW_PASSWORD)
        assert "Your password is changed" in visitor.text
        await visitor.open(ACCOUNT)
        await other_visitor.open(ACCOUNT, 303)
        assert ("User", "PasswordChange") in await trail_of(node, user.id)

    @pytest.mark.parametrize(
        ("old", "new", "repeated", "words"),
        [
            ("not it", NEW_PASSWORD, NEW_PASSWORD, "This is not your present password."),
            (PASSWORD, "short1", "short1", "at least 8 characters"),
            (PASSWORD, NEW_PASSWORD, "other", "are not the same"),
        ],
    )
    async def test_400_told_at_the_field(
        self, visitor: Visitor, other_visitor: Visitor, node: Node, old: str, new: str, repeated: str, words: str
    ) -> None:
        name = f"trying{len(words)}"
        await make_user(node, name)
        await visitor.sign_in(name, PASSWORD)
        await visitor.open(OWN_PASSWORD)
        await visitor.send(400, old_password=old, new_password=new, repeated=repeated)
        assert words in visitor.text
        assert 'aria-invalid="true"' in visitor.text
        assert old not in visitor.text
        assert await other_visitor.sign_in(name, PASSWORD) == ACCOUNT


class TestApplications:
    async def test_withdrawn_with_its_tokens(self, visitor: Visitor, node: Node, api: Caller) -> None:
        user = await make_user(node, "generous")
        client = await node.make_client(node.organization_id, [], name="Snooper <b>", user_scopes=("OR.Jobs.Read",))
        other = await node.make_client(node.organization_id, [], name="Trusted")
        found = await node.user(user.id)
        for one in (client, other):
            await node.rows(
                "INSERT INTO identity.consents (organization_id, user_id, client_id, scopes, granted_at)"
                " VALUES ($1, $2, $3, '{openid,OR.Jobs.Read}', $4)",
                node.organization_id,
                user.id,
                one.client_id,
                node.clock(),
            )
        issuer, now = node.port(Issuer), node.clock()
        async with node.db.transaction() as db:
            refresh = await tokens.start_family(
                db, node.organization_id, client.client_id, user.id, ["OR.Jobs.Read"], now
            )
        taken, kept = (
            issuer.issue_user_token(found, one.client_id, ["OrchestratorApiUserAccess", "openid"], now)
            for one in (client, other)
        )
        await visitor.sign_in("generous", PASSWORD)
        await visitor.open(ACCOUNT)
        await visitor.open(APPLICATIONS)
        assert "Snooper &lt;b&gt;" in visitor.text
        assert "View jobs" in visitor.text
        userinfo = "/identity_/connect/userinfo"
        assert (await api.bearer(taken).request("GET", userinfo)).status == 200
        await visitor.send(303, application=client.client_id)
        await visitor.open(APPLICATIONS)
        assert "Snooper" not in visitor.text
        assert "Trusted" in visitor.text
        assert (await api.bearer(taken).request("GET", userinfo)).status == 401
        assert (await api.bearer(kept).request("GET", userinfo)).status == 200
        async with node.db.transaction() as db:
            assert (await tokens.renew(db, refresh, client.client_id, now)).token is None
            known = await tokens.revocations(db, node.clock())
        assert ("agreement", agreement(user.id, client.client_id)) in known
        assert ("Authentication", "Revoke") in await trail_of(node, user.id)
        node.clock.forward(seconds=1)
        again = issuer.issue_user_token(found, client.client_id, ["openid"], node.clock())
        assert (await api.bearer(again).request("GET", userinfo)).status == 200

    async def test_a_code_that_was_not_redeemed_is_worth_nothing(self, visitor: Visitor, node: Node) -> None:
        user = await make_user(node, "quick")
        await node.rows(
            "INSERT INTO identity.authorization_codes (organization_id, code_hash, client_id, redirect_uri, user_id,"
            " session_id, scopes, methods, authenticated_at, created_at, expires_at)"
            " VALUES ($1, sha256('x'), $2, 'x', $3, $3, '{}', '{}', now(), now(), now())",
            node.organization_id,
            ASKED["client_id"],
            user.id,
        )
        await node.rows(
            "INSERT INTO identity.consents VALUES ($1, $2, $3, '{openid}', now())",
            node.organization_id,
            user.id,
            ASKED["client_id"],
        )
        await visitor.sign_in("quick", PASSWORD)
        await visitor.open(APPLICATIONS)
        await visitor.send(303, application="unknown")
        assert len(await node.rows("SELECT 1 FROM identity.authorization_codes WHERE user_id = $1", user.id)) == 1
        await visitor.open(APPLICATIONS)
        await visitor.send(303)
        assert await node.rows("SELECT 1 FROM identity.authorization_codes WHERE user_id = $1", user.id) == []

"""`podium mail` against a server on real sockets."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.cli.conftest import Podium, Wire

PATH = "/default/identity_/api/podium/Mail"
MAIL: dict[str, Any] = {
    "id": 7,
    "template": "PasswordReset",
    "recipient": "mora@acme.test",
    "subject": "Choose a new password",
    "body": None,
    "createdAt": "2031-05-06T07:08:00Z",
    "dueAt": None,
    "attempts": 0,
    "sentAt": None,
    "lastError": None,
}


class TestList:
    def test_0_and_a_line_for_each_with_its_state(self, wire: Wire, podium: Podium) -> None:
        mails = [
            MAIL,
            MAIL | {"id": 6, "dueAt": "2031-05-06T07:09:00Z", "attempts": 1, "lastError": "421 later"},
            MAIL | {"id": 5, "attempts": 5, "lastError": "550 no"},
            MAIL | {"id": 4, "attempts": 1, "sentAt": "2031-05-06T07:08:01Z"},
        ]
        wire.answers["GET", PATH] = (200, {"totalCount": 4, "results": mails})
        ended = podium("mail", "list", "-n", "20")
        assert ended.status == 0
        assert [line.split()[1] for line in ended.out.splitlines()[1:]] == ["Waiting", "Pending", "Given", "Sent"]
        assert wire.asked[-1].query == {"top": "20"}

    def test_0_and_the_rows_as_json(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", PATH] = (200, {"totalCount": 1, "results": [MAIL]})
        assert json.loads(podium("mail", "list", "-o", "json").out) == [MAIL]

    def test_1_says_what_a_user_s_sign_in_lacks(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", PATH] = (403, b"")
        ended = podium("mail", "list")
        assert ended.status == 1
        assert "PM.Setting" in ended.err
        assert "PODIUM_CLIENT_ID" in ended.err
        assert ended.err.count("\n") == 1

    def test_4_with_a_token_that_does_not_hold(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", PATH] = (401, b"")
        assert podium("mail", "list").status == 4

    def test_uses_the_application_of_the_environment(
        self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PODIUM_TOKEN")
        monkeypatch.setenv("PODIUM_CLIENT_ID", "app")
        monkeypatch.setenv("PODIUM_CLIENT_SECRET", "s3cret")
        wire.answers["POST", "/identity_/connect/token"] = (200, {"access_token": "from-the-application"})
        wire.answers["GET", PATH] = (200, {"totalCount": 0, "results": []})
        assert podium("mail", "list").err == "No mails.\n"
        assert wire.asked[-1].headers["authorization"] == "Bearer from-the-application"


class TestShow:
    def test_0_with_the_text_and_nothing_that_moves_the_cursor(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", f"{PATH}/7"] = (200, MAIL | {"body": "Hello,\n\nhttps://x.test/\x1b[2J\n"})
        ended = podium("mail", "show", "7")
        assert ended.status == 0
        assert ended.out.endswith("\nHello,\n\nhttps://x.test/\N{REPLACEMENT CHARACTER}[2J\n")
        assert "mora@acme.test" in ended.out

    def test_0_says_that_the_text_is_no_longer_kept(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", f"{PATH}/7"] = (200, MAIL | {"sentAt": "2031-05-06T07:08:01Z"})
        assert podium("mail", "show", "7").err == "The text is no longer kept.\n"

    def test_1_for_a_mail_that_does_not_exist(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", f"{PATH}/8"] = (404, {"title": "Not Found", "status": 404})
        ended = podium("mail", "show", "8")
        assert (ended.status, "Not Found" in ended.err) == (1, True)

    def test_2_for_an_id_that_is_no_number(self, wire: Wire, podium: Podium) -> None:
        assert podium("mail", "show", "x").status == 2

"""Commands against a server on real sockets: what they ask, what they print, how they end."""

from __future__ import annotations

import json
import os
import re
import socket
import sys
import zipfile
from io import BytesIO
from pathlib import Path

import pytest

from podium.cli.client import folder_headers
from podium.cli.connection import Settings
from podium.cli.output import printable
from podium.cli.robot import tenant_url
from podium.cli.server import server_command
from tests.unit.cli.conftest import JOB_KEY, TOKEN, Ended, Podium, Wire, job

LIST_JOBS = ("jobs", "list")


class TestHelp:
    def test_every_command_is_named(self, podium: Podium) -> None:
        ended = podium("--help")
        assert ended.status == 0
        for name in ("demo", "up", "serve", "pack", "publish", "start", "jobs", "login", "robot", "machines"):
            assert re.search(rf"│ {name} ", ended.out)

    def test_version_is_one_line(self, podium: Podium) -> None:
        assert re.fullmatch(r"podium \d+\.\d+\.\d+\n", podium("--version").out)


class TestExitStatus:
    def test_0_and_a_table_of_plain_lines(self, wire: Wire, podium: Podium) -> None:
        ended = podium(*LIST_JOBS)
        assert ended.status == 0
        heading, row = ended.out.splitlines()
        assert heading.split() == ["Id", "Process", "State", "Folder", "Created", "Ended", "Host"]
        assert row.split()[:4] == ["42", "invoice_total", "Running", "-"]
        assert "\x1b" not in ended.out

    def test_0_and_the_rows_of_the_server_as_json(self, wire: Wire, podium: Podium) -> None:
        assert json.loads(podium(*LIST_JOBS, "-o", "json").out) == [job("Running")]

    def test_0_and_an_empty_list_is_still_json(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", "/odata/Jobs"] = (200, {"value": []})
        assert json.loads(podium(*LIST_JOBS, "-o", "json").out) == []
        assert podium(*LIST_JOBS).err == "No jobs.\n"

    def test_1_with_the_words_and_code_of_the_server_in_one_line(self, wire: Wire, podium: Podium) -> None:
        refusal = {"message": "Folder does not exist\nor is not yours.", "errorCode": 1100}
        wire.answers["GET", "/odata/Jobs"] = (400, refusal)
        ended = podium(*LIST_JOBS)
        assert (ended.status, ended.out) == (1, "")
        assert ended.err == "Error: Folder does not exist or is not yours. (errorCode 1100)\n"

    @pytest.mark.parametrize(
        ("body", "words"),
        [
            ({"error": {"message": "nested words"}}, "nested words"),
            ({"error": "invalid_scope", "error_description": "described"}, "described"),
            ({"title": "Not Found"}, "Not Found"),
            (b"<html>gateway</html>", "answered 502 Bad Gateway"),
        ],
    )
    def test_1_for_every_shape_of_an_error(self, wire: Wire, podium: Podium, body: object, words: str) -> None:
        wire.answers["GET", "/odata/Jobs"] = (502, body)
        ended = podium(*LIST_JOBS)
        assert ended.status == 1
        assert words in ended.err
        assert ended.err.count("\n") == 1

    def test_1_when_the_answer_is_a_web_page(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", "/odata/Jobs"] = (200, b"<html></html>")
        assert "did not answer in JSON" in podium(*LIST_JOBS).err

    def test_2_for_a_wrong_use(self, wire: Wire, podium: Podium) -> None:
        assert podium("jobs", "list", "--state", "Sleeping").status == 2
        assert podium("start", "x", "--input", "nonsense").status == 2
        assert podium("jobs", "show", "seven").status == 2
        assert podium("publish", "--tenant", "--my-workspace").status == 2
        assert wire.asked == []

    def test_3_when_nobody_listens(self, wire: Wire, podium: Podium) -> None:
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            address = f"http://127.0.0.1:{unused.getsockname()[1]}"
            ended = podium("--url", address, *LIST_JOBS)
        assert ended.status == 3
        assert ended.err.startswith(f"Error: Cannot reach {address}: ")
        assert "`podium up`" in ended.err

    def test_4_when_the_token_is_refused(self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PODIUM_TOKEN", "old")
        ended = podium(*LIST_JOBS)
        assert ended.status == 4
        assert ended.err == "Error: You are not authenticated! - sign in again with `podium login`\n"

    def test_4_when_there_is_nothing_to_sign_in_with(
        self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PODIUM_TOKEN")
        ended = podium(*LIST_JOBS)
        assert ended.status == 4
        assert f"Not signed in to {wire.url}" in ended.err
        assert wire.asked == []


class TestSignIn:
    def test_client_credentials_ask_for_every_scope(
        self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PODIUM_TOKEN")
        monkeypatch.setenv("PODIUM_CLIENT_ID", "app")
        monkeypatch.setenv("PODIUM_CLIENT_SECRET", "s&cret")
        wire.answers["POST", "/identity_/connect/token"] = (200, {"access_token": TOKEN})
        assert podium(*LIST_JOBS).status == 0
        form = wire.asked[0].body.decode()
        assert form == "grant_type=client_credentials&client_id=app&client_secret=s%26cret&scope="

    def test_user_and_password_of_the_environment(
        self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("PODIUM_TOKEN")
        monkeypatch.setenv("PODIUM_USER", "admin")
        monkeypatch.setenv("PODIUM_PASSWORD", "right")
        assert podium(*LIST_JOBS).status == 0
        asked = {"tenancyName": "default", "usernameOrEmailAddress": "admin", "password": "right"}
        assert wire.asked[0].json == asked

    def test_login_is_kept_for_the_owner_alone_until_logout(
        self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("PODIUM_TOKEN")
        monkeypatch.delenv("PODIUM_URL")
        assert login(podium, monkeypatch, tmp_path, wire.url, "right").status == 0
        (path,) = Path(os.environ["XDG_CONFIG_HOME"]).rglob("*.json")
        assert path.stat().st_mode & 0o777 == 0o600
        assert podium(*LIST_JOBS).status == 0  # the address is remembered too
        assert podium("logout").out == "Signed out\n"
        assert not path.exists()

    def test_4_for_a_wrong_password_and_nothing_is_kept(
        self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        ended = login(podium, monkeypatch, tmp_path, wire.url, "wrong")
        assert (ended.status, ended.err) == (4, "Error: Wrong. (errorCode 1000)\n")
        assert not list(Path(os.environ["XDG_CONFIG_HOME"]).rglob("*.json"))

    def test_a_stored_sign_in_is_not_sent_to_another_server(
        self, wire: Wire, podium: Podium, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        monkeypatch.delenv("PODIUM_TOKEN")
        assert login(podium, monkeypatch, tmp_path, wire.url, "right").status == 0
        ended = podium("--url", wire.url.replace("127.0.0.1", "localhost"), *LIST_JOBS)
        assert ended.status == 4

    def test_1_when_the_kept_file_is_broken(self, wire: Wire, podium: Podium) -> None:
        path = Path(os.environ["XDG_CONFIG_HOME"]) / "podium" / "credentials.json"
        path.parent.mkdir()
        path.write_text("[]")
        assert "is not a sign-in of podium" in podium(*LIST_JOBS).err


def login(podium: Podium, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, url: str, password: str) -> Ended:
    """`podium login` with the password on stdin."""
    (tmp_path / "password").write_text(password + "\n")
    with (tmp_path / "password").open() as stdin:
        monkeypatch.setattr(sys, "stdin", stdin)
        return podium("login", "--url", url, "--user", "admin", "--password-stdin")


class TestStart:
    def test_asks_for_one_job_in_the_folder(self, wire: Wire, podium: Podium) -> None:
        ended = podium("start", "Total", "--folder", "Finance/Ap", "-i", "tax=7", "--priority", "high")
        (asked,) = wire.of("POST", "StartJobs")
        assert asked.headers["x-uipath-folderpath"] == "Finance/Ap"
        assert asked.json == {
            "startInfo": {
                "ReleaseName": "Total",
                "JobsCount": 1,
                "Strategy": "ModernJobsCount",
                "InputArguments": '{"tax": 7}',
                "JobPriority": "High",
            }
        }
        assert (ended.status, ended.out.splitlines()[1].split()) == (0, ["42", JOB_KEY, "invoice_total", "Pending"])

    def test_a_key_names_the_process_too(self, wire: Wire, podium: Podium) -> None:
        podium("start", JOB_KEY)
        assert wire.of("POST", "StartJobs")[0].json["startInfo"]["ReleaseKey"] == JOB_KEY

    def test_wait_prints_states_lines_once_and_the_output(self, wire: Wire, podium: Podium) -> None:
        ended = podium("start", "invoice_total", "--wait")
        assert ended.status == 0
        assert [re.sub(r"\d\d:\d\d:\d\d", "TIME", line) for line in ended.out.splitlines()] == [
            "Job 42 Pending",
            "Job 42 Running",
            "  TIME  Info   one",
            "  TIME  Info   two",
            "  TIME  Info   three",
            "Job 42 Successful after 3.5 s",
            "Output of job 42 (3.5 s)",
            "  total: 12.50",
            "  lines: 3",
        ]

    @pytest.mark.parametrize(("state", "status"), [("Successful", 0), ("Faulted", 1), ("Stopped", 2)])
    def test_the_exit_status_tells_how_it_ended(self, wire: Wire, podium: Podium, state: str, status: int) -> None:
        wire.job_states = ["Running", state]
        assert podium("start", "invoice_total", "--wait").status == status

    def test_124_when_the_time_is_over(self, wire: Wire, podium: Podium) -> None:
        wire.job_states = ["Running"]
        ended = podium("start", "invoice_total", "--wait", "--no-logs", "--timeout", "0.05")
        assert ended.status == 124
        assert "the job goes on: podium jobs follow 42" in ended.err

    def test_json_alone_is_on_stdout(self, wire: Wire, podium: Podium) -> None:
        ended = podium("start", "invoice_total", "--wait", "-o", "json")
        assert json.loads(ended.out)["State"] == "Successful"
        assert "three" in ended.err

    def test_the_robots_text_cannot_drive_the_terminal(self, wire: Wire, podium: Podium) -> None:
        wire.lines = ["a\x1b[2Jb [bold]c[/bold]"]
        ended = podium("start", "invoice_total", "--wait")
        assert "a\N{REPLACEMENT CHARACTER}[2Jb [bold]c[/bold]" in ended.out
        assert "\x1b" not in ended.out


class TestJobs:
    def test_stop_sends_ids_with_the_jobs_folder(self, wire: Wire, podium: Podium) -> None:
        assert podium("jobs", "stop", "42", "--kill").status == 0
        (asked,) = wire.of("POST", "StopJobs")
        assert asked.json == {"jobIds": [42], "strategy": "Kill"}
        assert asked.headers["x-uipath-organizationunitid"] == "5"

    def test_logs_are_printed_oldest_first(self, wire: Wire, podium: Podium) -> None:
        ended = podium("jobs", "logs", JOB_KEY)
        assert [line.split()[-1] for line in ended.out.splitlines()] == ["one", "two", "three"]

    def test_filters_are_quoted(self, wire: Wire, podium: Podium) -> None:
        podium("jobs", "list", "--state", "faulted", "--process", "Ann's", "--limit", "7")
        query = wire.asked[0].query
        assert query["$filter"] == "State eq 'Faulted' and ReleaseName eq 'Ann''s'"
        assert (query["$top"], query["$orderby"]) == ("7", "Id desc")

    def test_an_unknown_id_is_refused(self, wire: Wire, podium: Podium) -> None:
        wire.answers["GET", "/odata/Jobs"] = (200, {"value": []})
        assert podium("jobs", "show", "7").err.startswith("Error: Job 7 does not exist")


class TestPublish:
    def test_uploads_the_packed_project_and_makes_the_process(self, wire: Wire, podium: Podium, tmp_path: Path) -> None:
        ended = podium("publish", str(project(tmp_path)))
        assert ended.status == 0
        assert "Published bot 1.0.0 to Shared" in ended.out
        (asked,) = wire.of("POST", "UploadPackage")
        assert "feedId" not in asked.query
        boundary = asked.headers["content-type"].partition("boundary=")[2].encode()
        part = asked.body.split(b"--" + boundary)[1].partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
        with zipfile.ZipFile(BytesIO(part)) as archive:
            assert "content/main.py" in archive.namelist()
        assert wire.releases == [{"Id": 1, "Name": "bot", "ProcessKey": "bot", "ProcessVersion": "1.0.0"}]

    def test_moves_the_process_that_is_there(self, wire: Wire, podium: Podium, tmp_path: Path) -> None:
        wire.releases = [{"Id": 9, "Name": "Nightly", "ProcessKey": "bot", "ProcessVersion": "0.9.0"}]
        assert podium("publish", str(project(tmp_path))).status == 0
        (asked,) = wire.of("PATCH", "/odata/Releases(9)")
        assert asked.json == {"Name": "Nightly", "ProcessKey": "bot", "ProcessVersion": "1.0.0"}
        assert asked.headers["x-uipath-organizationunitid"] == "5"

    def test_does_not_guess_between_processes(self, wire: Wire, podium: Podium, tmp_path: Path) -> None:
        wire.releases = [{"Id": n, "Name": f"bot {n}", "ProcessKey": "bot", "ProcessVersion": "0.9.0"} for n in (1, 2)]
        ended = podium("publish", str(project(tmp_path)))
        assert ended.status == 2
        assert "Several processes run bot: bot 1, bot 2" in ended.err
        assert podium("publish", str(project(tmp_path)), "--process", "BOT 2").status == 0

    def test_1_for_a_version_that_is_there(self, wire: Wire, podium: Podium, tmp_path: Path) -> None:
        path = "/odata/Processes/UiPath.Server.Configuration.OData.UploadPackage"
        wire.answers["POST", path] = (409, {"message": "Package already exists.", "errorCode": 1004})
        ended = podium("publish", str(project(tmp_path)))
        assert ended.status == 1
        assert "raise the version" in ended.err
        assert wire.releases == []

    def test_a_workspace_gets_the_package_and_no_process_from_us(
        self, wire: Wire, podium: Podium, tmp_path: Path
    ) -> None:
        me = {"PersonalWorskpaceFeedId": JOB_KEY, "PersonalWorkspace": {"FullyQualifiedName": "admin's workspace"}}
        wire.answers["GET", "/odata/Users/UiPath.Server.Configuration.OData.GetCurrentUserExtended"] = (200, me)
        assert podium("publish", str(project(tmp_path)), "--my-workspace").status == 0
        assert wire.of("POST", "UploadPackage")[0].query == {"feedId": JOB_KEY}
        assert wire.releases == []

    def test_1_for_a_folder_that_is_not_there(self, wire: Wire, podium: Podium, tmp_path: Path) -> None:
        ended = podium("publish", str(project(tmp_path)), "--folder", "Nowhere")
        assert ended.status == 1
        assert "Folder 'Nowhere' does not exist" in ended.err
        assert not wire.of("POST", "UploadPackage")

    def test_2_for_a_file_that_is_no_package(self, wire: Wire, podium: Podium, tmp_path: Path) -> None:
        (tmp_path / "x.nupkg").write_bytes(b"PK nonsense")
        assert "is not a package" in podium("publish", str(tmp_path / "x.nupkg")).err


def project(folder: Path) -> Path:
    """A project of one file."""
    (folder / "bot").mkdir(exist_ok=True)
    (folder / "bot" / "main.py").write_text("print('hi')\n")
    return folder / "bot"


class TestPack:
    def test_the_path_of_the_package_is_all_that_stdout_holds(self, podium: Podium, tmp_path: Path) -> None:
        ended = podium("pack", str(project(tmp_path)), "--output", str(tmp_path / "out"))
        assert ended.out == f"{tmp_path / 'out' / 'bot.1.0.0.nupkg'}\n"
        assert zipfile.is_zipfile(ended.out.strip())


class TestRobotRun:
    """The agent takes the place of the command, so the command runs in a process of its own."""

    def test_2_without_a_key(self, podium: Podium, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("PODIUM_ROBOT_MACHINE_KEY", raising=False)
        ended = podium("robot", "run")
        assert ended.status == 2
        assert "Give --machine-key" in ended.err

    @pytest.mark.parametrize(
        ("url", "settings", "address"),
        [
            (None, Settings(None), "http://127.0.0.1:8000/default/default"),
            (None, Settings("http://host", "acme", "prod"), "http://host/acme/prod"),
            ("https://other/", Settings("http://host", "acme", "prod"), "https://other/acme/prod"),
            ("https://other/o/t/", Settings("http://host", "acme", "prod"), "https://other/o/t"),
        ],
    )
    def test_the_address_names_the_tenant(
        self,
        url: str | None,
        settings: Settings,
        address: str,
        monkeypatch: pytest.MonkeyPatch,
        tmp_path: Path,
    ) -> None:
        monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
        assert tenant_url(url, settings) == address


class TestServerCommand:
    def test_only_what_was_given_is_passed_on(self) -> None:
        command = server_command("up", host=None, port=9000, data_dir=Path("d"), robots=0)
        assert command[1:] == ["-m", "podium.server", "up", "--port", "9000", "--data-dir", "d", "--robots", "0"]

    def test_one_line_says_what_to_install(self, podium: Podium, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("podium.cli.server.NEEDED", ("no_such_module",))
        ended = podium("up")
        assert (ended.status, ended.err) == (1, "Error: The server is not installed - pip install 'podium[server]'\n")

    def test_2_for_robots_and_none(self, podium: Podium) -> None:
        assert podium("up", "--robots", "1", "--no-robot").status == 2


class TestFolderHeaders:
    @pytest.mark.parametrize(
        ("folder", "headers"),
        [
            (None, {}),
            (7, {"X-UIPATH-OrganizationUnitId": "7"}),
            ("7", {"X-UIPATH-OrganizationUnitId": "7"}),
            (JOB_KEY, {"X-UIPATH-FolderKey": JOB_KEY}),
            ("/Finance/Ap/", {"X-UIPATH-FolderPath": "Finance/Ap"}),
            ("Büro", {"X-UIPATH-FolderPath-Encoded": "QgD8AHIAbwA="}),
        ],
    )
    def test_one_header_names_the_folder(self, folder: str | int | None, headers: dict[str, str]) -> None:
        assert folder_headers(folder) == headers


def test_control_characters_are_replaced_and_letters_kept() -> None:
    assert (
        printable("ä\t\n\x1b\x07\u202e漢")
        == "ä\t\n\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}\N{REPLACEMENT CHARACTER}漢"
    )

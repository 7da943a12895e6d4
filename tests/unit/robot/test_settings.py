"""What an agent is told, on the command line and in the environment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from podium.robot.__main__ import main, read_options
from podium.robot.settings import Settings

URL = "https://host/acme/main"


def test_the_command_line_wins_over_the_environment() -> None:
    environment = {"PODIUM_ROBOT_URL": URL, "PODIUM_ROBOT_SLOTS": "7", "PODIUM_ROBOT_STOP_GRACE": "1.5"}
    options = read_options(["--slots", "2", "--folder", "/x"], environment)
    assert options == {"url": URL, "slots": 2, "stop_grace_s": 1.5, "folder": Path("/x")}


def test_a_secret_can_come_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("hidden\n")
    options = read_options(["--url", URL], {"PODIUM_ROBOT_MACHINE_KEY_FILE": str(tmp_path / "key")})
    assert options["machine_key"] == "hidden"


def test_a_malformed_number_in_the_environment_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        read_options(["--url", URL], {"PODIUM_ROBOT_SLOTS": "many"})
    assert "PODIUM_ROBOT_SLOTS" in capsys.readouterr().err


@pytest.mark.parametrize(
    "given",
    [
        {"url": "host/acme/main", "machine_key": "k"},
        {"url": "https://user:secret@host/acme/main", "machine_key": "k"},
        {"url": URL},
        {"url": URL, "machine_key": "k", "client_id": "c", "client_secret": "s"},
        {"url": URL, "client_id": "c"},
        {"url": URL, "machine_key": "k", "slots": 0},
        {"url": URL, "machine_key": "k", "stop_grace_s": -1},
    ],
)
def test_contradictions_are_refused(given: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        Settings(**given)


def test_wrong_settings_end_with_status_2(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("PODIUM_ROBOT_MACHINE_KEY", raising=False)
    assert main(["--url", URL]) == 2
    assert "machine key" in capsys.readouterr().err


def test_secrets_are_not_shown() -> None:
    assert "hidden" not in repr(Settings(url=URL, client_id="c", client_secret="hidden"))


def test_a_relative_folder_is_made_absolute(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    assert Settings(url=URL, machine_key="k", folder=Path("agent")).folder == tmp_path / "agent"

"""The robot protocol as it is read and written."""

from __future__ import annotations

import base64
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from podium.kernel.errors import BadRequest
from podium.orchestrator.jobs.rules import State
from podium.orchestrator.robots_service import rules

KEY = uuid4()


def encoded(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


class TestHostName:
    def test_the_encoded_header_wins(self) -> None:
        assert (
            rules.host_name({"x-robot-machine": "plain", "x-robot-machine-encoded": encoded("größe-py")}) == "größe-py"
        )

    def test_the_plain_header_serves_when_the_encoded_is_broken(self) -> None:
        assert rules.host_name({"x-robot-machine": "plain", "x-robot-machine-encoded": "%%%"}) == "plain"

    def test_400_without_a_name(self) -> None:
        with pytest.raises(BadRequest, match="X-ROBOT-MACHINE"):
            rules.host_name({})


@pytest.mark.parametrize(
    ("header", "expected"),
    [(None, None), ("", []), ("agent/python, Function/Python ,api", ["agent/python", "api", "function/python"])],
)
def test_capabilities(header: str | None, expected: list[str] | None) -> None:
    headers = {} if header is None else {"x-robot-capabilities": header}
    assert rules.capabilities(headers) == expected


@pytest.mark.parametrize("text", ["Running", "running", "RUNNING", "1", 1])
def test_a_state_is_read_by_name_in_any_case_and_by_number(text: str | int) -> None:
    assert rules.reported_state(text) is State.RUNNING


@pytest.mark.parametrize("text", [None, "", "Dancing", "9", "-1"])
def test_a_state_that_is_none(text: str | None) -> None:
    assert rules.reported_state(text) is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [(None, None), ("", None), ("A=1\n\n# note\nnonsense\n B=x=y \r\n", "A=1\nB=x=y"), ("# only\n", None)],
)
def test_environment_lines_hold_assignments_only(text: str | None, expected: str | None) -> None:
    assert rules.environment_lines(text) == expected


COLUMNS = (
    "id", "key", "state", "folder_id", "process_key", "process_name", "package_id", "package_version",
    "feed_id", "entry_point_path", "input_arguments", "input_file", "environment_variables", "priority",
    "source", "source_type", "requires_user_interaction", "lease_epoch", "stop_strategy", "stop_after_s",
    "persistence_id", "resume_version", "resume_source", "trace_id", "parent_span_id", "root_span_id",
    "fps_context", "fps_properties", "resource_overwrites", "runtime_type", "target_framework",
    "created_at", "folder_key", "folder_path", "sha256", "robot_key", "robot_name", "robot_type",
    "robot_user_name", "user_key", "user_email", "user_name",
)  # fmt: skip


def job(**changes: Any) -> dict[str, Any]:
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row |= {
        "id": 1,
        "key": KEY,
        "state": 0,
        "folder_id": 3,
        "process_key": uuid4(),
        "folder_key": uuid4(),
        "folder_path": "A/B",
    }
    row |= {"robot_key": uuid4(), "robot_name": "r", "robot_type": "Development", "lease_epoch": 4, "feed_id": uuid4()}
    return row | {"created_at": datetime(2026, 1, 1, tzinfo=UTC), "requires_user_interaction": False} | changes


def a_command(**changes: Any) -> dict[str, Any]:
    return rules.command(job(**changes), 12, UUID(int=1), UUID(int=2))


class TestCommand:
    def test_a_start_has_every_member_that_the_vendors_robot_requires(self) -> None:
        made = a_command()
        assert {name for name, value in made.items() if value is None} == {"username"}
        assert (made["robotType"], made["machineId"], made["userDetails"]["email"]) == (4, 12, "")
        body = made["data"]
        for name in ("id", "type", "jobKey", "processKey", "folderKey", "folderPath", "fullyQualifiedFolderName"):
            assert isinstance(body[name], str), name
        assert (body["type"], body["folderId"], body["entryPointPath"], body["leaseEpoch"]) == (
            "StartProcess",
            3,
            "",
            4,
        )

    @pytest.mark.parametrize(("state", "strategy"), [(2, "SoftStop"), (3, "Kill")])
    def test_a_stop_names_its_strategy(self, state: int, strategy: str) -> None:
        body = a_command(state=state)["data"]
        assert (body["type"], body["stopStrategy"]) == ("StopProcess", strategy)

    def test_a_resumed_job_brings_its_state_along(self) -> None:
        body = a_command(state=8, persistence_id=UUID(int=9), resume_version=2, resume_source="Timer")["data"]
        assert (body["persistenceId"], body["resumeVersion"], body["resumeSource"]) == (str(UUID(int=9)), 2, "Timer")

    def test_a_first_start_has_no_persistence(self) -> None:
        assert "persistenceId" not in a_command(persistence_id=UUID(int=9), resume_version=2)["data"]


def test_the_info_of_an_error_is_its_title_and_detail() -> None:
    assert rules.info_of_error("Failed", "line 3") == "Failed: line 3"
    assert rules.info_of_error(None, None) is None

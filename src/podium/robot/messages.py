"""The robot protocol's messages that the agent reads and writes, as far as it uses them. JSON, camelCase.

Reading is lenient: unknown members are ignored, and one malformed command does not spoil its neighbours.
"""

from __future__ import annotations

import uuid
from typing import Any

import msgspec

LONGEST_DETAIL = 8_000  # characters of JobError.detail that servers take


class Message(msgspec.Struct, rename="camel"):
    """A message of the protocol: snake_case here, camelCase on the wire."""


class CommandData(Message):
    """What to start or stop. JSON texts inside (`input_arguments` ...) are kept as texts."""

    type: str
    job_key: str
    process_key: str = ""
    folder_id: int = 0
    folder_key: str = ""
    folder_path: str = ""
    fully_qualified_folder_name: str = ""
    package_id: str | None = None
    package_version: str | None = None
    package_hash: str | None = None
    feed_id: str | None = None
    process_name: str | None = None
    entry_point_path: str | None = None
    input_arguments: str | None = None
    input_file: str | None = None
    internal_arguments: str | None = None
    fps_properties: str | None = None
    fps_context: str | None = None
    environment_variables: str | None = None
    persistence_id: str | None = None
    resume_version: int | None = None
    resume_source: str | None = None
    trace_id: str | None = None
    parent_span_id: str | None = None
    root_span_id: str | None = None
    lease_epoch: int | None = None
    stop_strategy: str | None = None
    time_limit_seconds: float | None = None
    access_token: str | None = None
    organization_id: str | None = None
    tenant_id: str | None = None


class Command(Message):
    """One command for this host, with the robot it is meant for."""

    robot_key: str
    data: CommandData
    robot_name: str | None = None
    machine_id: int | None = None

    @property
    def turn(self) -> tuple[int, int]:
        """Orders the commands for one job: a later lease or a later resumption is greater."""
        return self.data.lease_epoch or 0, self.data.resume_version or 0


class CommandsReply(Message):
    """The answer of Commands and HeartbeatV2; the commands still undecoded."""

    commands: list[msgspec.Raw] = []


class JobError(Message):
    """Why a job is Faulted."""

    code: str
    title: str
    category: str = "SYSTEM"
    detail: str | None = None


class JobReport(Message):
    """One element of SubmitJobState. `output_arguments` is JSON text."""

    robot_key: str
    job_key: str
    job_state: str
    process_key: str
    robot_state: str
    info: str | None = None
    output_arguments: str | None = None
    output_file: str | None = None
    error: JobError | None = None
    trace_id: str | None = None
    parent_span_id: str | None = None
    root_span_id: str | None = None
    lease_epoch: int | None = None


class BlobHeaders(Message):
    """Header names and values as two parallel lists."""

    keys: list[str] | None = None
    values: list[str] | None = None


class BlobAccess(Message):
    """An address that authorises itself: it is called without credentials."""

    uri: str
    verb: str = "GET"
    headers: BlobHeaders | None = None

    def header_fields(self) -> dict[str, str]:
        if self.headers is None:
            return {}
        return dict(zip(self.headers.keys or [], self.headers.values or [], strict=False))


class FileAccess(Message):
    """The answer of GetInputFileAccess and GetOutputFileAccess."""

    id: str
    blob_file_access: BlobAccess


def read_commands(body: bytes) -> tuple[list[Command], list[str]]:
    """The usable commands of an answer, and what is wrong with the others.

    Raises msgspec.DecodeError when the answer as a whole is not what the protocol says.
    """
    commands, complaints = [], []
    for raw in msgspec.json.decode(body, type=CommandsReply).commands:
        try:
            command = msgspec.json.decode(raw, type=Command)
            command.data.job_key = str(uuid.UUID(command.data.job_key))
        except (msgspec.DecodeError, ValueError) as error:
            complaints.append(str(error))
        else:
            commands.append(command)
    return commands, complaints


def json_object(text: str | None) -> dict[str, Any]:
    """The JSON object in the text; empty for no text, other JSON and what is no JSON."""
    try:
        value = msgspec.json.decode(text) if text and text.strip() else {}
    except msgspec.DecodeError:
        return {}
    return value if isinstance(value, dict) else {}

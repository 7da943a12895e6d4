"""The generated structs against the models they are made from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import msgspec
import pytest

from podium import wire
from podium.kernel.contract import snake

ROOT = Path(__file__).parents[3]


def test_the_file_is_what_the_contract_says() -> None:
    command = [sys.executable, str(ROOT / "tools" / "generate.py"), "--check"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_struct_has_a_working_decoder() -> None:
    for model in wire.WIRE_TYPES.values():
        assert isinstance(msgspec.json.decode(b"{}", type=model), model)


def test_members_are_absent_unless_given() -> None:
    body = msgspec.json.decode(b'{"Name":null}', type=wire.QueueDefinitionDto)
    assert body.name is None
    assert body.description is msgspec.UNSET


def test_what_is_absent_is_not_written() -> None:
    assert (
        msgspec.json.encode(wire.JobDto(id=5, state="Running", info=None)) == b'{"Id":5,"Info":null,"State":"Running"}'
    )


def test_a_member_is_named_as_published() -> None:
    for model in wire.WIRE_TYPES.values():
        for attribute, name in zip(model.__struct_fields__, model.__struct_encode_fields__, strict=True):
            assert attribute.rstrip("_") == snake(name)


def test_what_is_required_is_known_by_its_attribute() -> None:
    assert wire.ReleaseDto.REQUIRED == ("name", "process_key", "process_version")
    for model in wire.WIRE_TYPES.values():
        assert set(model.REQUIRED) <= set(model.__struct_fields__)


def test_strict_decoding_refuses_unknown_names() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(b'{"name":"x"}', type=wire.QueueDefinitionDto)


def test_corrections_are_applied() -> None:
    answer = wire.BulkOperationResponseDtoOfFailedQueueItemDto(success=True)
    assert msgspec.json.encode(answer) == b'{"Success":true}'
    long_text = msgspec.json.encode({"InputArguments": "x" * 20_000, "Source": "Somebody's tool"})
    assert msgspec.json.decode(long_text, type=wire.StartProcessDto).source == "Somebody's tool"


def test_later_members_that_clients_use_are_there() -> None:
    assert {"input_file", "output_file", "job_error", "trace_id", "parent_job_key"} <= set(
        wire.JobDto.__struct_fields__
    )
    assert {"input_file", "attachments", "entry_point_path"} <= set(wire.StartProcessDto.__struct_fields__)
    assert "Secret" in get_args(wire.AssetDtoValueType)
    assert get_type_hints(wire.HeartbeatPayload)["heartbeats"] == list[wire.HeartbeatDto] | None | msgspec.UnsetType

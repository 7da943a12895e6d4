"""Bodies and parameters: what binds, what is refused, and that nothing else ever happens."""

from __future__ import annotations

import json
import random
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium import wire
from podium.kernel.contract import Param
from podium.kernel.errors import BadRequest, Code, NotFound
from podium.kernel.validation import convert, decode, decode_query, require_members

GUID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
START = {
    "startInfo": {
        "ReleaseKey": str(GUID),
        "Strategy": "ModernJobsCount",
        "JobsCount": 2,
        "RobotIds": [1, 2],
        "InputArguments": '{"a": 1}',
        "MachineRobots": [{"MachineId": 5, "RobotUserName": "jane"}],
        "StopStrategy": "Kill",
        "RunAsMe": False,
    }
}

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


def start(**members: object) -> wire.StartProcessDto:
    return decode(json.dumps(members).encode(), wire.StartProcessDto, parameter="startInfo")


def refusal(body: bytes, model: type = wire.StartJobsRequest) -> BadRequest:
    with pytest.raises(BadRequest) as caught:
        decode(body, model, parameter="startParameters")
    return caught.value


def respelled(value: object, change: Any) -> object:
    if isinstance(value, dict):
        return {change(name): respelled(each, change) for name, each in value.items()}
    return [respelled(each, change) for each in value] if isinstance(value, list) else value


class TestNames:
    @pytest.mark.parametrize("change", [str.lower, str.upper, str.swapcase, str.title])
    def test_bind_the_same_in_any_case(self, change: Any) -> None:
        published = decode(json.dumps(START).encode(), wire.StartJobsRequest, parameter="p")
        assert decode(json.dumps(respelled(START, change)).encode(), wire.StartJobsRequest, parameter="p") == published

    @given(st.randoms(use_true_random=False))
    def test_bind_the_same_in_any_mixture_of_cases(self, chance: random.Random) -> None:
        def mangled(name: str) -> str:
            return "".join(chance.choice((letter.lower(), letter.upper())) for letter in name)

        published = decode(json.dumps(START).encode(), wire.StartJobsRequest, parameter="p")
        body = json.dumps(respelled(START, mangled)).encode()
        assert decode(body, wire.StartJobsRequest, parameter="p") == published

    def test_unknown_members_are_dropped(self) -> None:
        assert start(JobsCount=1, Novelty={"x": [1]}) == wire.StartProcessDto(jobs_count=1)

    def test_annotations_of_odata_are_dropped(self) -> None:
        body = b'{"itemData":{"Name":"q","SpecificContent":{"Due@odata.type":"#DateTimeOffset","Due":"x"}}}'
        item = decode(body, wire.AddQueueItemRequest, parameter="itemData").item_data
        assert isinstance(item, wire.QueueItemDataDto)
        assert item.specific_content == {"Due": "x"}

    def test_a_given_null_differs_from_an_absent_member(self) -> None:
        body = start(jobscount=None)
        assert (body.jobs_count, body.robot_ids) == (None, msgspec.UNSET)

    def test_a_byte_order_mark_is_skipped(self) -> None:
        assert decode(b'\xef\xbb\xbf{"JobsCount":1}', wire.StartProcessDto, parameter="p").jobs_count == 1


class TestEnumerations:
    @pytest.mark.parametrize("given_value", ["Kill", "kill", "KILL", 2, "2", " kill "])
    def test_are_taken_by_name_in_any_case_and_by_number(self, given_value: object) -> None:
        assert start(StopStrategy=given_value).stop_strategy == "Kill"

    @pytest.mark.parametrize(("number", "name"), [(0, "Low"), (1, "Normal"), ("2", "High")])
    def test_count_from_0_in_the_published_order(self, number: object, name: str) -> None:
        assert start(JobPriority=number).job_priority == name

    @pytest.mark.parametrize("number", [0, 1, 2])
    def test_the_same_names_in_another_order_count_in_that_order(self, number: int) -> None:
        body = json.dumps({"itemData": {"Name": "q", "Priority": number}}).encode()
        item = decode(body, wire.AddQueueItemRequest, parameter="p").item_data
        assert isinstance(item, wire.QueueItemDataDto)
        assert item.priority == ("High", "Normal", "Low")[number]
        assert start(JobPriority=number).job_priority == ("Low", "Normal", "High")[number]

    @pytest.mark.parametrize("given_value", ["Gently", 0, 3, "", "1.5", True, [], {}])
    def test_an_unknown_value_is_refused_by_name(self, given_value: object) -> None:
        error = refusal(json.dumps({"startInfo": {"StopStrategy": given_value}}).encode())
        assert error.message.startswith("startInfo.StopStrategy: expected one of SoftStop, Kill, got ")

    @pytest.mark.parametrize(
        ("given_value", "kept"), [("Somebody", "Somebody"), ("apps", "Apps"), (0, "Manual"), (99, "99")]
    )
    def test_an_open_one_takes_unknown_text(self, given_value: object, kept: str) -> None:
        assert start(source=given_value).source == kept

    def test_robots_may_send_numbers_and_later_states(self) -> None:
        body = b'[{"JobState":5,"RobotState":"Unresponsive","JobKey":"{0F8FAD5B-D9CB-469F-A165-70867728950E}"}]'
        (report,) = decode(body, list[wire.HeartbeatDto], parameter="states")
        assert (report.job_state, report.robot_state, report.job_key) == ("Successful", "Unresponsive", GUID)


class TestValues:
    @pytest.mark.parametrize("text", ["12", "+12", 12, 12.0])
    def test_an_integer_may_be_written_as_text(self, text: object) -> None:
        assert start(JobsCount=text).jobs_count == 12

    @pytest.mark.parametrize("text", ["2024-05-06T07:08:09", "2024-05-06T07:08:09Z", "2024-05-06T09:08:09+02:00"])
    def test_a_time_without_offset_is_utc(self, text: str) -> None:
        body = decode(json.dumps({"DueDate": text}).encode(), wire.QueueItemDataDto, parameter="p")
        assert body.due_date == datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)

    def test_a_date_is_its_midnight(self) -> None:
        body = decode(b'{"DueDate":"2024-05-06"}', wire.QueueItemDataDto, parameter="p")
        assert body.due_date == datetime(2024, 5, 6, tzinfo=UTC)

    @pytest.mark.parametrize("text", ["0001-01-01T00:00:00+02:00", "9999-12-31T23:59:59-02:00", "yesterday", ""])
    def test_a_time_outside_the_calendar_is_refused(self, text: str) -> None:
        error = refusal(json.dumps({"DueDate": text}).encode(), wire.QueueItemDataDto)
        assert error.message == f"DueDate: expected a date and time, got {text!r}."

    @pytest.mark.parametrize("text", [str(GUID), str(GUID).upper(), f"{{{GUID}}}", GUID.hex])
    def test_a_guid_may_have_braces_and_any_case(self, text: str) -> None:
        assert start(BatchExecutionKey=text).batch_execution_key == GUID

    @pytest.mark.parametrize(
        ("member", "value", "message"),
        [
            ("JobsCount", "two", "expected an integer, got a string."),
            ("JobsCount", 1.5, "expected an integer, got a number."),
            ("JobsCount", True, "expected an integer, got a boolean."),
            ("JobsCount", 2**31, "the number is not from -2147483648 to 2147483647."),
            ("RobotIds", 7, "expected an array, got an integer."),
            ("RunAsMe", "yes", "expected a boolean, got a string."),
            ("ReleaseKey", 5, "expected a string, got an integer."),
            ("BatchExecutionKey", "x", "expected a GUID, got 'x'."),
            ("SpecificPriorityValue", 0, "the number is not from 1 to 100."),
            ("Reference", "x" * 129, "129 characters, allowed are 0 to 128."),
            ("MachineRobots", [[]], "expected an object, got an array."),
            ("MachineRobots", [None], "expected an object, got null."),
        ],
    )
    def test_a_wrong_one_is_refused_by_name(self, member: str, value: object, message: str) -> None:
        error = refusal(json.dumps({"STARTINFO": {member.lower(): value}}).encode())
        place = f"startInfo.{member}[0]" if member == "MachineRobots" else f"startInfo.{member}"
        assert (error.message, error.code) == (f"{place}: {message}", Code.PARAMETER_INVALID)

    def test_an_empty_text_is_told_from_a_long_one(self) -> None:
        assert refusal(b'{"Name":""}', wire.ReleaseDto).message == "Name: must not be empty."

    def test_an_integer_beyond_64_bits_is_refused(self) -> None:
        assert "RobotIds[0]" in refusal(b'{"startInfo":{"RobotIds":[99999999999999999999]}}').message


class TestTheWholeBody:
    @pytest.mark.parametrize("body", [b"", b"  \r\n", b"null", b" null "])
    def test_a_missing_one_is_refused_with_code_0(self, body: bytes) -> None:
        error = refusal(body)
        assert (error.message, error.code, error.status) == ("startParameters must not be null", 0, 400)

    @pytest.mark.parametrize(("body", "got"), [(b"[]", "an array"), (b"5", "an integer"), (b'"x"', "a string")])
    def test_one_that_is_no_object_is_named_by_its_parameter(self, body: bytes, got: str) -> None:
        assert refusal(body).message == f"startParameters: expected an object, got {got}."

    @pytest.mark.parametrize(
        "body",
        [
            b"{",
            b"{'a':1}",
            b'{"a":NaN}',
            b'{"a":Infinity}',
            b'{"a":1,}',
            b"\xff\xfe",
            b'{"a":"\xff"}',
            b'{"a":"\\ud800"}',
            b'{"a":1e999}',
        ],
    )
    def test_broken_json_is_refused(self, body: bytes) -> None:
        assert refusal(body).message.startswith("startParameters is not valid JSON: ")

    @pytest.mark.parametrize("text", [b"\\u0000", b"x\\u0000y"])
    def test_nul_is_refused_where_it_stands(self, text: bytes) -> None:
        body = b'{"startInfo":{"Reference":"' + text + b'"}}'
        assert refusal(body).message == "startInfo.Reference: the character NUL is not allowed."

    def test_nul_in_free_content_is_refused(self) -> None:
        body = b'{"itemData":{"SpecificContent":{"Note":["a\\u0000"]}}}'
        assert refusal(body, wire.AddQueueItemRequest).message.startswith("itemData.SpecificContent.Note[0]: ")

    def test_an_escaped_backslash_before_u0000_is_no_nul(self) -> None:
        assert decode(b'{"Reference":"\\\\u0000"}', wire.StartProcessDto, parameter="p").reference == "\\u0000"

    @pytest.mark.parametrize(
        "body", [b"[" * 10_000, b'{"a":' * 10_000 + b"1" + b"}" * 10_000, b"[" * 10_000 + b"]" * 10_000]
    )
    def test_ten_thousand_levels_are_refused_at_once(self, body: bytes) -> None:
        began = time.thread_time()
        assert "nests deeper than 64 levels" in refusal(body).message
        assert time.thread_time() - began < 1

    @pytest.mark.parametrize(("levels", "is_fine"), [(61, True), (62, True), (63, False), (200, False)])
    @pytest.mark.parametrize("name", ["SpecificContent", "specificcontent"])
    def test_64_levels_are_allowed_however_names_are_spelled(self, levels: int, is_fine: bool, name: str) -> None:
        inner = '["]]}{[["],' + "[" * (levels - 1) + "]" * (levels - 1)
        body = f'{{"Name":"[{{","{name}":{{"x":[{inner}]}}}}'.encode()
        if is_fine:
            assert decode(body, wire.QueueItemDataDto, parameter="p").specific_content
        else:
            assert "64 levels" in refusal(body, wire.QueueItemDataDto).message

    def test_free_content_is_kept_as_it_is(self) -> None:
        content = {"A": 1, "a": [True, None, {"x": "y"}], "big": 2**70}
        body = json.dumps({"specificcontent": content}).encode()
        assert decode(body, wire.QueueItemDataDto, parameter="p").specific_content == content

    @given(st.binary(max_size=60))
    def test_any_bytes_bind_or_are_refused(self, body: bytes) -> None:
        with suppress(BadRequest):
            assert isinstance(decode(body, wire.StartJobsRequest, parameter="p"), wire.StartJobsRequest)

    @given(st.sampled_from(sorted(wire.WIRE_TYPES)), st.data())
    def test_any_values_in_any_members_bind_or_are_refused(self, name: str, data: st.DataObject) -> None:
        model = wire.WIRE_TYPES[name]
        names = st.sampled_from(model.__struct_encode_fields__ or ("x",))
        body = data.draw(st.dictionaries(names | names.map(str.upper), plain, max_size=5))
        try:
            bound = decode(json.dumps(body).encode(), model, parameter="p")
        except BadRequest:
            return
        assert isinstance(bound, model)
        assert decode(msgspec.json.encode(bound), model, parameter="p") == bound

    def test_500_damaged_bodies_are_refused_or_bound(self) -> None:
        chance = random.Random(17)  # noqa: S311 - the same damage in every run
        whole = json.dumps(START).encode()
        refused = 0
        for _ in range(500):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                place = chance.randrange(len(damaged))
                damaged[place : place + chance.randint(0, 3)] = chance.randbytes(chance.randint(0, 3))
            try:
                decode(bytes(damaged), wire.StartJobsRequest, parameter="p")
            except BadRequest:
                refused += 1
        assert refused > 300


class TestRequireMembers:
    def test_a_missing_member_is_named(self) -> None:
        with pytest.raises(BadRequest, match=r"^ProcessKey is required\.$") as caught:
            require_members(wire.ReleaseDto(name="x"))
        assert caught.value.code == Code.PARAMETER_MISSING

    def test_a_null_member_is_missing(self) -> None:
        with pytest.raises(BadRequest, match=r"^Name is required"):
            require_members(wire.ReleaseDto(name=None))

    def test_members_of_members_are_looked_at(self) -> None:
        with pytest.raises(BadRequest, match=r"^startInfo is required"):
            require_members(wire.StartJobsRequest())
        release = wire.ReleaseDto(name="x", process_key="p", process_version="1", environment=wire.EnvironmentDto())
        with pytest.raises(BadRequest, match=r"^Environment\.Name is required"):
            require_members(release)

    def test_a_full_body_passes(self) -> None:
        require_members(wire.ReleaseDto(name="x", process_key="p", process_version="1"))


class TestParameters:
    KEY = Param("key", "integer", "path")

    @pytest.mark.parametrize(("text", "number"), [("5", 5), ("5L", 5), ("-1", -1), (str(2**63 - 1), 2**63 - 1)])
    def test_an_integer_key_is_a_number(self, text: str, number: int) -> None:
        assert convert(text, self.KEY) == number

    @pytest.mark.parametrize("text", ["abc", "", "1.5", str(2**63), "9" * 5000, "٣", "1\0"])
    def test_404_for_a_key_that_cannot_be_one(self, text: str) -> None:
        with pytest.raises(NotFound, match="key: expected a 64-bit integer") as caught:
            convert(text, self.KEY)
        assert caught.value.code == Code.ITEM_NOT_FOUND
        assert len(caught.value.message) < 200

    @pytest.mark.parametrize("text", [str(GUID), f"'{GUID}'", f"{{{GUID}}}".upper()])
    def test_a_guid_key_may_be_quoted(self, text: str) -> None:
        assert convert(text, Param("identifier", "uuid", "path")) == GUID

    def test_a_list_in_a_path_is_parted_by_commas(self) -> None:
        assert convert("1,2, 3", Param("userIds", "integer", "path", many=True)) == [1, 2, 3]
        assert convert("", Param("userIds", "integer", "path", many=True)) == []

    @pytest.mark.parametrize("text", ["a\0", "\ud800"])
    def test_text_that_cannot_be_stored_is_refused(self, text: str) -> None:
        with pytest.raises(BadRequest, match="name: expected text"):
            convert(text, Param("name", "string", "query"))

    def test_the_query_is_read_by_its_row(self) -> None:
        params = (
            Param("takeHint", "integer", "query", required=False, default="500"),
            Param("Enabled", "boolean", "query", required=False),
            Param("kind", "string", "query", required=False, enum=("User", "Group")),
            Param("ids", "integer", "query", many=True, required=False),
            Param("since", "date-time", "query", required=False),
            Param("$top", "integer", "query", required=False),
        )
        pairs = [
            ("enabled", "TRUE"),
            ("KIND", "group"),
            ("ids", "1"),
            ("ids", "2,3"),
            ("since", ""),
            ("$top", "x"),
            ("other", "y"),
        ]
        expected = {"take_hint": 500, "enabled": True, "kind": "Group", "ids": [1, 2, 3], "since": None}
        assert decode_query(pairs, params) == expected

    @pytest.mark.parametrize(
        ("kind", "text", "expected"),
        [
            ("integer", "x", "a 64-bit integer"),
            ("boolean", "ja", "true or false"),
            ("uuid", "1", "a GUID"),
            ("date-time", "x", "a date"),
        ],
    )
    def test_400_for_a_query_parameter_that_does_not_fit(self, kind: str, text: str, expected: str) -> None:
        with pytest.raises(BadRequest, match=f"^some: expected {expected}"):
            decode_query([("Some", text)], [Param("some", kind, "query", required=False)])

    def test_400_for_a_required_one_that_is_missing(self) -> None:
        with pytest.raises(BadRequest, match=r"^jobKey is required\.$"):
            decode_query([("jobkey", "")], [Param("jobKey", "uuid", "query")])

    @given(st.text(max_size=30), st.sampled_from(("integer", "boolean", "uuid", "date-time", "string")))
    def test_any_text_converts_or_is_refused(self, text: str, kind: str) -> None:
        with suppress(BadRequest):
            assert convert(text, Param("p", kind, "query")) is not None

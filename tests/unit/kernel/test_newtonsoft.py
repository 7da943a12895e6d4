"""Bodies of the identity server: what binds, and the very words of what is refused."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest

from podium.kernel.errors import UnsupportedMediaType, ValidationProblem
from podium.kernel.newtonsoft import check_media_type, decode
from podium.server import render
from podium.wire import Instant
from podium.wire import identity as wire

GUID = UUID("0f8fad5b-d9cb-469f-a165-70867728950e")
UNEXPECTED = "Unexpected character encountered while parsing value"


def update(text: str) -> wire.UpdateUserCommand:
    return decode(text.encode(), wire.UpdateUserCommand)


def errors(text: str | bytes, model: Any = wire.UpdateUserCommand) -> dict[str, list[str]]:
    with pytest.raises(ValidationProblem) as caught:
        decode(text if isinstance(text, bytes) else text.encode(), model)
    return caught.value.errors


def word(literal: str) -> list[str]:
    """The messages for a bare word; its first letter is in column 14."""
    found = errors(f'{{"isActive": {literal}, "name": "x"}}')
    assert list(found) == ["isActive"]
    end = " Path 'isActive', line 1, position "
    return [message.replace(end, " @").rstrip(".") for message in found["isActive"]]


class TestThePublishedSample:
    BODY = (
        "{\n"
        '    "name": "Rubeus",\n'
        '    "surname": "H",\n'
        '    "displayName": "R. H.",\n'
        '    "email": "r@example.org",\n'
        '    "isActive": true,\n'
        '    "password": "x",\n'
        '    "groupIDsToAdd": [\n'
        "    ],\n"
        '    "groupIDsToRemove": [],\n'
        '    "bypassBasicAuthRestriction": harry,\n'
        '    "invitationAccepted": true\n'
        "}"
    )

    def test_two_messages_for_a_bare_word(self) -> None:
        where = "Path 'bypassBasicAuthRestriction', line 11, position 35."
        assert errors(self.BODY) == {
            "bypassBasicAuthRestriction": [f"{UNEXPECTED}: h. {where}", f"{UNEXPECTED}: a. {where}"]
        }

    def test_the_answer_has_the_published_members_in_their_order(self) -> None:
        with pytest.raises(ValidationProblem) as caught:
            decode(self.BODY.encode(), wire.UpdateUserCommand)
        answer = render.identity_error(caught.value, f"00-{'ab' * 16}-{'cd' * 8}-01")
        assert (answer.status, answer.content_type) == (400, "application/problem+json; charset=utf-8")
        problem = json.loads(answer.body)
        assert list(problem) == ["errors", "type", "title", "status", "traceId"]
        assert problem["type"] == "https://tools.ietf.org/html/rfc7231#section-6.5.1"
        assert problem["title"] == "One or more validation errors occurred."
        assert problem["traceId"] == f"00-{'ab' * 16}-{'cd' * 8}-00"


class TestBareWords:
    """Decisions, table "Words in malformed JSON"; C is 14."""

    @pytest.mark.parametrize(
        ("literal", "messages"),
        [
            ("hello", [f"{UNEXPECTED}: h. @14", f"{UNEXPECTED}: e. @14"]),
            ("maybe", [f"{UNEXPECTED}: m. @14", f"{UNEXPECTED}: a. @14"]),
            ("xa", [f"{UNEXPECTED}: x. @14", f"{UNEXPECTED}: a. @14"]),
            ("hi", [f"{UNEXPECTED}: h. @14", f"{UNEXPECTED}: i. @14"]),
            ("nobody", [f"{UNEXPECTED}: o. @15", f"{UNEXPECTED}: b. @15"]),
            ("nuts", ["Error parsing null value. @15", "Error parsing boolean value. @16"]),
            ("tabc", [f"{UNEXPECTED}: a. @14", f"{UNEXPECTED}: a. @14"]),
            ("fnord", [f"{UNEXPECTED}: n. @14", f"{UNEXPECTED}: n. @14"]),
            ("trick", [f"{UNEXPECTED}: i. @15", f"{UNEXPECTED}: i. @15"]),
            ("trueish", [f"{UNEXPECTED}: i. @17", f"{UNEXPECTED}: i. @17"]),
            ("x", [f"{UNEXPECTED}: x. @14"]),
            ("x1", [f"{UNEXPECTED}: x. @14"]),
            ("x-1", [f"{UNEXPECTED}: x. @14"]),
            ("x.5", [f"{UNEXPECTED}: x. @14"]),
            ("x{}", [f"{UNEXPECTED}: x. @14"]),
            ("x[]", [f"{UNEXPECTED}: x. @14"]),
        ],
    )
    def test_they_give_the_messages_of_the_table(self, literal: str, messages: list[str]) -> None:
        assert word(literal) == messages

    def test_members_behind_one_stray_character_are_still_read(self) -> None:
        found = errors('{"isActive": x, "groupIDsToAdd": ["her-1909"]}')
        assert list(found) == ["isActive", "groupIDsToAdd[0]"]

    def test_the_text_is_named_where_it_is_no_object(self) -> None:
        assert errors("x") == {"": [f"{UNEXPECTED}: x. Path '', line 0, position 0."]}

    def test_a_nested_one_is_told_once_more_by_the_object_around_it(self) -> None:
        found = errors('{"name": {"familyName": {"x": hello}}}', wire.CreateUserCommandSCIM)
        assert list(found) == ["name.familyName"]

    def test_an_unknown_member_is_read_all_the_same(self) -> None:
        assert list(errors('{"nobodyKnows": [1, {"a": hello}]}')) == ["nobodyKnows[1].a"]


class TestValuesOfAWrongKind:
    @pytest.mark.parametrize(
        ("text", "model", "key", "message", "position"),
        [
            ('{"isActive": "maybe"}', wire.UpdateUserCommand, "isActive",
             "Could not convert string to boolean: maybe.", 20),
            ('{"bypassBasicAuthRestriction": null}', wire.CreateUserCommand, "bypassBasicAuthRestriction",
             "Error converting value {null} to type 'System.Boolean'.", 35),
            ('{"bypassBasicAuthRestriction": ""}', wire.CreateUserCommand, "bypassBasicAuthRestriction",
             "Error converting value {null} to type 'System.Boolean'.", 33),
            ('{"partitionGlobalId": "her-1909"}', wire.CreateUserCommand, "partitionGlobalId",
             "Error converting value \"her-1909\" to type 'System.Guid'.", 32),
            ('{"partitionGlobalId": ""}', wire.CreateUserCommand, "partitionGlobalId",
             "Error converting value \"\" to type 'System.Guid'.", 24),
            ('{"partitionGlobalId": null}', wire.CreateUserCommand, "partitionGlobalId",
             "Error converting value {null} to type 'System.Guid'.", 26),
            ('{"id": "her-1909"}', wire.CreateUserCommand, "id",
             "Error converting value \"her-1909\" to type 'System.Nullable`1[System.Guid]'.", 17),
            ('{"ID": 5}', wire.CreateUserCommand, "ID",
             "Error converting value 5 to type 'System.Nullable`1[System.Guid]'.", 8),
            ('{"id": true}', wire.CreateUserCommand, "id",
             "Error converting value True to type 'System.Nullable`1[System.Guid]'.", 11),
            ('{"id": 1.5}', wire.CreateUserCommand, "id",
             "Error converting value 1.5 to type 'System.Nullable`1[System.Guid]'.", 10),
            ('{"legacyId": "abc"}', wire.CreateUserCommand, "legacyId",
             "Error converting value \"abc\" to type 'System.Nullable`1[System.Int64]'.", 18),
            ('{"expiresInSeconds": "abc"}', wire.ActorUserTokenDto, "expiresInSeconds",
             "Could not convert string to integer: abc.", 26),
            ('{"expiresInSeconds": 1.5}', wire.ActorUserTokenDto, "expiresInSeconds",
             "Input string '1.5' is not a valid integer.", 24),
            ('{"expiresInSeconds": 3000000000}', wire.ActorUserTokenDto, "expiresInSeconds",
             "JSON integer 3000000000 is too large or small for an Int32.", 31),
            ('{"expiresInSeconds": 08}', wire.ActorUserTokenDto, "expiresInSeconds",
             "Input string '08' is not a valid integer.", 23),
            ('{"createdOn": "soon"}', wire.AuditQueryRecordDto, "createdOn",
             "Could not convert string to DateTime: soon.", 20),
            ('{"groupIDsToAdd": "x"}', wire.UpdateUserCommand, "groupIDsToAdd",
             "Error converting value \"x\" to type 'System.Guid[]'.", 21),
            (f'{{"groupIDsToAdd": ["{GUID}", "her-1909"]}}', wire.UpdateUserCommand, "groupIDsToAdd[1]",
             "Error converting value \"her-1909\" to type 'System.Guid'.", 69),
            ('{"groupIDsToAdd": [null]}', wire.UpdateUserCommand, "groupIDsToAdd[0]",
             "Error converting value {null} to type 'System.Guid'.", 23),
            ('{"users": [{"type": "wizard"}]}', wire.CreateUsersCommand, "users[0].type",
             "Error converting value \"wizard\" to type 'UiPath.IdentityServer.Models.CreateUserCommandBaseType'.", 28),
            ('{"extensionUserAttributesToAddOrUpdate": {"a.b": null}}', wire.UpdateUserCommand,
             "extensionUserAttributesToAddOrUpdate['a.b']",
             "Error converting value {null} to type 'System.String'.", 53),
        ],
    )  # fmt: skip
    def test_they_are_refused_in_the_librarys_words(
        self, text: str, model: Any, key: str, message: str, position: int
    ) -> None:
        where = f"Path '{key}', line 1, position {position}."
        assert errors(text, model) == {key: [f"{message} {where}"]}

    @pytest.mark.parametrize(
        ("number", "shown"),
        [("5.0", "5"), ("-2.50", "-2.5"), ("1e15", "1E+15"), ("-1234567890123456.0", "-1.234567890123456E+15"),
         ("1e20", "1E+20"), ("0.00001", "1E-05"), ("NaN", "NaN"), ("-Infinity", "-Infinity"), ("0x10", "16")],
    )  # fmt: skip
    def test_numbers_are_told_as_dotnet_spells_them(self, number: str, shown: str) -> None:
        ((message,),) = errors(f'{{"id": {number}}}', wire.CreateUserCommand).values()
        assert message.startswith(f"Error converting value {shown} to type ")

    def test_a_garbage_guid_is_read_without_a_kind_and_named_twice(self) -> None:
        text = "Unexpected character encountered while parsing value: h. Path 'id', line 1, position 7."
        assert errors('{"id": harry}', wire.CreateUserCommand) == {"id": [text, text]}

    @pytest.mark.parametrize("bracket", ["{", "["])
    def test_a_container_where_a_text_is_wanted(self, bracket: str) -> None:
        first = errors(f'{{"name": {bracket}"a"')["name"][0]
        assert first == f"{UNEXPECTED}: {bracket}. Path 'name', line 1, position 10."

    def test_an_object_where_an_array_is_wanted(self) -> None:
        (message,) = errors("{}", list[UUID])[""]
        assert message.startswith(
            'Cannot deserialize the current JSON object (e.g. {"name":"value"}) into type \'System.Guid[]\' because the '
            "type requires a JSON array (e.g. [1,2,3]) to deserialize correctly.\nTo fix this error either change"
        )
        assert message.endswith("from a JSON object.\nPath '', line 1, position 2.")

    def test_an_array_where_an_object_is_wanted(self) -> None:
        (message,) = errors("[]")[""]
        assert message.startswith(
            "Cannot deserialize the current JSON array (e.g. [1,2,3]) into type "
            "'UiPath.IdentityServer.Models.UpdateUserCommand' because the type requires a JSON object"
        )

    def test_every_faulty_member_is_named(self) -> None:
        found = errors('{"isActive": "a", "groupIDsToAdd": ["b", "c"], "invitationAccepted": "d"}')
        assert list(found) == ["isActive", "groupIDsToAdd[0]", "groupIDsToAdd[1]", "invitationAccepted"]


class TestBrokenStructure:
    @pytest.mark.parametrize(
        ("text", "key", "message", "line", "position"),
        [
            ('{"name" "x"}', "", "Invalid character after parsing property name. Expected ':' but got: \".", 1, 8),
            ('{"name": "x" y}', "name", "After parsing a value an unexpected character was encountered: y.", 1, 13),
            ('{"name": "x', "name", "Unterminated string. Expected delimiter: \".", 1, 11),
            ("{'name': 'x", "name", "Unterminated string. Expected delimiter: '.", 1, 11),
            ('{"name": "x"', "name", "Unexpected end when deserializing object.", 1, 12),
            ('{"name":', "name", "Unexpected end when setting name's value.", 1, 8),
            ("{#}", "", "Invalid property identifier character: #.", 1, 1),
            ("{a#:1}", "", "Invalid JavaScript property identifier character: #.", 1, 2),
            ('{} x', "", "Additional text encountered after finished reading JSON content: x.", 1, 3),
            ('{"name": "\\q"}', "name", "Bad JSON escape sequence: \\q.", 1, 12),
            ('{"name": "\\u12g4"}', "name", "Invalid Unicode escape sequence: \\u12g4.", 1, 12),
            ('{"name": "x"]', "", "JsonToken EndArray is not valid for closing JsonType Object.", 1, 13),
            ('{\r\n"name": "a\rb\nc" x', "name", "After parsing a value an unexpected character was encountered: x.", 4, 3),
            ('{/*', "", "Unexpected end while parsing comment.", 1, 2),
            ('{"\U0001f600": 1 x', "\U0001f600", "After parsing a value an unexpected character was encountered: x.", 1, 9),
        ],
    )  # fmt: skip
    def test_it_is_told_with_path_line_and_position(
        self, text: str, key: str, message: str, line: int, position: int
    ) -> None:
        assert errors(text)[key][0] == f"{message} Path '{key}', line {line}, position {position}."

    def test_more_than_64_levels_end_the_reading(self) -> None:
        found = errors('{"zz": ' + "[" * 100 + "1" + "]" * 100 + ', "isActive": "x"}')
        (messages,) = found.values()
        assert len(messages) == 1
        assert messages[0].startswith("The reader's MaxDepth of 64 has been exceeded. Path 'zz[0][0]")

    def test_64_levels_are_read(self) -> None:
        assert update('{"zz": ' + "[" * 63 + "1" + "]" * 63 + ', "name": "x"}').name == "x"

    def test_no_more_than_200_errors_are_told(self) -> None:
        found = errors('{"groupIDsToAdd": [' + '"x",' * 500 + "]}")
        assert sum(map(len, found.values())) == 200
        assert found[""] == ["The maximum number of allowed model errors has been reached."]

    def test_long_texts_of_the_caller_are_cut(self) -> None:
        found = errors('{"' + "n" * 9999 + '": x, "isActive": "' + "v" * 9999 + '"}')
        assert len(json.dumps(found)) < 1000


class TestHowTheReadingGoesOn:
    """Worked out by hand from the library's source: what is passed over after an error, and who tells the next one."""

    def test_a_word_as_the_first_item_is_told_by_the_list_the_object_and_the_root(self) -> None:
        message = f"{UNEXPECTED}: h. Path 'groupIDsToAdd', line 1, position 19."
        assert errors('{"groupIDsToAdd": [harry]}') == {"groupIDsToAdd": [message] * 3}

    def test_a_word_as_a_later_item_ends_the_list_when_nothing_moves(self) -> None:
        where = "Path 'groupIDsToAdd[0]', line 1, position 59."
        word, stuck = f"{UNEXPECTED}: h. {where}", f"Infinite loop detected from error handling. {where}"
        assert errors(f'{{"groupIDsToAdd": ["{GUID}", harry]}}') == {"groupIDsToAdd[0]": [word, word, stuck, word]}

    def test_a_list_that_a_brace_closes_is_left(self) -> None:
        brace, stray = (
            "JsonToken EndObject is not valid for closing JsonType Array.",
            "After parsing a value an unexpected",
        )
        where = "Path 'groupIDsToAdd', line 1, position 18."
        assert errors("{groupIDsToAdd:[1}x")["groupIDsToAdd"] == [
            f"{brace} {where}",
            f"{stray} character was encountered: x. {where}",
            f"Infinite loop detected from error handling. {where}",
            f"{stray} character was encountered: x. {where}",
        ]

    def test_what_stands_behind_the_body_is_not_looked_at_after_an_error(self) -> None:
        assert list(errors('{"groupIDsToAdd": {"a": 1}} x')) == ["groupIDsToAdd.a"]

    def test_an_error_in_an_item_leaves_the_other_items(self) -> None:
        found = errors('{"users": [{"type": "x"}, {"type": "user"}, {"id": "y"}]}', wire.CreateUsersCommand)
        assert list(found) == ["users[0].type", "users[2].id"]


class TestTextThatCannotBeKept:
    @pytest.mark.parametrize("text", ['{"name": "a\\u0000b"}', '{"name": "a\0b"}', '{"zz": ["\\u0000"]}'])
    def test_nul_is_refused(self, text: str) -> None:
        first, *_ = errors(text).values()
        assert first[0].startswith("A string must not contain the character NUL. Path '")

    @pytest.mark.parametrize("escape", ["\\ud800", "\\udc00", "\\udc00\\ud800", "\\ud800x"])
    def test_half_a_surrogate_pair_is_refused(self, escape: str) -> None:
        ((message,),) = errors(f'{{"name": "a{escape}"}}').values()
        assert message.startswith("A string must not contain half of a surrogate pair. Path 'name'")

    def test_a_whole_pair_is_one_character(self) -> None:
        assert update("{name: '\\ud83d\\ude00'}").name == "\U0001f600"

    def test_bytes_that_are_no_utf_8_are_refused(self) -> None:
        assert errors(b'{"name": "\xff"}') == {"": ["The request body is not valid UTF-8."]}

    def test_broken_utf_16_is_refused(self) -> None:
        assert errors(b"\xff\xfe{") == {"": ["The request body is not valid UTF-16."]}


class TestAnEmptyBody:
    @pytest.mark.parametrize("text", ["", "  \r\n", "null", "// nothing", "/**/ null", "\ufeff", "undefined"])
    def test_it_is_refused_under_no_key(self, text: str) -> None:
        assert errors(text) == {"": ["A non-empty request body is required."]}


class TestWhatIsRequired:
    def test_a_missing_member_is_named_as_the_property(self) -> None:
        assert errors("{}", wire.ChangePasswordModel) == {
            name: [f"The {name} field is required."] for name in ("NewPassword", "OldPassword", "UserId")
        }

    @pytest.mark.parametrize("value", ["null", '""', '"  "'])
    def test_null_and_blank_texts_are_missing(self, value: str) -> None:
        found = errors(
            f'{{"userId": "{GUID}", "newPassword": "new", "oldPassword": {value}}}', wire.ChangePasswordModel
        )
        assert found == {"OldPassword": ["The OldPassword field is required."]}

    def test_a_text_over_its_length_is_refused(self) -> None:
        body = json.dumps({"userId": str(GUID), "oldPassword": "x", "newPassword": "x" * 257})
        assert errors(body, wire.ChangePasswordModel) == {
            "NewPassword": [
                "The field NewPassword must be a string with a minimum length of 1 and a maximum length of 256."
            ]
        }

    def test_it_is_not_looked_at_when_the_json_is_faulty(self) -> None:
        assert list(errors('{"userId": "x"}', wire.ChangePasswordModel)) == ["userId"]

    def test_members_of_items_have_the_path_of_the_properties(self) -> None:
        found = errors('{"settings": [{"value": "1"}]}', wire.BulkCreateOrUpdateSettingsCommand)
        assert found["Settings[0].Key"] == ["The Key field is required."]


class Looseness(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Every kind that a member can have."""

    NOT_NULL = ("count",)

    text: str | msgspec.UnsetType | None = msgspec.UNSET
    count: wire.Int32 | msgspec.UnsetType | None = msgspec.UNSET
    total: wire.Int64 | msgspec.UnsetType | None = msgspec.UNSET
    share: float | msgspec.UnsetType | None = msgspec.UNSET
    flag: bool | msgspec.UnsetType | None = msgspec.UNSET
    colour: Literal["red", "green"] | msgspec.UnsetType | None = msgspec.UNSET
    level: Any | msgspec.UnsetType = msgspec.UNSET
    made_on: Instant | msgspec.UnsetType | None = msgspec.UNSET
    names: dict[str, str] | msgspec.UnsetType | None = msgspec.UNSET


class TestLenientSpellings:
    @pytest.mark.parametrize(
        ("text", "member", "value"),
        [
            ("{text: 'it\\'s'}", "text", "it's"),
            ("{text: 12.50}", "text", "12.50"),
            ("{text: true}", "text", "true"),
            ("{text: NaN}", "text", "NaN"),
            ("{text: '2021-10-13T18:37:26Z'}", "text", "2021-10-13T18:37:26Z"),
            ("{COUNT: '7'}", "count", 7),
            ("{count: 0x1F}", "count", 31),
            ("{count: 0xFFFFFFFF}", "count", -1),
            ("{count: 017}", "count", 15),
            ("{count: ' -7 '}", "count", -7),
            ("{total: '9007199254740993'}", "total", 9007199254740993),
            ("{total: 2.5}", "total", 2),
            ("{total: true}", "total", 1),
            ("{total: ''}", "total", None),
            ("{share: '1.5'}", "share", 1.5),
            ("{share: .5}", "share", 0.5),
            ("{share: 1}", "share", 1.0),
            ("{flag: 'TRUE'}", "flag", True),
            ("{flag: ' false '}", "flag", False),
            ("{flag: 1}", "flag", True),
            ("{flag: 0.0}", "flag", False),
            ("{flag: ''}", "flag", None),
            ("{flag: null}", "flag", None),
            ("{colour: 'GREEN'}", "colour", "green"),
            ("{colour: 1}", "colour", "green"),
            ("{colour: '0'}", "colour", "red"),
            ("{colour: undefined}", "colour", None),
            ("{level: {a: [1, 'x', null, 2.5, {}], b: true,}}", "level",
             {"a": [1, "x", None, 2.5, {}], "b": True}),
            ("{level: ''}", "level", ""),
            ("{made_on: '2021-10-13T18:37:26.5'}", "made_on", datetime(2021, 10, 13, 18, 37, 26, 500000, UTC)),
            ("{made_on: '2021-10-13'}", "made_on", datetime(2021, 10, 13, tzinfo=UTC)),
            ("{names: {a: 1, 'B b': 'x', a: 'y'}}", "names", {"a": "y", "B b": "x"}),
            ("{text: 'first', Text: 'last'}", "text", "last"),
            ("/* a */ {// b\n text : /* c */ 'x' /* d */, /* e */ } // f", "text", "x"),
            ("{zz: [,, new], text: 'x'}".replace("new", "1"), "text", "x"),
        ],
    )  # fmt: skip
    def test_they_bind(self, text: str, member: str, value: object) -> None:
        found = getattr(decode(text.encode(), Looseness), member)
        assert found == value
        assert type(found) is type(value)

    @pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity", "1" * 20, "1" * 400, "1e999"])
    def test_numbers_that_no_json_can_hold_are_refused_where_anything_goes(self, number: str) -> None:
        assert list(errors(f'{{"level": {number}}}', Looseness)) == ["level"]

    @pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
    def test_a_byte_order_mark_is_passed_over(self, encoding: str) -> None:
        assert decode('{"text": "é"}'.encode(encoding), Looseness).text == "é"

    def test_lists_texts_and_maps_are_bodies_as_well(self) -> None:
        assert decode(f"['{GUID}',]".encode(), list[UUID]) == [GUID]
        assert decode(b"'x'", str) == "x"
        assert decode(b"{a: 'b',}", dict[str, str]) == {"a": "b"}

    def test_long_ones_are_refused(self) -> None:
        body = "{" + " " * 300_000 + "'name': 'x'}"
        assert list(errors(body)) == [""]
        assert update(body.replace("'", '"')).name == "x"


class TestMediaTypes:
    @pytest.mark.parametrize(
        "kind",
        ["application/json", "Application/JSON; charset=utf-8", "text/json", "application/json-patch+json",
         "application/scim+json"],
    )  # fmt: skip
    def test_json_is_taken(self, kind: str) -> None:
        check_media_type({"content-type": kind})

    @pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "text/x+json", "application/jsonp"])
    def test_415_for_everything_else(self, kind: str) -> None:
        with pytest.raises(UnsupportedMediaType) as caught:
            check_media_type({"content-type": kind} if kind else {})
        assert caught.value.status == 415

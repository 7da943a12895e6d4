"""Requests of the identity server as a whole: media types, bodies, parameters, and the shape of their refusal."""

from __future__ import annotations

from uuid import uuid4

import pytest

from tests.conftest import Caller, Node

API = "/identity_/api/Group"
JSON = {"content-type": "application/json"}
LENIENT = "// a group\n{PartitionGlobalId: '%s', NAME: 'Team %s', colour: [1,,], directoryUserMemberIDs: [],}"


@pytest.fixture
def p(node: Node) -> str:
    return str(node.organization_id)


class TestABody:
    async def test_201_in_a_lenient_spelling(self, pm: Caller, p: str) -> None:
        name = str(uuid4())
        made = await pm.post(API, expect=201, content=(LENIENT % (p, name)).encode(), headers=JSON)
        assert made["name"] == f"Team {name}"

    async def test_400_in_the_published_shape(self, pm: Caller) -> None:
        content = b'{\n    "bypassBasicAuthRestriction": harry,\n}'
        trace = "ab" * 16
        headers = JSON | {"traceparent": f"00-{trace}-{'cd' * 8}-01"}
        answer = await pm.request("POST", API, content=content, headers=headers)
        assert (answer.status, answer.headers["content-type"]) == (400, "application/problem+json; charset=utf-8")
        assert list(answer.json) == ["errors", "type", "title", "status", "traceId"]
        where = "Path 'bypassBasicAuthRestriction', line 2, position 34."
        message = f"Unexpected character encountered while parsing value: h. {where}"
        assert answer.json["errors"] == {"bypassBasicAuthRestriction": [message, message]}
        assert answer.json["traceId"].startswith(f"00-{trace}-")
        assert answer.json["traceId"].endswith("-00")

    @pytest.mark.parametrize("content", [b"", b" ", b"null"])
    async def test_400_when_it_is_empty(self, pm: Caller, content: bytes) -> None:
        problem = await pm.post(API, expect=400, content=content, headers=JSON)
        assert problem["errors"] == {"": ["A non-empty request body is required."]}

    async def test_400_for_an_item_of_a_list(self, pm: Caller, p: str) -> None:
        problem = await pm.post(f"{API}/BulkLoadByIds/{p}", [str(uuid4()), "gryff-01"], expect=400)
        assert list(problem["errors"]) == ["[1]"]

    @pytest.mark.parametrize("headers", [{}, {"content-type": "text/plain"}])
    async def test_415_when_it_does_not_say_that_it_is_json(self, pm: Caller, headers: dict[str, str]) -> None:
        problem = await pm.post(API, expect=415, content=b"{}", headers=headers)
        assert problem["title"] == "Unsupported Media Type"
        assert problem["type"] == "https://tools.ietf.org/html/rfc7231#section-6.5.13"

    async def test_a_delete_has_one_as_well(self, pm: Caller, p: str) -> None:
        made = await pm.post(API, {"partitionGlobalId": p, "name": f"Team {uuid4()}"}, expect=201)
        content = f"{{groupids: ['{made['id']}',]}}".encode()
        await pm.delete(f"{API}/{p}", content=content, headers=JSON)
        await pm.get(f"{API}/{p}/{made['id']}", expect=404)


class TestParameters:
    async def test_400_for_a_query_parameter_that_cannot_be_converted(self, pm: Caller) -> None:
        problem = await pm.get("/identity_/api/Setting?partitionGlobalId=magic-7", expect=400)
        assert problem["errors"] == {"partitionGlobalId": ["The value 'magic-7' is not valid."]}

    async def test_400_for_an_id_of_the_path_that_is_none(self, pm: Caller, p: str) -> None:
        problem = await pm.get(f"{API}/{p}/gryff-01", expect=400)
        assert problem["errors"] == {"groupId": ["The value 'gryff-01' is not valid."]}

    async def test_a_get_with_a_content_type_and_foreign_parameters_is_answered(self, pm: Caller, p: str) -> None:
        assert await pm.get(f"{API}/{p}?$count=false&startsWith=..", headers=JSON)

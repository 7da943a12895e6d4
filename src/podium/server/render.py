"""What leaves the server: results and errors in the shape of the API they belong to."""

from __future__ import annotations

from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from podium.kernel.call import FileReply, Item, Page, Reply, Value
from podium.kernel.errors import ApiError, Forbidden, Unauthenticated, ValidationProblem

JSON = "application/json; charset=utf-8"
ODATA_JSON = "application/json; odata.metadata=minimal; odata.streaming=true; charset=utf-8"
ODATA_VERSION = ("odata-version", "4.0")

_encoder = msgspec.json.Encoder()


class Answer(NamedTuple):
    """Status, media type and body; `file` names a file to stream instead of the body."""

    status: int
    content_type: str
    body: bytes
    headers: tuple[tuple[str, str], ...] = ()
    file: FileReply | None = None


def result(value: object, status: int, base_url: str, *, is_odata: bool) -> Answer:
    """The answer of a handler's result; `base_url` is the address up to `/odata`."""
    kind = ODATA_JSON if is_odata else JSON
    if value is None:
        return Answer(status, kind, b"")
    if isinstance(value, Page):
        return Answer(value.status or status, kind, _page(value, base_url))
    if isinstance(value, Item):
        return Answer(value.status or status, kind, _item(value, base_url), value.headers)
    if isinstance(value, Value):
        context = f'{{"@odata.context":"{base_url}/odata/$metadata#{value.type_name or _edm(value.value)}","value":'
        return Answer(status, kind, context.encode() + _encoder.encode(value.value) + b"}")
    if isinstance(value, Reply):
        cookies = (("set-cookie", cookie) for cookie in value.cookies)
        return Answer(value.status, value.content_type, value.body, (*value.headers.items(), *cookies))
    if isinstance(value, FileReply):
        return Answer(status, value.content_type, b"", (("content-disposition", disposition(value.file_name)),), value)
    return Answer(status, kind, _encoder.encode(value))


def _page(page: Page, base_url: str) -> bytes:
    count = "" if page.total is None else f'"@odata.count":{page.total},'
    following = "" if page.next_link is None else f',"@odata.nextLink":{msgspec.json.encode(page.next_link).decode()}'
    what = page.set_name and f"#{page.set_name}"
    head = f'{{"@odata.context":"{base_url}/odata/$metadata{what}",{count}"value":'
    return f"{head}{page.json}{following}}}".encode()


def _item(item: Item, base_url: str) -> bytes:
    members = item.json.lstrip()[1:]
    comma = "" if members.lstrip().startswith("}") else ","
    return f'{{"@odata.context":"{base_url}/odata/$metadata#{item.set_name}/$entity"{comma}{members}'.encode()


def _edm(value: object) -> str:
    if isinstance(value, bool):
        return "Edm.Boolean"
    if isinstance(value, int):
        return "Edm.Int64"
    if isinstance(value, list):
        return "Collection(Edm.String)"
    return "Edm.String"


def disposition(file_name: str) -> str:
    """A Content-Disposition that survives every legal file name (RFC 6266)."""
    plain = "".join(c if c.isascii() and c.isprintable() and c not in '"\\' else "_" for c in file_name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(file_name, safe='')}"


def orchestrator_error(error: ApiError, trace_id: str) -> Answer:
    """The Orchestrator envelope; refusals of authentication and authorization carry the older members as well."""
    body: dict[str, Any] = {"message": error.message, "errorCode": error.code, "traceId": trace_id, "resourceIds": None}
    if isinstance(error, Unauthenticated | Forbidden) and error.code == 0:
        hint = (
            "You should be authenticated (sign in) in order to perform this operation."
            if isinstance(error, Unauthenticated)
            else "You are not allowed to perform this operation."
        )
        body |= {
            "result": None,
            "targetUrl": None,
            "success": False,
            "error": {"code": 0, "message": error.message, "details": hint, "validationErrors": None},
            "unAuthorizedRequest": True,
            "__abp": True,
        }
    return Answer(error.status, JSON, _encoder.encode(body), tuple(error.headers.items()))


_SECTIONS = {400: "6.5.1", 404: "6.5.4", 405: "6.5.5", 409: "6.5.8", 413: "6.5.11", 415: "6.5.13", 500: "6.6.1"}
_TITLES = {
    404: "Not Found",
    405: "Method Not Allowed",
    409: "Conflict",
    413: "Payload Too Large",
    415: "Unsupported Media Type",
    500: "An error occurred while processing your request.",
    501: "Not Implemented",
    503: "Service Unavailable",
}


def identity_error(error: ApiError, trace_id: str) -> Answer:
    """Problem details as the identity server gives them; 401 and 403 have no body."""
    headers = tuple(error.headers.items())
    trace = trace_id[:-2] + "00"
    if error.status == 401:
        return Answer(401, JSON, b"", (*headers, ("www-authenticate", "Bearer")))
    if error.status == 403:
        return Answer(403, JSON, b"", headers)
    type_ = f"https://tools.ietf.org/html/rfc7231#section-{_SECTIONS.get(error.status, '6.6')}"
    problem: dict[str, Any] = {}
    if isinstance(error, ValidationProblem):
        problem["errors"] = error.errors
    elif error.status == 400:
        problem["errors"] = {"": [error.message]}
    title = "One or more validation errors occurred." if error.status == 400 else _TITLES.get(error.status, "Error")
    problem |= {"type": type_, "title": title, "status": error.status}
    if error.status not in (400, 500):
        problem["detail"] = error.message
    problem["traceId"] = trace
    return Answer(error.status, "application/problem+json; charset=utf-8", _encoder.encode(problem), headers)

"""A client of one tenant's Web API: errors become Failure with the server's own words."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from podium.cli.failure import Exit, Failure

if TYPE_CHECKING:
    from types import TracebackType

    import httpx

Row = dict[str, Any]
ODATA = "UiPath.Server.Configuration.OData."  # the namespace of every function and action but those of queues
PAGE = 500
TIMEOUT_S = 30.0
GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
LOOPBACK = re.compile(r"localhost|127(\.\d+){3}|::1")
UNREACHABLE_HINT = "is the server running? `podium up` starts one here"


def folder_headers(folder: str | int | None) -> dict[str, str]:
    """The header that names a folder given by id, key or path; none for None.

    A path outside ASCII travels as Base64 of UTF-16LE, because header values are ASCII.
    """
    if folder is None:
        return {}
    text = str(folder).strip().strip("/")
    if text.isdecimal() and text.isascii():
        return {"X-UIPATH-OrganizationUnitId": text}
    if GUID.fullmatch(text):
        return {"X-UIPATH-FolderKey": text}
    if text.isascii():
        return {"X-UIPATH-FolderPath": text}
    return {"X-UIPATH-FolderPath-Encoded": base64.b64encode(text.encode("utf-16-le")).decode()}


def quoted(text: str) -> str:
    """An OData text literal."""
    return "'" + text.replace("'", "''") + "'"


def open_http(url: str, token: str | Callable[[], str] | None = None) -> httpx.Client:
    """An HTTP client that sends the token; a function is asked for it before each request.

    A proxy named in the environment is not used for this machine itself.
    """
    import httpx

    def sign(request: httpx.Request) -> None:
        if token:
            request.headers["Authorization"] = f"Bearer {token if isinstance(token, str) else token()}"

    return httpx.Client(
        headers={"Accept": "application/json", "User-Agent": "podium-cli"},
        timeout=TIMEOUT_S,
        trust_env=not LOOPBACK.fullmatch(urlsplit(url).hostname or ""),
        event_hooks={"request": [sign]},
    )


def send(http: httpx.Client, method: str, url: str, **options: Any) -> httpx.Response:
    """The response, whatever its status; raises Failure (3) when none comes."""
    import httpx

    try:
        return http.request(method, url, **options)
    except httpx.TimeoutException:
        raise Failure(f"No answer from {_origin(url)} in {http.timeout.read:g} s", Exit.UNREACHABLE) from None
    except httpx.InvalidURL as error:
        raise Failure(f"The address {url!r} is not valid: {error}", Exit.USAGE) from None
    except httpx.TransportError as error:
        raise Failure(f"Cannot reach {_origin(url)}: {error}", Exit.UNREACHABLE, hint=UNREACHABLE_HINT) from None


def message_of(response: httpx.Response) -> tuple[str, int | None]:
    """The message and errorCode of an error response, in any of the shapes that the two APIs use."""
    try:
        body = response.json()
    except ValueError:
        body = None
    if isinstance(body, dict):
        code = body.get("errorCode")
        inner = body.get("error")
        nested = inner.get("message") if isinstance(inner, dict) else inner
        if found := body.get("message") or body.get("error_description") or nested or body.get("title"):
            return str(found), code if isinstance(code, int) else None
    return (
        f"{response.request.method} {response.request.url} answered {response.status_code} {response.reason_phrase}",
        None,
    )


def checked(response: httpx.Response) -> httpx.Response:
    """The response when it is a success; raises Failure otherwise, with status 4 for a refused token."""
    if response.is_success:
        return response
    message, code = message_of(response)
    if response.status_code == 401:
        raise Failure(message, Exit.NOT_AUTHENTICATED, code, hint="sign in again with `podium login`")
    raise Failure(message, Exit.REFUSED, code)


class Orchestrator:
    """One tenant's Web API over a connection that is kept open; use it with `with`. Not for several threads."""

    def __init__(self, url: str, token: str | Callable[[], str]) -> None:
        self.url = url
        self._http = open_http(url, token)

    def __enter__(self) -> Orchestrator:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def request(
        self,
        method: str,
        path: str,
        *,
        folder: str | int | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        """The decoded body; None when it is empty. Raises Failure for every status that is not 2xx."""
        response = self.exchange(
            method, path, folder=folder, params=params, json=json, content=content, headers=headers
        )
        return self.decoded(response)

    def exchange(
        self,
        method: str,
        path: str,
        *,
        folder: str | int | None = None,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        content: Iterator[bytes] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> httpx.Response:
        """As `request`, for who wants the answer's headers as well."""
        response = send(
            self._http,
            method,
            self.url + path,
            params={name: value for name, value in (params or {}).items() if value is not None} or None,
            json=json,
            content=content,
            headers=folder_headers(folder) | dict(headers or {}),
        )
        return checked(response)

    def decoded(self, response: httpx.Response) -> Any:
        """The answer's JSON; None for an empty body. Raises Failure for anything else."""
        if not response.content:
            return None
        try:
            return response.json()
        except ValueError:
            raise Failure(f"{self.url} did not answer in JSON; is this a Podium server?") from None

    def get(self, path: str, params: Mapping[str, Any] | None = None, *, folder: str | int | None = None) -> Any:
        """The decoded body of a GET; parameters that are None are left out."""
        return self.request("GET", path, folder=folder, params=params)

    def post(self, path: str, json: Any, *, folder: str | int | None = None) -> Any:
        """The decoded body of a POST."""
        return self.request("POST", path, folder=folder, json=json)

    def rows(
        self,
        path: str,
        params: Mapping[str, Any] | None = None,
        *,
        folder: str | int | None = None,
        limit: int | None = None,
    ) -> list[Row]:
        """Every row of an entity set (at most `limit`), read page by page."""
        found: list[Row] = []
        while limit is None or len(found) < limit:
            size = PAGE if limit is None else min(PAGE, limit - len(found))
            page = self.get(path, {**(params or {}), "$top": size, "$skip": len(found)}, folder=folder)["value"]
            found += page
            if len(page) < size:
                break
        return found


def _origin(url: str) -> str:
    return "/".join(url.split("/", 3)[:3])

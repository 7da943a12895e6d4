"""What a client sends to the OAuth endpoints: a form, and who it says it is."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote_plus

from podium.identity.oidc.errors import OAuthError
from podium.kernel.call import Call

MAX_BYTES = 64 * 1024
MAX_FIELDS = 50
FORM = "application/x-www-form-urlencoded"


class Credentials(NamedTuple):
    """What a client presents. `secrets`: the readings of its secret, empty for a public client."""

    client_id: str
    secrets: tuple[str, ...]


async def read_form(call: Call) -> dict[str, str]:
    """The fields of the body. Raises OAuthError for another media type, a field given twice, bad UTF-8."""
    return parse_form(await read_body(call))


async def read_body(call: Call) -> bytes:
    """The body of a form as it was sent. Raises OAuthError for another media type or too much of it."""
    media_type = call.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media_type != FORM:
        raise OAuthError("invalid_request", f"The body must be {FORM}.")
    pieces = bytearray()
    async for piece in call.stream():
        pieces += piece
        if len(pieces) > MAX_BYTES:
            raise OAuthError("invalid_request", f"The body is larger than {MAX_BYTES} bytes.")
    return bytes(pieces)


def parse_form(body: bytes) -> dict[str, str]:
    """The fields of a form body."""
    try:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=MAX_FIELDS, errors="strict")
    except ValueError:  # UnicodeDecodeError is one
        raise OAuthError("invalid_request", "The form is malformed.") from None
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise OAuthError("invalid_request", "A field is given twice.")
    if any("\0" in name or "\0" in value for name, value in pairs):
        raise OAuthError("invalid_request", "The form is malformed.")
    return fields


def credentials(headers: Mapping[str, str], query: Mapping[str, str], form: Mapping[str, str]) -> Credentials:
    """Who the client says it is: in the form or by HTTP Basic, never both, and no secret in the address."""
    if "client_secret" in query or "client_id" in query:
        raise OAuthError("invalid_request", "Client credentials do not belong into the address.")
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        presented = _basic(value.strip())
        if form.get("client_secret") or form.get("client_id", presented.client_id) != presented.client_id:
            raise OAuthError("invalid_request", "The client authenticates in two ways.")
        return presented
    # any other scheme says nothing here: some clients send the token they are about to replace
    secret = form.get("client_secret", "")
    return Credentials(form.get("client_id", ""), (secret,) if secret else ())


def _basic(value: str) -> Credentials:
    try:
        text = base64.b64decode(value, validate=True).decode()
    except (binascii.Error, ValueError):
        raise OAuthError("invalid_client") from None
    name, colon, secret = text.partition(":")
    if not colon:
        raise OAuthError("invalid_client")
    # RFC 6749 (2.3.1) form-encodes both; many clients do not, so the secret may be either
    readings = tuple(dict.fromkeys((unquote_plus(secret), secret))) if secret else ()
    return Credentials(unquote_plus(name), readings)

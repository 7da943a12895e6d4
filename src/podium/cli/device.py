"""Signing in without a browser here: a code that is typed into a browser elsewhere (RFC 8628)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import typer

from podium.cli.failure import Exit, Failure
from podium.cli.oauth import CLIENT_ID, SCOPES, Provider, Refused, Tokens, check_id_token, post, redeem
from podium.cli.output import printable

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
INTERVAL_S = 5.0  # where the server names none
SLOWER_BY_S = 5.0


@dataclass(frozen=True, slots=True)
class Code:
    """What the server gave: `device_code` to poll with, `user_code` for a person to type at `address`."""

    device_code: str
    user_code: str
    address: str
    complete_address: str | None
    lifetime_s: float
    interval_s: float


def sign_in(provider: Provider) -> tuple[Tokens, str]:
    """The tokens and the name of the user who approved. Waits as long as the code lives. Raises Failure."""
    code = _begin(provider)
    typer.echo(f"Open {printable(code.address)} on any device and type\n\n  {printable(code.user_code)}\n")
    if code.complete_address:
        typer.echo(f"or open {printable(code.complete_address)}\n")
    tokens = _wait(provider, code)
    return tokens, check_id_token(provider, tokens, None)


def _begin(provider: Provider) -> Code:
    try:
        said = post(provider.device_authorization_endpoint, client_id=CLIENT_ID, scope=SCOPES)
    except Refused as refused:
        raise refused.failure from None
    texts = [said.get(name) for name in ("device_code", "user_code", "verification_uri")]
    if not all(isinstance(text, str) and text for text in texts):
        raise Failure(f"{provider.issuer} gave no code for a device")
    device_code, user_code, address = map(str, texts)
    complete = said.get("verification_uri_complete")
    return Code(
        device_code,
        user_code,
        address,
        complete if isinstance(complete, str) else None,
        _seconds(said, "expires_in", 300.0),
        _seconds(said, "interval", INTERVAL_S),
    )


def _seconds(said: Mapping[str, Any], name: str, default: float) -> float:
    value = said.get(name)
    return float(value) if isinstance(value, int | float) and value >= 0 else default


def _wait(provider: Provider, code: Code) -> Tokens:
    deadline = time.monotonic() + code.lifetime_s
    interval_s = code.interval_s
    while time.monotonic() < deadline:
        time.sleep(interval_s)
        try:
            return redeem(provider, GRANT, device_code=code.device_code)
        except Refused as refused:
            if refused.error == "slow_down":
                interval_s += SLOWER_BY_S
            elif refused.error == "access_denied":
                raise Failure("The sign-in was refused in the browser", Exit.NOT_AUTHENTICATED) from None
            elif refused.error == "expired_token":
                break
            elif refused.error != "authorization_pending":
                raise refused.failure from None
        except Failure as failure:
            if failure.status is not Exit.UNREACHABLE:
                raise
            interval_s += SLOWER_BY_S  # RFC 8628, 3.5: slower as well when no answer came
    raise Failure("The code has expired; nobody approved it", Exit.NOT_AUTHENTICATED)

"""People of the organization, made by the management API."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx

from tests.acceptance.programs import Server

CLIENT_ID, CLIENT_SECRET = "browser-tests", "a secret of the browser tests"
PASSWORD = "a good 1 password"


def make_user(server: Server, name: str) -> str:
    """Add a person with PASSWORD; the name."""
    token = manager_token(server)
    body = {
        "partitionGlobalId": claims(token)["prt_id"],
        "userName": name,
        "email": f"{name}@podium.test",
        "password": PASSWORD,
    }
    headers = {"authorization": f"Bearer {token}"}
    answer = httpx.post(f"{server.url}/identity_/api/User", json=body, headers=headers, trust_env=False)
    assert answer.is_success, answer.text
    return name


def manager_token(server: Server) -> str:
    """A token of the operator's own application."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    answer = httpx.post(f"{server.url}/identity_/connect/token", data=form, trust_env=False)
    assert answer.is_success, answer.text
    token: str = answer.json()["access_token"]
    return token


def claims(token: str) -> dict[str, Any]:
    """What a token says; its signature is not looked at."""
    part = token.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
    return found

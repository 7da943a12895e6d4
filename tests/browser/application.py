"""An application on this machine: it sends people to the server and listens for their way back."""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx

CLIENT = "36dea5b8-e8bb-423d-8e7b-c808df8f1c00"
SCOPE = "openid profile offline_access OrchestratorApiUserAccess"


@dataclass
class Application:
    """The built-in public client, as the vendor's command lines are; `answers`: what came back, oldest first."""

    server_url: str
    redirect_uri: str
    answers: list[dict[str, str]] = field(default_factory=list)
    verifier: str = field(default_factory=lambda: secrets.token_urlsafe(48))

    def start(self, **more: str) -> str:
        """The address that begins a sign-in."""
        challenge = base64.urlsafe_b64encode(hashlib.sha256(self.verifier.encode()).digest()).decode().rstrip("=")
        asked = {
            "response_type": "code",
            "client_id": CLIENT,
            "redirect_uri": self.redirect_uri,
            "scope": SCOPE,
            "state": secrets.token_urlsafe(8),
            "code_challenge": challenge,
            "code_challenge_method": "S256",
            **more,
        }
        return f"{self.server_url}/identity_/connect/authorize?{urlencode(asked)}"

    def tokens(self, code: str) -> dict[str, Any]:
        """What the code is worth."""
        return self._post(
            "token",
            grant_type="authorization_code",
            code=code,
            redirect_uri=self.redirect_uri,
            code_verifier=self.verifier,
        )

    def begin_device(self) -> dict[str, Any]:
        """What a device without a browser is told to show to its user."""
        return self._post("deviceauthorization", scope="openid OR.Jobs.Read")

    def poll(self, device_code: str) -> dict[str, Any]:
        """What the device gets once its user has approved."""
        grant = "urn:ietf:params:oauth:grant-type:device_code"
        return self._post("token", grant_type=grant, device_code=device_code)

    def _post(self, endpoint: str, **form: str) -> dict[str, Any]:
        address = f"{self.server_url}/identity_/connect/{endpoint}"
        answer = httpx.post(address, data={"client_id": CLIENT, **form}, trust_env=False)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found


@contextmanager
def listening(server_url: str) -> Iterator[Application]:
    """The application while it listens."""
    answers: list[dict[str, str]] = []

    class Answered(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            if parts.path == "/oidc/login":
                answers.append({name: values[0] for name, values in parse_qs(parts.query).items()})
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><html lang=en><title>App</title><h1>Back at the application</h1>")

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the parent's name
            """Nothing on the tests' output."""

    listener = ThreadingHTTPServer(("127.0.0.1", 0), Answered)
    thread = threading.Thread(target=listener.serve_forever, daemon=True)
    thread.start()
    try:
        yield Application(server_url, f"http://localhost:{listener.server_port}/oidc/login", answers)
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()

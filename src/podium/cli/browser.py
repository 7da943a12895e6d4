"""Signing in with the system's browser: an authorization code with PKCE that comes back to a port of this machine."""

from __future__ import annotations

import base64
import hashlib
import html
import queue
import secrets
import webbrowser
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import Thread
from urllib.parse import parse_qsl, urlencode, urlsplit

import typer

from podium.cli.failure import Exit, Failure
from podium.cli.oauth import CLIENT_ID, SCOPES, Provider, Refused, Tokens, check_id_token, redeem

PATH = "/oidc/login"
"""The path that the public client is registered with; any port of `localhost` goes with it (RFC 8252, 7.3)."""

WAIT_S = 600.0
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>podium</title>
<body style="font-family: system-ui, sans-serif; margin: 4rem auto; max-width: 32rem"><h1>{title}</h1><p>{text}</p>
"""
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}

Answer = Mapping[str, str]


def sign_in(provider: Provider, organization: str, *, opens_browser: bool) -> tuple[Tokens, str]:
    """The tokens and the name of the user who signed in. Waits for it up to ten minutes. Raises Failure.

    Without a browser that opens, the address is there to be opened by hand, on this machine.
    """
    verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    with _listening(state) as (redirect_uri, answers):
        address = _authorization_address(provider, organization, redirect_uri, verifier, state, nonce)
        if opens_browser and webbrowser.open(address):
            typer.echo(f"Sign in in the browser that opened. If none did, open\n\n  {address}\n")
        else:
            typer.echo(f"Open this address in a browser on this machine:\n\n  {address}\n")
        try:
            answer = answers.get(timeout=WAIT_S)
        except queue.Empty:
            raise Failure("Nobody signed in within ten minutes", Exit.NOT_AUTHENTICATED) from None
    tokens = _redeem(provider, answer, redirect_uri, verifier)
    return tokens, check_id_token(provider, tokens, nonce)


def _authorization_address(
    provider: Provider, organization: str, redirect_uri: str, verifier: str, state: str, nonce: str
) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    query = {
        "response_type": "code",
        "client_id": CLIENT_ID,
        "redirect_uri": redirect_uri,
        "scope": SCOPES,
        "state": state,
        "nonce": nonce,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "acr_values": f"tenantName:{organization}",
    }
    return f"{provider.authorization_endpoint}?{urlencode(query)}"


def _redeem(provider: Provider, answer: Answer, redirect_uri: str, verifier: str) -> Tokens:
    if answer.get("iss") != provider.issuer:  # RFC 9207: the answer of another server is not for this one's endpoint
        raise Failure("The answer did not come from the server that was asked", Exit.NOT_AUTHENTICATED)
    if "error" in answer:
        said = answer.get("error_description") or answer["error"]
        raise Failure(f"The sign-in was refused: {said}", Exit.NOT_AUTHENTICATED)
    try:
        return redeem(
            provider, "authorization_code", code=answer["code"], redirect_uri=redirect_uri, code_verifier=verifier
        )
    except Refused as refused:
        raise refused.failure from None


@contextmanager
def _listening(state: str) -> Iterator[tuple[str, queue.Queue[Answer]]]:
    """The redirect address and where its answer arrives; the port is closed at the end."""
    answers: queue.Queue[Answer] = queue.Queue()
    handler = type("Handler", (_Handler,), {"state": state, "answers": answers})
    try:
        server = ThreadingTCPServer(("127.0.0.1", 0), handler)  # http.server's own looks its name up first
    except OSError as error:
        raise Failure(f"No port of this machine can be listened on: {error.strerror}") from None
    server.daemon_threads = True  # a browser keeps connections open that it never uses
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield f"http://localhost:{server.server_address[1]}{PATH}", answers
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    """Takes the one answer that carries our state; anything else that a page or program sends here changes nothing."""

    state: str
    answers: queue.Queue[Answer]
    timeout = 30

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        answer = dict(pairs)
        if parts.path != PATH:
            self._show(404, "Not found", "There is nothing here.")
        elif len(answer) != len(pairs) or not secrets.compare_digest(
            answer.get("state", "").encode(), self.state.encode()
        ):
            self._show(400, "Not signed in", "This answer does not belong to the sign-in that podium waits for.")
        elif "error" in answer or not answer.get("code"):
            said = answer.get("error_description") or answer.get("error", "the answer has no code")
            self._show(200, "Not signed in", f"{said} You may close this page.")
            self.answers.put(answer if "error" in answer else answer | {"error": said})
        else:
            self._show(200, "Almost there", "podium takes it from here: see the terminal. You may close this page.")
            self.answers.put(answer)

    def _show(self, status: int, title: str, text: str) -> None:
        content = PAGE.format(title=html.escape(title), text=html.escape(text)).encode()
        self.send_response(status)
        for name, value in (HEADERS | {"Content-Length": str(len(content)), "Connection": "close"}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name is inherited
        """Says nothing: the address holds the code."""

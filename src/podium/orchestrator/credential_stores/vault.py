"""The type HashiCorp Vault, which OpenBao speaks as well: the KV engines, by token or AppRole."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

import hvac
import requests
from hvac.exceptions import Forbidden as VaultForbidden
from hvac.exceptions import InvalidPath, InvalidRequest, ParamValidationError, VaultError
from hvac.exceptions import Unauthorized as VaultUnauthorized
from requests.adapters import HTTPAdapter

from podium.kernel.errors import BadRequest
from podium.orchestrator.credential_stores.types import Denied, Entry, NotThere, Place, Secret, Unreachable
from podium.orchestrator.outgoing import Outgoing, Refused
from podium.orchestrator.status.rules import parse

STEP_SECONDS = 4
ANSWER_SECONDS = 8.0
MAX_ANSWER_BYTES = 1024 * 1024
THREADS = 8
V1, V2 = "KeyValueV1", "KeyValueV2"
DEFAULT_PATHS = {V1: "kv", V2: "secret"}

T = TypeVar("T")

ENTRIES = (
    Entry("VaultUri", "Address of the server", is_required=True, is_address=True),
    Entry("AuthenticationType", "Way to sign in", "Choice", is_required=True, choices=("AppRole", "Token")),
    Entry("RoleId", "Role id of AppRole", "Secret"),
    Entry("SecretId", "Secret id of AppRole", "Secret"),
    Entry("Token", "Token", "Secret"),
    Entry("SecretsEngine", "Secrets engine", "Choice", is_required=True, choices=(V1, V2)),
    Entry("SecretsEnginePath", "Path of the secrets engine"),
    Entry("DataPath", "Path of the secrets in the engine"),
    Entry("Namespace", "Namespace"),
)


class HashiCorpVaultReadOnly:
    """A Vault whose secrets are read.

    A credential is kept as `Username` and `Password`, a secret under its own name. Redirects are not followed, and the
    connection goes to the address that was looked at and to no other.
    """

    name = "HashiCorpVaultReadOnly"
    entries = ENTRIES

    def __init__(self, outgoing: Outgoing) -> None:
        self._outgoing = outgoing
        self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="vault")

    def check(self, values: Mapping[str, str]) -> None:
        try:
            parse(values["VaultUri"])
        except BadRequest as wrong:
            raise ValueError(f"VaultUri: {wrong.message.removeprefix('url: ')}") from None
        needed = ("Token",) if values["AuthenticationType"] == "Token" else ("RoleId", "SecretId")
        for key in needed:
            if not values.get(key):
                raise ValueError(f"{key} is required with this AuthenticationType")
        for key in ("SecretsEnginePath", "DataPath"):
            if (path := values.get(key, "").strip("/")) and not _is_path(path):
                raise ValueError(f"{key}: expected a path")

    async def read(self, place: Place, name: str, *, has_user: bool) -> Secret:
        found = await self._run(place, name, _read)
        return _credential(found) if has_user else _text(found, name)

    async def _run(self, place: Place, name: str, work: Callable[[hvac.Client, Mapping[str, str], str], T]) -> T:
        """Do the work in a thread. Raises StoreError; what the server says is not repeated, it may be anything."""
        if not _is_path(name):
            raise Denied(f"{name} cannot be the name of a secret.")
        values = place.values
        address = parse(values["VaultUri"])
        try:
            ip = await self._outgoing.resolve(address.host, address.port)
        except Refused as refused:
            raise Denied(str(refused)) from None
        path = "/".join(part for part in (values.get("DataPath", "").strip("/"), name) if part)

        def run() -> T:
            with _session(ip) as session:
                return work(_client(values, session), values, path)

        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, run)
        except InvalidPath:
            raise NotThere(f"There is no {name}.") from None
        except (VaultForbidden, VaultUnauthorized, InvalidRequest, ParamValidationError):
            raise Denied("The Vault does not permit it.") from None
        except (VaultError, requests.RequestException, KeyError, TypeError, ValueError) as error:
            raise Unreachable(f"The Vault gave no usable answer ({type(error).__name__}).") from None


class HashiCorpVault(HashiCorpVaultReadOnly):
    """A Vault whose secrets are read and written."""

    name = "HashiCorpVault"

    async def write(self, place: Place, name: str, secret: Secret) -> None:
        members = {name: secret.text}
        if secret.user_name is not None:
            members = {"Username": secret.user_name, "Password": secret.text}
        await self._run(place, name, lambda client, engine, path: _write(client, engine, path, members))


def _is_path(text: str) -> bool:
    return (
        len(text) <= 500 and text.isprintable() and all(part.strip() not in ("", ".", "..") for part in text.split("/"))
    )


def _client(values: Mapping[str, str], session: requests.Session) -> hvac.Client:
    client = hvac.Client(
        url=values["VaultUri"].rstrip("/"),
        token=values.get("Token") if values["AuthenticationType"] == "Token" else "",
        namespace=values.get("Namespace") or None,
        session=session,
        timeout=STEP_SECONDS,
        allow_redirects=False,
    )
    if values["AuthenticationType"] == "AppRole":
        client.auth.approle.login(role_id=values["RoleId"], secret_id=values["SecretId"])
    return client


def _mount(values: Mapping[str, str]) -> str:
    return values.get("SecretsEnginePath", "").strip("/") or DEFAULT_PATHS[values["SecretsEngine"]]


def _read(client: hvac.Client, values: Mapping[str, str], path: str) -> dict[str, Any]:
    if values["SecretsEngine"] == V1:
        return dict(client.secrets.kv.v1.read_secret(path=path, mount_point=_mount(values))["data"])
    answer = client.secrets.kv.v2.read_secret_version(
        path=path, mount_point=_mount(values), raise_on_deleted_version=True
    )
    return dict(answer["data"]["data"])


def _write(client: hvac.Client, values: Mapping[str, str], path: str, members: dict[str, str]) -> None:
    if values["SecretsEngine"] == V1:
        client.secrets.kv.v1.create_or_update_secret(
            path=path, secret=members, method="POST", mount_point=_mount(values)
        )
    else:
        client.secrets.kv.v2.create_or_update_secret(path=path, secret=members, mount_point=_mount(values))


def _credential(found: Mapping[str, Any]) -> Secret:
    members = {name.casefold(): value for name, value in found.items()}
    user, password = members.get("username"), members.get("password")
    if not isinstance(user, str) or not isinstance(password, str):
        raise Denied("The secret has no Username and Password.")
    return Secret(user, password)


def _text(found: Mapping[str, Any], name: str) -> Secret:
    """The member of the secret's own name, or the only one there is."""
    only = next(iter(found.values())) if len(found) == 1 else None
    text = found.get(name, found.get(name.rpartition("/")[2], only))
    if not isinstance(text, str):
        raise Denied("The secret has no member of its own name.")
    return Secret(None, text)


def _session(ip: str) -> requests.Session:
    session = _BoundedSession()
    session.trust_env = False  # no proxy and no .netrc of this machine
    adapter = _PinnedAdapter(ip)
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    return session


class _BoundedSession(requests.Session):
    """Takes no answer that is longer, or comes more slowly, than an answer of Vault ever does."""

    def request(self, *args: Any, **options: Any) -> requests.Response:
        until = time.monotonic() + ANSWER_SECONDS
        answer = super().request(*args, **{**options, "stream": True})
        content = bytearray()
        for chunk in answer.iter_content(16 * 1024):
            content += chunk
            if len(content) > MAX_ANSWER_BYTES or time.monotonic() > until:
                answer.close()
                raise requests.exceptions.ContentDecodingError("The answer is too long.")
        answer._content = bytes(content)  # noqa: SLF001 - what the library itself does after reading
        return answer


class _PinnedAdapter(HTTPAdapter):
    """Connects to one IP address whatever the name means by now; certificates are checked against the name."""

    def __init__(self, ip: str) -> None:
        self._ip = f"[{ip}]" if ":" in ip else ip
        self._host = ""
        super().__init__(max_retries=0)

    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        parts = urlsplit(request.url or "")
        assert isinstance(parts.hostname, str)
        if self._host != parts.hostname:
            self._host = parts.hostname
            self.init_poolmanager(1, 1, ssl_context=ssl.create_default_context(), server_hostname=self._host)
        request.headers["Host"] = parts.netloc
        pinned = self._ip if parts.port is None else f"{self._ip}:{parts.port}"
        request.url = urlunsplit((parts.scheme, pinned, parts.path, parts.query, ""))
        return super().send(request, *args, **options)

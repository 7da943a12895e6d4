"""The connection goes to an address that was looked at, and the certificate is still checked against the name."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from uuid import uuid4

import pytest

from podium.orchestrator.credential_stores.types import Place, Secret, Unreachable
from podium.orchestrator.credential_stores.vault import HashiCorpVault
from podium.orchestrator.outgoing import Outgoing

from .conftest import ROOT, free_port, running


class Misled(Outgoing):
    """A name service that knows one address for every name."""

    async def resolve(self, host: str, port: int) -> str:
        return "127.0.0.1" if port and host else ""


def place(host: str, port: int) -> Place:
    values = {"VaultUri": f"https://{host}:{port}", "AuthenticationType": "Token", "Token": ROOT}
    return Place("acme", uuid4(), {**values, "SecretsEngine": "KeyValueV2"})


async def until_it_is_trusted(folder: Path, port: int) -> Path:
    """The certificate of the server's own authority, once it is there and the server answers."""
    authority = folder / "vault-ca.pem"
    async with asyncio.timeout(30):
        while True:
            try:
                context = ssl.create_default_context(cafile=authority)
                _, writer = await asyncio.open_connection("localhost", port, ssl=context)
            except OSError:
                await asyncio.sleep(0.05)
                continue
            writer.close()
            return authority


async def test_the_certificate_must_be_trusted_and_that_of_the_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    port, secret = free_port(), Secret("bob", "planted fern 41")
    async with running(f"127.0.0.1:{port}", "-dev-tls", f"-dev-tls-cert-dir={tmp_path}"):
        authority = await until_it_is_trusted(tmp_path, port)
        type_ = HashiCorpVault(Misled())
        with pytest.raises(Unreachable):
            await type_.read(place("localhost", port), "login", has_user=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(authority))
        async with asyncio.timeout(30):
            while True:
                try:  # the listener is there a moment before the secrets engine
                    await type_.write(place("localhost", port), "login", secret)
                    break
                except Unreachable:
                    await asyncio.sleep(0.05)
        assert await type_.read(place("localhost", port), "login", has_user=True) == secret
        with pytest.raises(Unreachable):
            await type_.read(place("vault.acme.test", port), "login", has_user=True)

"""What the identity server costs: tokens beside bare signatures, sign-ins with a password, verified requests."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlencode

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256

from podium.identity.issuer import Issuer
from podium.kernel.clock import system_clock
from podium.kernel.config import Config
from podium.kernel.db import Database
from podium.kernel.keyring import Keyring
from podium.kernel.secrets import MasterKey
from tests.bench.load import request
from tests.bench.world import CLIENT_ID, ENVIRONMENT, SECRET

TOKEN_PATH = "/identity_/connect/token"
SIGN_IN_PATH = "/api/Account/Authenticate"
PAYLOAD = b"x" * 700  # as long as the signed part of an access token with one scope
BATCH = 20_000


def token_request() -> bytes:
    """Client credentials of the bootstrap application, for one scope."""
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": SECRET, "scope": "OR.Jobs"}
    return request("POST", TOKEN_PATH, None, urlencode(form).encode(), "application/x-www-form-urlencoded")


def sign_in_request() -> bytes:
    """The classic sign-in of the administrator."""
    body = {
        "tenancyName": "default",
        "usernameOrEmailAddress": "admin",
        "password": ENVIRONMENT["PODIUM_ADMIN_PASSWORD"],
    }
    return request("POST", SIGN_IN_PATH, None, json.dumps(body).encode())


def signatures_per_second(seconds: float) -> float:
    """RS256 signatures that one core makes with a key of 2048 bits, by the library that the server uses."""
    key = generate_private_key(65537, 2048)
    padding, sha256 = PKCS1v15(), SHA256()
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < seconds:
        key.sign(PAYLOAD, padding, sha256)
        count += 1
    return count / (time.perf_counter() - began)


async def verification_us(database_url: str, data_dir: Path, public_url: str, token: str) -> float:
    """Microseconds to verify a token that was seen before; an empty loop's time is taken off."""
    db = await Database.open(database_url, size=1)
    try:
        keyring = await Keyring.load(db, lambda: MasterKey.load(data_dir))
        issuer = await Issuer.open(db, Config(data_dir=data_dir, public_url=public_url), keyring, system_clock)
        try:
            now = datetime.now(UTC)
            issuer.verify(token, now)
            began = time.perf_counter()
            for _ in range(BATCH):
                pass
            empty = time.perf_counter() - began
            began = time.perf_counter()
            for _ in range(BATCH):
                issuer.verify(token, now)
            return 1e6 * (time.perf_counter() - began - empty) / BATCH
        finally:
            await issuer.close()
    finally:
        await db.close()

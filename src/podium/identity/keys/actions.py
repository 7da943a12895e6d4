"""The signing keys in memory, and their making."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from datetime import datetime
from typing import NamedTuple

import msgspec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
)

from podium.identity.keys import store
from podium.identity.keys.rules import KeyDates, next_key
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring

BITS = 2048
TABLE = "identity.signing_keys"


class SigningKey(NamedTuple):
    """A key ready for use. `header`: the first part of every access token that it signs."""

    dates: KeyDates
    private: RSAPrivateKey
    public: RSAPublicKey
    header: str
    jwk: dict[str, str]


async def rotate(db: Connection, keyring: Keyring, now: datetime) -> bool:
    """Make the key that is due, if one is; true when it was made. In the caller's transaction; one node at a time."""
    await store.lock_rotation(db)
    rows = await store.verifying(db, now)
    due = next_key([KeyDates(row["kid"], row["active_from"], row["retired_at"]) for row in rows], now)
    if due is None:
        return False
    private = await asyncio.to_thread(generate_private_key, 65537, BITS)
    kid = _thumbprint(private.public_key())
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    sealed = keyring.seal(pem, owner=0, table=TABLE, row=kid, column="sealed")
    await store.retire_all(db, due.predecessors_until)
    await store.add(db, kid, sealed, now, due.active_from)
    await store.forget_retired(db, now)
    return True


async def load(
    db: Connection, keyring: Keyring, now: datetime, known: tuple[SigningKey, ...] = ()
) -> tuple[SigningKey, ...]:
    """Every key whose signatures hold, oldest first. Those known already are not opened again.

    Raises SecretError when the keys were sealed with keys that are not in the ring.
    """
    before = {key.dates.kid: key for key in known}
    found = []
    for row in await store.verifying(db, now):
        dates = KeyDates(row["kid"], row["active_from"], row["retired_at"])
        old = before.get(dates.kid)
        found.append(old._replace(dates=dates) if old else _opened(dates, row["sealed"], keyring))
    return tuple(found)


def _opened(dates: KeyDates, sealed: bytes, keyring: Keyring) -> SigningKey:
    pem = keyring.open(sealed, owner=0, table=TABLE, row=dates.kid, column="sealed")
    private = load_pem_private_key(pem.encode(), None)
    assert isinstance(private, RSAPrivateKey)
    public = private.public_key()
    header = base64url(msgspec.json.encode({"alg": "RS256", "kid": dates.kid, "typ": "JWT"}))
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": dates.kid, **_numbers(public)}
    return SigningKey(dates, private, public, header, jwk)


def base64url(raw: bytes) -> str:
    """Base64 with `-` and `_`, without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def _numbers(public: RSAPublicKey) -> dict[str, str]:
    numbers = public.public_numbers()
    return {
        "e": base64url(numbers.e.to_bytes((numbers.e.bit_length() + 7) // 8)),
        "n": base64url(numbers.n.to_bytes((numbers.n.bit_length() + 7) // 8)),
    }


def _thumbprint(public: RSAPublicKey) -> str:
    """The key's id: RFC 7638, SHA-256 over its members in their order."""
    members = _numbers(public)
    text = msgspec.json.encode({"e": members["e"], "kty": "RSA", "n": members["n"]})
    return base64url(hashlib.sha256(text).digest())

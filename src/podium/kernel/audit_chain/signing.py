"""The key that signs the ends of the audit chain; its public half is all that a verification needs."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_public_key,
)

from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring, installation_secret

SECRET = "audit checkpoints"  # noqa: S105 - the name of a secret
PUBLIC_KEY_FILE = "audit-checkpoints.pub"


class Signed(Protocol):
    """Something of the chain that carries a signature."""

    @property
    def statement(self) -> bytes: ...
    @property
    def kid(self) -> str: ...
    @property
    def signature(self) -> bytes: ...


class PublicKey:
    """Checks signatures; `kid` names it in them."""

    def __init__(self, key: Ed25519PublicKey) -> None:
        self._key = key
        self.raw = key.public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.kid = hashlib.sha256(self.raw).hexdigest()[:16]

    @classmethod
    def read(cls, path: Path) -> PublicKey:
        """The key of a PEM file. Raises OSError, and ValueError for another kind of file or key."""
        key = load_pem_public_key(path.read_bytes())
        if not isinstance(key, Ed25519PublicKey):
            raise ValueError("not an Ed25519 key")  # noqa: TRY004 - the file is wrong, not an argument
        return cls(key)

    @property
    def pem(self) -> bytes:
        """As a file for whoever verifies elsewhere."""
        return self._key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    def has_signed(self, what: Signed) -> bool:
        """Whether the signature is this key's, over this very statement."""
        if what.kid != self.kid:
            return False
        try:
            self._key.verify(what.signature, what.statement)
        except InvalidSignature:
            return False
        return True


class Signer:
    """Signs. Whoever changes the database without having this key cannot make a chain that verifies."""

    def __init__(self, private: Ed25519PrivateKey) -> None:
        self._private = private
        self.public = PublicKey(private.public_key())
        self.kid = self.public.kid

    @classmethod
    async def load(cls, db: Connection, keyring: Keyring) -> Signer:
        """The installation's signer, made when there is none; sealed by the keyring."""
        text = await installation_secret(db, keyring, SECRET, _new)
        return cls(Ed25519PrivateKey.from_private_bytes(base64.b64decode(text)))

    def sign(self, statement: bytes) -> bytes:
        """64 bytes."""
        return self._private.sign(statement)


def _new() -> str:
    raw = Ed25519PrivateKey.generate().private_bytes(Encoding.Raw, PrivateFormat.Raw, NoEncryption())
    return base64.b64encode(raw).decode()

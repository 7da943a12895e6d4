"""Secrets at rest: a master key wraps data keys, a data key seals values for the place they belong to.

A sealed value is `version (1) | key id (4) | nonce (12) | AES-256-GCM ciphertext and tag`. Header and place are
associated data: a value copied to another row, column or owner does not open. Who holds the keys is `keyring`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

KEY_BYTES = 32
VERSION = b"\x01"
KEY_ID_BYTES = 4
NONCE_BYTES = 12  # random: one key seals at most 2^32 values
TAG_BYTES = 16
HEADER_BYTES = len(VERSION) + KEY_ID_BYTES + NONCE_BYTES
MASTER_KEY_FILE = "master.key"


class SecretError(Exception):
    """A key or a sealed value that cannot be used; the message holds neither."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that wraps the data keys; lost with it is every secret of the installation."""

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_BYTES:
            raise SecretError(f"The master key must be {KEY_BYTES} bytes, not {len(self.key)}.")

    @property
    def id(self) -> bytes:
        """Tells keys apart (4 bytes) without telling the key."""
        return key_id(self.key)

    @classmethod
    def load(cls, folder: Path, configured: str | None = None) -> MasterKey:
        """The configured key (base64 of 32 bytes), else that of `master.key` in `folder`, made 0600 when missing.

        Safe when several processes start at once. Raises SecretError.
        """
        if configured is not None:
            return cls.read(configured, "PODIUM_MASTER_KEY")
        return cls.of_file(folder / MASTER_KEY_FILE, make=True)

    @classmethod
    def read(cls, text: str, source: str) -> MasterKey:
        """The key as an operator writes it: base64 of 32 bytes, either alphabet. `source` is named in the error."""
        try:
            return cls(base64.b64decode(text.strip().translate(_FROM_URLSAFE), validate=True))
        except binascii.Error as error:
            raise SecretError(f"{source} must be the base64 of 32 bytes.") from error

    @classmethod
    def of_file(cls, path: Path, *, make: bool = False) -> MasterKey:
        """The 32 bytes of a file that only its owner can read; made when it is missing and that is wanted.

        Raises SecretError.
        """
        try:
            if make and not path.exists():
                _make_key_file(path)
            if path.stat().st_mode & 0o077:
                raise SecretError(f"The master key {path} must be readable by its owner only (chmod 600).")
            return cls(path.read_bytes())
        except OSError as error:
            raise SecretError(f"The master key {path} cannot be used: {error.strerror}.") from error


def new_data_key() -> bytes:
    """A random key for values."""
    return secrets.token_bytes(KEY_BYTES)


def key_id(key: bytes) -> bytes:
    """The four bytes by which a sealed value names its key; they do not tell the key."""
    return hashlib.sha256(b"podium key id\0" + key).digest()[:KEY_ID_BYTES]


def key_id_of(sealed: bytes) -> bytes:
    """The id of the key that a value was sealed with. Raises SecretError for bytes that are no sealed value."""
    if len(sealed) < HEADER_BYTES + TAG_BYTES or sealed[:1] != VERSION:
        raise SecretError("The sealed value is not of a known form.")
    return sealed[1 : 1 + KEY_ID_BYTES]


def wrap(master: MasterKey, data_key: bytes) -> bytes:
    """The data key as it is stored."""
    return _sealed(master.key, data_key, _place("data key", key_id(data_key).hex()))


def unwrap(master: MasterKey, wrapped: bytes, data_key_id: bytes) -> bytes:
    """The data key of that id; raises SecretError for another master key, another data key or a changed value."""
    return _opened(master.key, wrapped, _place("data key", data_key_id.hex()))


def seal(
    data_key: bytes, plaintext: str, *, owner: UUID | int | str, table: str, row: int | str | UUID, column: str
) -> bytes:
    """The text, sealed for one column of one row; two seals of the same text differ."""
    return _sealed(data_key, plaintext.encode(), _place("value", str(owner), table, str(row), column))


def open_(
    data_key: bytes, sealed: bytes, *, owner: UUID | int | str, table: str, row: int | str | UUID, column: str
) -> str:
    """The text again; raises SecretError for another key, another place or a changed value."""
    return _opened(data_key, sealed, _place("value", str(owner), table, str(row), column)).decode()


def new_secret() -> str:
    """A secret for a machine, a client or a token: 256 random bits, 43 characters that are safe in a URL."""
    return secrets.token_urlsafe(KEY_BYTES)


def hash_machine_secret(secret: str) -> bytes:
    """SHA-256, for secrets of 256 random bits only: nobody guesses those, so nothing slower is needed."""
    return hashlib.sha256(secret.encode()).digest()


def same(a: bytes | str, b: bytes | str) -> bool:
    """Whether two secrets are equal, in a time that does not tell where they differ."""
    return hmac.compare_digest(_bytes(a), _bytes(b))


_FROM_URLSAFE = str.maketrans("-_", "+/")


def _bytes(value: bytes | str) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _make_key_file(path: Path) -> None:
    """Write aside and link: whoever links first wins, and nobody reads half a key."""
    path.parent.mkdir(parents=True, exist_ok=True)
    aside = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(KEY_BYTES))
            file.flush()
            os.fsync(file.fileno())
        try:
            path.hardlink_to(aside)
        except FileExistsError:
            return
    finally:
        aside.unlink()


def _place(*parts: str) -> bytes:
    """The parts with their lengths, so that no two places read the same."""
    encoded = [part.encode() for part in parts]
    return b"".join(len(part).to_bytes(4, "big") + part for part in encoded)


def _sealed(key: bytes, plain: bytes, place: bytes) -> bytes:
    nonce = secrets.token_bytes(NONCE_BYTES)
    header = VERSION + key_id(key) + nonce
    return header + AESGCM(key).encrypt(nonce, plain, header + place)


def _opened(key: bytes, sealed: bytes, place: bytes) -> bytes:
    if not same(key_id_of(sealed), key_id(key)):
        raise SecretError("The value was sealed with another key.")
    header, body = sealed[:HEADER_BYTES], sealed[HEADER_BYTES:]
    try:
        return AESGCM(key).decrypt(header[-NONCE_BYTES:], body, header + place)
    except InvalidTag as error:
        raise SecretError("The sealed value was changed or belongs elsewhere.") from error

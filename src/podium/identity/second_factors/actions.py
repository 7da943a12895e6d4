"""Enrolling, checking and removing second factors."""

from __future__ import annotations

import secrets
from datetime import datetime
from uuid import UUID

import pyotp

from podium.identity.second_factors import store
from podium.identity.second_factors.rules import (
    DIGITS,
    RECOVERY_BYTES,
    RECOVERY_CODES,
    STEP_S,
    Factors,
    digits,
    normal_recovery_code,
    recovery_code,
    steps,
)
from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.kernel.secrets import hash_machine_secret, same

TABLE, COLUMN = "identity.totp", "sealed"


async def factors_of(db: Connection, organization_id: UUID, user_id: UUID) -> Factors:
    """The confirmed second factors of a user."""
    return await store.factors_of(db, organization_id, user_id)


async def has_any(db: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Whether a password alone does not let the user in."""
    return (await store.factors_of(db, organization_id, user_id)).has_any


def new_totp_secret() -> str:
    """160 random bits in base32, to be shown to a user once.

    It is not stored before a code of it came: the page that shows it carries it, so that nobody else who is at the same
    account sees a secret that another is about to confirm.
    """
    return pyotp.random_base32()


async def enrol_totp(
    db: Connection, keyring: Keyring, organization_id: UUID, user_id: UUID, secret: str, code: str, now: datetime
) -> bool:
    """Whether the code is one of the secret's, and the user had no authenticator; it is asked at each sign-in then."""
    step = _step_of(secret, code, now)
    if step is None:
        return False
    sealed = keyring.seal(secret, owner=organization_id, table=TABLE, row=user_id, column=COLUMN)
    return await store.add_totp(db, organization_id, user_id, sealed, step, now)


async def check_totp(
    db: Connection, keyring: Keyring, organization_id: UUID, user_id: UUID, code: str, now: datetime
) -> bool:
    """Whether the code is right now and was not taken before. Who calls bounds the number of tries."""
    sealed = await store.totp(db, organization_id, user_id)
    if sealed is None:
        return False
    secret = keyring.open(sealed, owner=organization_id, table=TABLE, row=user_id, column=COLUMN)
    step = _step_of(secret, code, now)
    return step is not None and await store.spend_step(db, organization_id, user_id, step)


async def remove_totp(db: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Whether there was an authenticator."""
    return await store.remove_totp(db, organization_id, user_id)


async def new_recovery_codes(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> list[str]:
    """Ten codes to show once; those of before end."""
    codes = [recovery_code(secrets.token_bytes(RECOVERY_BYTES)) for _ in range(RECOVERY_CODES)]
    hashes = [hash_machine_secret(code) for code in codes]
    await store.replace_codes(db, organization_id, user_id, hashes, now)
    return codes


async def use_recovery_code(db: Connection, organization_id: UUID, user_id: UUID, code: str, now: datetime) -> bool:
    """Whether the code was one of the user's, unused; it is used now."""
    return await store.use_code(db, organization_id, user_id, hash_machine_secret(normal_recovery_code(code)), now)


async def remove_all(db: Connection, organization_id: UUID, user_id: UUID) -> None:
    """The user has no second factor any more: an administrator helps somebody who lost theirs."""
    await store.remove_all(db, organization_id, user_id)


def provisioning_uri(secret: str, account: str, issuer: str) -> str:
    """The `otpauth:` address that authenticators read from a QR code."""
    return pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S).provisioning_uri(name=account, issuer_name=issuer)


def _step_of(secret: str, code: str, now: datetime) -> int | None:
    """The latest of the time steps around now whose code it is; None for a wrong one."""
    typed = digits(code)
    if typed is None:
        return None
    totp = pyotp.TOTP(secret, digits=DIGITS, interval=STEP_S)
    return max((step for step in steps(now.timestamp()) if same(totp.generate_otp(step), typed)), default=None)

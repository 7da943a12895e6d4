"""SQL of the second factors."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from podium.identity.second_factors.rules import Factors, Passkey
from podium.kernel.db import Connection

FACTORS_OF = """
SELECT EXISTS (SELECT FROM identity.totp t
                WHERE t.organization_id = $1 AND t.user_id = $2 AND t.confirmed_at IS NOT NULL) AS has_totp,
       (SELECT count(*) FROM identity.passkeys p WHERE p.organization_id = $1 AND p.user_id = $2) AS passkeys,
       (SELECT count(*) FROM identity.recovery_codes r
         WHERE r.organization_id = $1 AND r.user_id = $2 AND r.used_at IS NULL) AS recovery_codes_left
"""

ADD_TOTP = """
INSERT INTO identity.totp (organization_id, user_id, sealed, last_step, created_at, confirmed_at)
VALUES ($1, $2, $3, $4, $5::timestamptz, $5::timestamptz)
ON CONFLICT (organization_id, user_id) DO NOTHING
RETURNING user_id
"""

TOTP = """
SELECT sealed FROM identity.totp WHERE organization_id = $1 AND user_id = $2 AND confirmed_at IS NOT NULL
"""

# Guarded by the step: the same code is taken once, however often it is sent at the same moment.
SPEND_STEP = """
UPDATE identity.totp SET last_step = $3::bigint
 WHERE organization_id = $1 AND user_id = $2 AND last_step < $3::bigint
RETURNING user_id
"""

REMOVE_TOTP = "DELETE FROM identity.totp WHERE organization_id = $1 AND user_id = $2 RETURNING user_id"

REMOVE_CODES = "DELETE FROM identity.recovery_codes WHERE organization_id = $1 AND user_id = $2"

ADD_CODES = """
INSERT INTO identity.recovery_codes (organization_id, user_id, code_hash, created_at)
SELECT $1::uuid, $2::uuid, hash, $4::timestamptz FROM unnest($3::bytea[]) AS hash
"""

USE_CODE = """
UPDATE identity.recovery_codes SET used_at = $4
 WHERE organization_id = $1 AND user_id = $2 AND code_hash = $3 AND used_at IS NULL
RETURNING user_id
"""

ADD_PASSKEY = """
INSERT INTO identity.passkeys (organization_id, id, user_id, credential_id, public_key, sign_count, name, transports,
                               created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
ON CONFLICT (credential_id) DO NOTHING RETURNING id
"""

PASSKEYS = """
SELECT organization_id, id, user_id, credential_id, public_key, sign_count, name FROM identity.passkeys
 WHERE organization_id = $1 AND user_id = $2 ORDER BY created_at, id
"""

# Guarded by the counter: of two answers with the same count one is refused.
USE_PASSKEY = """
UPDATE identity.passkeys SET sign_count = $4, last_used_at = $5
 WHERE organization_id = $1 AND id = $2 AND sign_count = $3
RETURNING id
"""

REMOVE_PASSKEY = """
DELETE FROM identity.passkeys WHERE organization_id = $1 AND user_id = $2 AND id = $3 RETURNING id
"""

REMOVE_PASSKEYS = "DELETE FROM identity.passkeys WHERE organization_id = $1 AND user_id = $2"


async def factors_of(db: Connection, organization_id: UUID, user_id: UUID) -> Factors:
    """The confirmed second factors of a user."""
    row = await db.fetchrow(FACTORS_OF, organization_id, user_id)
    assert row is not None
    return Factors(row["has_totp"], row["passkeys"], row["recovery_codes_left"])


async def add_totp(
    db: Connection, organization_id: UUID, user_id: UUID, sealed: bytes, step: int, now: datetime
) -> bool:
    """Keep a secret whose code of that step was shown; false when the user has one already."""
    return bool(await db.fetchval(ADD_TOTP, organization_id, user_id, sealed, step, now))


async def totp(db: Connection, organization_id: UUID, user_id: UUID) -> bytes | None:
    """The sealed secret of the user."""
    found: bytes | None = await db.fetchval(TOTP, organization_id, user_id)
    return found


async def spend_step(db: Connection, organization_id: UUID, user_id: UUID, step: int) -> bool:
    """Take the code of a step; false when one of it or a later one was taken."""
    return bool(await db.fetchval(SPEND_STEP, organization_id, user_id, step))


async def remove_totp(db: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Whether there was a secret."""
    return bool(await db.fetchval(REMOVE_TOTP, organization_id, user_id))


async def replace_codes(
    db: Connection, organization_id: UUID, user_id: UUID, hashes: Sequence[bytes], now: datetime
) -> None:
    """These are the user's recovery codes, and no others."""
    await db.execute(REMOVE_CODES, organization_id, user_id)
    await db.execute(ADD_CODES, organization_id, user_id, list(hashes), now)


async def use_code(db: Connection, organization_id: UUID, user_id: UUID, code_hash: bytes, now: datetime) -> bool:
    """Whether the code was the user's and unused."""
    return bool(await db.fetchval(USE_CODE, organization_id, user_id, code_hash, now))


async def add_passkey(db: Connection, passkey: Passkey, transports: Sequence[str], now: datetime) -> bool:
    """False when the credential is somebody's already."""
    *facts, name = passkey
    return bool(await db.fetchval(ADD_PASSKEY, *facts, name, list(transports), now))


async def passkeys(db: Connection, organization_id: UUID, user_id: UUID) -> list[Passkey]:
    """The user's passkeys, oldest first."""
    return [Passkey(*row) for row in await db.fetch(PASSKEYS, organization_id, user_id)]


async def use_passkey(db: Connection, passkey: Passkey, sign_count: int, now: datetime) -> bool:
    """Note a use; false when the passkey was used or removed meanwhile."""
    used = await db.fetchval(USE_PASSKEY, passkey.organization_id, passkey.id, passkey.sign_count, sign_count, now)
    return bool(used)


async def remove_passkey(db: Connection, organization_id: UUID, user_id: UUID, passkey_id: UUID) -> bool:
    """Whether the user had such a passkey."""
    return bool(await db.fetchval(REMOVE_PASSKEY, organization_id, user_id, passkey_id))


async def remove_all(db: Connection, organization_id: UUID, user_id: UUID) -> None:
    """The user has no second factor any more."""
    await db.execute(REMOVE_TOTP, organization_id, user_id)
    await db.execute(REMOVE_PASSKEYS, organization_id, user_id)
    await db.execute(REMOVE_CODES, organization_id, user_id)

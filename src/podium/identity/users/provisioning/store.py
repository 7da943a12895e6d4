"""SQL of users as another directory describes them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from podium.identity.users.provisioning.rules import Person
from podium.kernel.db import Connection

LOCK = """
SELECT user_name, email, first_name, last_name, display_name, is_active, external_id FROM identity.users
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE
"""

# Activating opens a lock, as an administrator's activation does.
REPLACE = """
UPDATE identity.users
   SET email = $3, email_key = $4, first_name = $5, last_name = $6, display_name = $7, is_active = $8::boolean,
       external_id = $9, updated_at = $10,
       failed_attempts = CASE WHEN $8::boolean AND NOT is_active THEN 0 ELSE failed_attempts END,
       locked_until = CASE WHEN $8::boolean AND NOT is_active THEN NULL ELSE locked_until END
 WHERE organization_id = $1 AND id = $2 AND deleted_at IS NULL
"""


async def lock(db: Connection, organization_id: UUID, user_id: UUID) -> Person | None:
    """The user, held for a change until the transaction ends."""
    row = await db.fetchrow(LOCK, organization_id, user_id)
    return Person(*row.values()) if row else None


async def replace(
    db: Connection, organization_id: UUID, user_id: UUID, person: Person, email_key: str | None, now: datetime
) -> None:
    """Store everything but the user name, which stays."""
    texts = (person.email, email_key, person.first_name, person.last_name, person.display_name)
    await db.execute(REPLACE, organization_id, user_id, *texts, person.is_active, person.external_id, now)

"""SQL of the caller's organization."""

from __future__ import annotations

from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

# Without a user the caller is an application, which was never invited.
OF_CALLER = """
SELECT o.id, o.name, u.email_key, u.user_name_key, coalesce(u.is_invitation_accepted, true) AS is_invitation_accepted
  FROM identity.organizations o
  LEFT JOIN identity.users u ON u.organization_id = o.id AND u.id = $2::uuid AND u.deleted_at IS NULL
 WHERE o.id = $1 AND o.deleted_at IS NULL
"""


async def of_caller(db: Connection, organization_id: UUID, user_id: UUID | None) -> Record | None:
    """id, name, email_key, user_name_key, is_invitation_accepted; None for an organization that is gone."""
    return await db.fetchrow(OF_CALLER, organization_id, user_id)

"""SQL of users."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection
from podium.orchestrator import scope
from podium.orchestrator.users.rules import Profile

ITSELF = f"{scope.IN_TENANT} AND t.id = $2::bigint"
ONE = """
SELECT t.id, t.is_active, t.may_have_user_session, t.may_have_robot_session, t.may_have_personal_workspace,
       t.restrict_to_workspace, t.update_policy, t.update_version
  FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = $2
"""
TO_CHANGE = """
SELECT t.id, t.key, t.directory_id, t.type, t.user_name, t.name, t.surname, t.email, t.is_active,
       t.may_have_user_session, t.may_have_robot_session, t.may_have_unattended_session, t.may_have_personal_workspace,
       t.restrict_to_workspace, t.update_policy, t.update_version
  FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = $2 FOR NO KEY UPDATE
"""
ADD = """
INSERT INTO orchestrator.users (tenant_id, key, directory_id, type, user_name, name_key, provision_type, created_at,
                                created_by, name, surname, email, is_active, may_have_user_session,
                                may_have_robot_session, may_have_unattended_session, may_have_personal_workspace,
                                restrict_to_workspace, update_policy, update_version)
VALUES ($1, $2, $3, $4, $5, $6, 'Manual', $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)
ON CONFLICT DO NOTHING RETURNING id
"""
CHANGE = """
UPDATE orchestrator.users t
   SET updated_at = $3, updated_by = $4, name = $5, surname = $6, email = $7, is_active = $8,
       may_have_user_session = $9, may_have_robot_session = $10, may_have_unattended_session = $11,
       may_have_personal_workspace = $12, restrict_to_workspace = $13, update_policy = $14, update_version = $15
 WHERE t.tenant_id = $1 AND t.id = $2
"""
SET_ACTIVE = """
UPDATE orchestrator.users t SET is_active = $3, updated_at = $4, updated_by = $5 WHERE t.tenant_id = $1 AND t.id = $2
"""
SET_CULTURE = """
UPDATE orchestrator.users t SET culture = $3, updated_at = $4, updated_by = $5 WHERE t.tenant_id = $1 AND t.id = $2
"""
KNOWN = "SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"
OF_DIRECTORY = "SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.directory_id = $2"
NAMED = """
SELECT t.id FROM orchestrator.users t
 WHERE t.tenant_id = $1 AND t.name_key = $2 AND ($3::text IS NULL OR t.type = $3::text)
"""
UNITS = """
SELECT t.folder_id FROM orchestrator.folder_members t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id AND f.folder_type <> 'Personal'
 WHERE t.tenant_id = $1 AND t.user_id = $2 ORDER BY t.folder_id
"""
ROLES = """
SELECT r.id, r.name, r.type, u.id AS holder_id, u.user_name AS holder_name
  FROM orchestrator.user_roles t
  JOIN orchestrator.roles r ON r.tenant_id = t.tenant_id AND r.id = t.role_id
  JOIN orchestrator.users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[]) ORDER BY r.id, u.id
"""
WORKSPACE = """
SELECT t.id, t.path FROM orchestrator.folders t
 WHERE t.tenant_id = $1 AND t.owner_id = $2 AND t.folder_type = 'Personal'
"""


async def one(db: Connection, tenant_id: int, user_id: int) -> Record | None:
    """The user, to look at."""
    return await db.fetchrow(ONE, tenant_id, user_id)


async def to_change(db: Connection, tenant_id: int, user_id: int) -> Record | None:
    """The user, held until the transaction ends."""
    return await db.fetchrow(TO_CHANGE, tenant_id, user_id)


async def add(
    db: Connection,
    tenant_id: int,
    key: UUID,
    directory_id: UUID | None,
    type_: str,
    user_name: str,
    profile: Profile,
    now: datetime,
    created_by: int | None,
) -> int | None:
    """Id of the new user; None when its name or its principal is there already."""
    values = (key, directory_id, type_, user_name, user_name.casefold(), now, created_by, *profile)
    found: int | None = await db.fetchval(ADD, tenant_id, *values)
    return found


async def change(
    db: Connection, tenant_id: int, user_id: int, profile: Profile, now: datetime, changed_by: int | None
) -> None:
    """Write the profile of a locked user."""
    await db.execute(CHANGE, tenant_id, user_id, now, changed_by, *profile)


async def known(db: Connection, tenant_id: int, user_ids: Sequence[int]) -> set[int]:
    """Those of the users that exist."""
    return {row["id"] for row in await db.fetch(KNOWN, tenant_id, list(user_ids))}


async def units(db: Connection, tenant_id: int, user_id: int) -> list[int]:
    """The folders that the user is a member of, without workspaces."""
    return [row["folder_id"] for row in await db.fetch(UNITS, tenant_id, user_id)]

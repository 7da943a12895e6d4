"""What a tenant has from its first start: roles, the folder `Shared`, its feeds, and the administrators."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from podium.kernel.db import Connection
from podium.orchestrator.access import actions, rules
from podium.orchestrator.credential_stores import actions as credential_stores
from podium.orchestrator.folders import actions as folders
from podium.orchestrator.packages import actions as packages

ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7046180332)"
ROOT_FOLDERS = "SELECT id FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.parent_id IS NULL AND t.folder_type <> 'Personal'"


async def ensure_tenant(
    db: Connection,
    organization_id: UUID,
    name: str,
    administrator: tuple[UUID, str, str] | None,
    application: tuple[UUID, str] | None,
    now: datetime,
) -> int:
    """Id of the tenant, complete after any number of starts, also of several nodes at once.

    `administrator`: principal, user name and e-mail. `application`: principal and client id of the bootstrap client.
    """
    await db.execute(ONE_AT_A_TIME)
    tenant_id, is_new = await actions.make_tenant(db, organization_id, name, now)
    await credential_stores.ensure_built_in(db, tenant_id, now)
    if is_new:
        await folders.make_folder(db, tenant_id, "Shared", now)
        await packages.make_feed(db, tenant_id, "Orchestrator Tenant Processes Feed", now)
        await packages.make_feed(db, tenant_id, "Orchestrator Tenant Libraries Feed", now, purpose="Libraries")
    members = [] if administrator is None else [await actions.make_user(db, tenant_id, *administrator, now)]
    if application is not None:
        principal, client_id = application
        members.append(
            await actions.make_user(db, tenant_id, principal, client_id, "", now, type_="DirectoryExternalApplication")
        )
    for user_id in members:
        await actions.grant_tenant_role(db, tenant_id, user_id, rules.ADMINISTRATOR)
        for row in await db.fetch(ROOT_FOLDERS, tenant_id):
            await actions.join_folder(db, tenant_id, row["id"], user_id, [rules.FOLDER_ADMINISTRATOR], now)
    return tenant_id

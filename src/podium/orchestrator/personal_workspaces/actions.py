"""Makes the personal workspace of a user: at the first sign-in, and when a client asks for the first run."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from podium.kernel.db import Connection
from podium.orchestrator.access import actions as access
from podium.orchestrator.access import rules as access_rules
from podium.orchestrator.folders import actions as folders
from podium.orchestrator.machines import actions as machines
from podium.orchestrator.packages import actions as packages
from podium.orchestrator.personal_workspaces import rules, store
from podium.orchestrator.ports import Clients
from podium.orchestrator.robots import actions as robots


async def ensure_workspace(
    db: Connection, clients: Clients, tenant_id: int, organization_id: UUID, user_id: int, now: datetime
) -> int | None:
    """Id of the user's workspace folder, made on first use; None when the user may not have one.

    Two calls at once make one: the second waits for the first by an advisory lock of the transaction.
    """
    await db.execute(store.LOCK_OWNER, tenant_id, user_id)
    user = await db.fetchrow(store.OWNER, tenant_id, user_id)
    if user is None:
        return None
    if user["workspace_id"] is not None:
        return int(user["workspace_id"])
    if not user["may_have_personal_workspace"]:
        return None
    name = rules.workspace_name(str(user["user_name"]))
    if await db.fetchval(store.ROOT_NAME_TAKEN, tenant_id, name.casefold()):
        name = f"{name} {user_id}"
    folder = await folders.make_folder(
        db, tenant_id, name, now, folder_type="Personal", feed_type="PersonalWorkspace", owner_id=user_id
    )
    await packages.make_feed(db, tenant_id, name, now, folder_id=folder.id)
    await access.join_folder(db, tenant_id, folder.id, user_id, [access_rules.WORKSPACE_ADMINISTRATOR], now)
    machine_id = user["machine_id"]  # of a workspace that became a folder
    if machine_id is None:
        machine_name = f"{name} ({user_id})"
        slots = machines.Slots(development=1)
        made = await machines.make_machine(
            db,
            clients,
            tenant_id,
            organization_id,
            machine_name,
            slots,
            now,
            scope="PersonalWorkspace",
            owner_id=user_id,
        )
        machine_id = made.id
    await machines.assign_to_folder(db, tenant_id, machine_id, folder.id)
    await robots.robot_of_user(db, tenant_id, user_id, str(user["user_name"]), now)
    return folder.id

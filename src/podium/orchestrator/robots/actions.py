"""Makes robots: of a user for its workspace, of a machine that brings its own account."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from podium.kernel.db import Connection
from podium.orchestrator.robots import store


class RobotRef(NamedTuple):
    """A robot by id, key and name."""

    id: int
    key: UUID
    name: str


async def robot_of_user(
    db: Connection, tenant_id: int, user_id: int, user_name: str, now: datetime, *, type_: str = "Development"
) -> RobotRef:
    """The floating robot of a user, made when it has none; its name is the user's."""
    row = await db.fetchrow(store.ROBOT_OF_USER, tenant_id, user_id)
    if row is None:
        row = await db.fetchrow(
            store.ADD_ROBOT,
            tenant_id,
            uuid4(),
            user_name,
            user_name.casefold(),
            user_name,
            type_,
            "Floating",
            user_id,
            None,
            now,
        )
    assert row is not None
    return RobotRef(row["id"], row["key"], row["name"])


async def robot_of_machine(
    db: Connection, tenant_id: int, machine_id: int, machine_name: str, now: datetime
) -> RobotRef:
    """The robot that a machine brings itself, for jobs without an account; made when it has none."""
    row = await db.fetchrow(store.ROBOT_OF_MACHINE, tenant_id, machine_id)
    if row is None:
        row = await db.fetchrow(
            store.ADD_ROBOT,
            tenant_id,
            uuid4(),
            machine_name,
            machine_name.casefold(),
            None,
            "Unattended",
            "Standard",
            None,
            machine_id,
            now,
        )
    assert row is not None
    return RobotRef(row["id"], row["key"], row["name"])


async def let_outlive_users(db: Connection, tenant_id: int, user_ids: Collection[int]) -> None:
    """Robots of users who are about to go stay as long as a job runs under them; the others go with their users."""
    await db.execute(store.LET_OUTLIVE_USERS, tenant_id, list(user_ids))

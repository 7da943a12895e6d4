"""Makes robots: of a user for its workspace or for jobs, of a machine that brings its own account."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple
from uuid import UUID, uuid4

from asyncpg import Record

from podium.kernel.db import Connection
from podium.kernel.keyring import Keyring
from podium.orchestrator.credential_stores import actions as credential_stores
from podium.orchestrator.robots import rules, store


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


class Account(NamedTuple):
    """The robot that a user is to have. `type` Unattended: for unattended jobs, else at the user's desk.

    `password` None keeps the one that is there, blank is none. `execution_settings` is JSON text.
    """

    type: str
    user_name: str | None
    password: str | None
    credential_type: str | None
    credential_store_id: int | None
    external_name: str | None
    is_one_at_a_time: bool
    execution_settings: str


async def account(db: Connection, tenant_id: int, user_id: int, *, is_unattended: bool) -> Record | None:
    """The user's robot of that kind, locked, as its columns; None when it has none."""
    robot_id = await db.fetchval(store.ACCOUNT_OF_USER, tenant_id, user_id, is_unattended)
    found = [] if robot_id is None else await store.robots_to_change(db, tenant_id, [robot_id])
    return found[0] if found else None


async def has_password(db: Connection, tenant_id: int, robot_id: int) -> bool:
    """Whether a password is kept for the robot."""
    return bool(await db.fetchval(store.HAS_PASSWORD, tenant_id, robot_id))


async def provide(
    db: Connection,
    keyring: Keyring,
    tenant_id: int,
    user_id: int,
    name: str,
    wanted: Account,
    now: datetime,
    changed_by: int | None,
) -> int:
    """Id of the user's robot, made or changed so that it is as wanted; a new one is called like the user.

    Raises BadRequest for a credential store that is not there, Conflict for a robot that runs jobs and would become
    another one.
    """
    await credential_stores.check_exists(db, tenant_id, wanted.credential_store_id)
    present = await account(db, tenant_id, user_id, is_unattended=wanted.type == "Unattended")
    if present is None:
        values = (uuid4(), name, name.casefold(), wanted.user_name, wanted.type, rules.FLOATING, user_id, None, now)
        made = await db.fetchrow(store.ADD_ROBOT, tenant_id, *values)
        assert made is not None
        present = (await store.robots_to_change(db, tenant_id, [made["id"]]))[0]
    robot_id: int = present["id"]
    busy, _ = await store.in_use(db, tenant_id, [robot_id])
    stored = rules.Fixed(present["user_name"], present["machine_id"], present["type"])
    rules.check_change(stored, rules.Fixed(wanted.user_name, present["machine_id"], wanted.type), bool(busy))
    columns = dict(present) | wanted._asdict()
    await store.change(db, tenant_id, robot_id, columns, now, changed_by)
    if wanted.password is not None:
        await _keep_password(db, keyring, tenant_id, robot_id, wanted.password)
    return robot_id


async def withdraw(db: Connection, tenant_id: int, user_id: int, *, is_unattended: bool) -> bool:
    """Whether the user had a robot of that kind, which is gone. Raises Conflict for one in use."""
    present = await account(db, tenant_id, user_id, is_unattended=is_unattended)
    if present is None:
        return False
    robot_id: int = present["id"]
    busy, awaited = await store.in_use(db, tenant_id, [robot_id])
    rules.check_removal(present["name"], is_busy=robot_id in busy, is_awaited=robot_id in awaited, is_of_machine=False)
    await db.execute(store.REMOVE, tenant_id, [robot_id])
    return True


async def busy_users(db: Connection, tenant_id: int, user_ids: Collection[int]) -> set[int]:
    """Those of the users under whose robots jobs run."""
    return {row["user_id"] for row in await db.fetch(store.BUSY_USERS, tenant_id, list(user_ids))}


async def _keep_password(db: Connection, keyring: Keyring, tenant_id: int, robot_id: int, password: str) -> None:
    sealed = None
    if password:
        sealed = keyring.seal(password, owner=tenant_id, table="orchestrator.robots", row=robot_id, column="sealed")
    await db.execute(store.SEAL, tenant_id, robot_id, sealed)


async def let_outlive_users(db: Connection, tenant_id: int, user_ids: Collection[int]) -> None:
    """Robots of users who are about to go stay as long as a job runs under them; the others go with their users."""
    await db.execute(store.LET_OUTLIVE_USERS, tenant_id, list(user_ids))


async def leave_credential_store(db: Connection, tenant_id: int, store_id: int, other_id: int) -> None:
    """Let robots that name a credential store name another one; the name of their secret in it goes."""
    await db.execute(store.LEAVE_CREDENTIAL_STORE, tenant_id, store_id, other_id)

"""Makes and changes assets; seals what is secret in their values, and opens it for robots."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime

import msgspec
from asyncpg import Record

from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Conflict
from podium.kernel.ids import uuid7
from podium.kernel.keyring import Keyring
from podium.orchestrator.assets import rules, store
from podium.orchestrator.assets.changes import Asked
from podium.orchestrator.assets.rules import Plain, Stored, Wanted

TABLE, COLUMN = "orchestrator.asset_values", "sealed"


async def make(
    db: Connection, keyring: Keyring, tenant_id: int, folder_id: int, asked: Asked, now: datetime, user_id: int | None
) -> int:
    """Id of a new asset in the folder. Raises BadRequest, Conflict for a taken name."""
    await check_name_is_free(db, tenant_id, [folder_id], asked.name)
    wanted = await _wanted(db, tenant_id, asked)
    id_: int = await db.fetchval(
        store.ADD,
        tenant_id,
        uuid7(),
        asked.name,
        asked.name.casefold(),
        asked.description,
        asked.value_type,
        asked.value_scope,
        asked.has_default_value,
        asked.is_deletable,
        asked.allows_direct_api_access,
        asked.tags,
        now,
        user_id,
    )
    await store.link(db, tenant_id, id_, asked.name.casefold(), [folder_id])
    await _write(db, keyring, tenant_id, id_, asked.value_type, [], wanted)
    return id_


async def replace(
    db: Connection, keyring: Keyring, tenant_id: int, asset: Record, asked: Asked, now: datetime, user_id: int | None
) -> None:
    """Make the locked asset what is asked for: values that are not named go, and all of them with another type.

    Raises BadRequest, Conflict for a name that is taken in one of its folders.
    """
    folders = [row["id"] for row in await store.folders_of(db, tenant_id, asset["id"])]
    await check_name_is_free(db, tenant_id, folders, asked.name, apart_from=asset["id"])
    wanted = await _wanted(db, tenant_id, asked)
    present = await store.values(db, tenant_id, asset["id"]) if asked.value_type == asset["value_type"] else []
    await db.execute(
        store.CHANGE,
        tenant_id,
        asset["id"],
        asked.name,
        asked.name.casefold(),
        asked.description,
        asked.value_type,
        asked.value_scope,
        asked.has_default_value,
        asked.is_deletable,
        asked.allows_direct_api_access,
        asked.tags,
        now,
        user_id,
    )
    await _write(db, keyring, tenant_id, asset["id"], asked.value_type, present, wanted)


async def set_value(
    db: Connection, keyring: Keyring, tenant_id: int, asset: Record, stored: Stored, wanted: Wanted
) -> None:
    """Change one value that the asset has; `wanted` names no owner. A secret must be given anew. Raises BadRequest."""
    plain = rules.plain(asset["value_type"], wanted)
    secret = rules.secret_text(asset["value_type"], wanted, None)
    await store.change_values(db, tenant_id, [_row(keyring, tenant_id, stored.id, wanted, plain, secret)])


def open_secret(keyring: Keyring, tenant_id: int, stored: Stored) -> str:
    """The password or secret of a value, blank when it has none. Raises SecretError for one that does not open."""
    if stored.sealed is None:
        return ""
    return keyring.open(stored.sealed, owner=tenant_id, table=TABLE, row=stored.id, column=COLUMN)


async def check_name_is_free(
    db: Connection, tenant_id: int, folder_ids: Collection[int], name: str, *, apart_from: int = 0
) -> None:
    """Refuse (409 #1001) a name that another asset has in one of the folders."""
    if await db.fetchval(store.FOLDER_WITH_NAME, tenant_id, list(folder_ids), name.casefold(), apart_from) is not None:
        raise Conflict(f"The name {name} is already used.")


async def _wanted(db: Connection, tenant_id: int, asked: Asked) -> list[Wanted]:
    """Every value that is asked for, with owners that there are. Raises BadRequest that names the one that is wrong."""
    robots = await store.robots_among(db, tenant_id, [robot_id for robot_id, _ in asked.robot_values])
    values = list(asked.values)
    for robot_id, wanted in asked.robot_values:
        robot = robots.get(robot_id)
        if robot is None:
            raise BadRequest(f"{wanted.place}.RobotId: the robot {robot_id} does not exist.")
        machine_id = robot["machine_id"] if robot["user_id"] is None else None
        values.append(wanted._replace(user_id=robot["user_id"], machine_id=machine_id))
    rules.check_values(asked.value_scope, values)
    users = await store.users_among(db, tenant_id, {value.user_id for value in values if value.user_id is not None})
    machines = await store.machines_among(
        db, tenant_id, {value.machine_id for value in values if value.machine_id is not None}
    )
    for value in values:
        if value.user_id is not None and value.user_id not in users:
            raise BadRequest(f"{value.place}.UserId: {value.user_id} is no user who can have a value.")
        if value.machine_id is not None and value.machine_id not in machines:
            raise BadRequest(f"{value.place}.MachineId: the machine {value.machine_id} does not exist.")
    return ([asked.default] if asked.default else []) + values


async def _write(
    db: Connection,
    keyring: Keyring,
    tenant_id: int,
    asset_id: int,
    type_: str,
    present: Sequence[Stored],
    wanted: Sequence[Wanted],
) -> None:
    """Make these the asset's values. A value of the same owner keeps its row, for what it sealed opens nowhere else."""
    by_owner = {(stored.user_id, stored.machine_id): stored for stored in present}
    pairs = [(each, by_owner.get((each.user_id, each.machine_id))) for each in wanted]
    checked = [
        (each, stored, rules.plain(type_, each), rules.secret_text(type_, each, stored)) for each, stored in pairs
    ]
    kept = [stored.id for _, stored in pairs if stored is not None]
    await db.execute(store.REMOVE_OTHER_VALUES, tenant_id, asset_id, kept)
    new_ids = iter(await store.next_value_ids(db, len(wanted) - len(kept)))
    new: list[store.Row] = []
    changed: list[store.Row] = []
    for each, stored, plain, secret in checked:
        if stored is None:
            new.append(_row(keyring, tenant_id, next(new_ids), each, plain, secret))
        else:
            changed.append(_row(keyring, tenant_id, stored.id, each, plain, secret))
    await store.add_values(db, tenant_id, asset_id, new)
    await store.change_values(db, tenant_id, changed)


def _row(keyring: Keyring, tenant_id: int, id_: int, wanted: Wanted, plain: Plain, secret: str | None) -> store.Row:
    sealed = None
    if secret is not None:
        sealed = keyring.seal(secret, owner=tenant_id, table=TABLE, row=id_, column=COLUMN)
    pairs = None
    if plain.pairs is not None:
        pairs = msgspec.json.encode([{"Key": key, "Value": value} for key, value in plain.pairs]).decode()
    return store.Row(
        id_,
        wanted.user_id,
        wanted.machine_id,
        plain.text,
        plain.boolean,
        plain.integer,
        pairs,
        plain.user_name,
        sealed,
        wanted.credential_store_id,
    )

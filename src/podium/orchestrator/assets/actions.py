"""Makes and changes assets; keeps what is secret in their values, here or in another store, and tells it to robots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import msgspec
from asyncpg import Record

from podium.kernel.db import Connection
from podium.kernel.errors import BadRequest, Code
from podium.kernel.ids import uuid7
from podium.orchestrator import sharing
from podium.orchestrator.assets import rules, store
from podium.orchestrator.assets.changes import Asked
from podium.orchestrator.assets.rules import Plain, Stored, Wanted
from podium.orchestrator.credential_stores.actions import Secret, Store, Stores
from podium.orchestrator.credential_stores.rules import ASSET_CREDENTIAL, SECRETS

TABLE, COLUMN = "orchestrator.asset_values", "sealed"


class _Value(NamedTuple):
    """A value as it is to be kept. `stored`: the row that it stays in. `secret` is sealed here; `outside` is written to
    `kept_in` under `external_name`.
    """

    wanted: Wanted
    stored: Stored | None
    plain: Plain
    secret: str | None = None
    kept_in: Store | None = None
    external_name: str | None = None
    outside: Secret | None = None


async def make(
    db: Connection, stores: Stores, tenant_id: int, folder_id: int, asked: Asked, now: datetime, user_id: int | None
) -> int:
    """Id of a new asset in the folder. Raises BadRequest, Conflict for a taken name."""
    await sharing.check_name_is_free(db, store.SHARED, tenant_id, [folder_id], asked.name)
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
    await sharing.link(db, store.SHARED, tenant_id, id_, asked.name.casefold(), [folder_id])
    await _write(db, stores, id_, asked, [], wanted)
    return id_


async def replace(
    db: Connection, stores: Stores, tenant_id: int, asset: Record, asked: Asked, now: datetime, user_id: int | None
) -> None:
    """Make the locked asset what is asked for: values that are not named go, and all of them with another type.

    Raises BadRequest, Conflict for a name that is taken in one of its folders.
    """
    folders = [row["id"] for row in await sharing.folders_of(db, store.SHARED, tenant_id, asset["id"])]
    await sharing.check_name_is_free(db, store.SHARED, tenant_id, folders, asked.name, asset["id"])
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
    await _write(db, stores, asset["id"], asked, present, wanted)


async def set_value(db: Connection, stores: Stores, asset: Record, stored: Stored, wanted: Wanted) -> None:
    """Change one value that the asset has; `wanted` names no owner. A secret must be given anew. Raises BadRequest."""
    if wanted.credential_store_id not in (None, stored.credential_store_id):
        message = f"{wanted.place}.CredentialStoreId: the value is kept in the store {stored.credential_store_id}."
        raise BadRequest(message, Code.PARAMETER_INVALID)
    type_ = asset["value_type"]
    if type_ in rules.CREDENTIALS or type_ == rules.SECRET:
        rules.require_secret(type_, wanted)
    value = await _checked(db, stores, type_, asset["name"], wanted, stored)
    await store.change_values(db, stores.tenant_id, [_row(stores, stored.id, value)])
    await _write_outside(stores, [value])


async def tell(stores: Stores, kept_in: Store | None, asset: Record, stored: Stored) -> Secret:
    """User name and password or secret of a value, blank where it has none; `kept_in` as `place_of` answers.

    Raises SecretError for one that does not open; of other stores NotFound, Conflict and Unavailable.
    """
    if kept_in is not None:
        has_user = asset["value_type"] in rules.CREDENTIALS
        return await stores.read(kept_in, stored.external_name or asset["name"], has_user=has_user)
    if stored.sealed is None:
        return Secret(stored.user_name, "")
    text = stores.keyring.open(stored.sealed, owner=stores.tenant_id, table=TABLE, row=stored.id, column=COLUMN)
    return Secret(stored.user_name, text)


async def place_of(db: Connection, stores: Stores, stored: Stored) -> Store | None:
    """The store that keeps the value's secret; None when it is kept here, or there is none."""
    if stored.credential_store_id is None or stored.sealed is not None:
        return None
    found = await stores.get(db, stored.credential_store_id)
    return None if found.is_built_in else found


async def leave_store(db: Connection, tenant_id: int, store_id: int, *, credentials: int, secrets: int) -> None:
    """Let values that are kept in a credential store be kept in these; their secrets stay behind."""
    await db.execute(store.LEAVE_STORE, tenant_id, store_id, credentials, secrets)


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
    db: Connection, stores: Stores, asset_id: int, asked: Asked, present: Sequence[Stored], wanted: Sequence[Wanted]
) -> None:
    """Make these the asset's values. A value of the same owner keeps its row, for what it sealed opens nowhere else."""
    tenant_id = stores.tenant_id
    by_owner = {(stored.user_id, stored.machine_id): stored for stored in present}
    values = [
        await _checked(db, stores, asked.value_type, asked.name, each, by_owner.get((each.user_id, each.machine_id)))
        for each in wanted
    ]
    kept = [value.stored.id for value in values if value.stored is not None]
    await db.execute(store.REMOVE_OTHER_VALUES, tenant_id, asset_id, kept)
    new_ids = iter(await store.next_value_ids(db, len(wanted) - len(kept)))
    new = [_row(stores, next(new_ids), value) for value in values if value.stored is None]
    changed = [_row(stores, value.stored.id, value) for value in values if value.stored is not None]
    await store.add_values(db, tenant_id, asset_id, new)
    await store.change_values(db, tenant_id, changed)
    await _write_outside(stores, values)


async def _checked(
    db: Connection, stores: Stores, type_: str, name: str, wanted: Wanted, stored: Stored | None
) -> _Value:
    """How the value is to be kept. Without a store it stays where it is, or goes to the default. Raises BadRequest."""
    if type_ not in rules.CREDENTIALS and type_ != rules.SECRET:
        return _Value(wanted, stored, rules.plain(type_, wanted))
    resource_type = SECRETS if type_ == rules.SECRET else ASSET_CREDENTIAL
    store_id = wanted.credential_store_id or (stored.credential_store_id if stored else None)
    kept_in = await stores.choose(db, store_id, resource_type, rules.member(wanted, "CredentialStoreId"))
    if stored is not None and stored.credential_store_id != kept_in.id:
        stored = None
    if kept_in.is_built_in:
        rules.check_not_external(wanted, kept_in.name)
        plain, secret = rules.plain(type_, wanted), rules.secret_text(type_, wanted, stored)
        return _Value(wanted, stored, plain, secret, kept_in)
    stored_name = stored.external_name if stored else None
    external_name, text = rules.external(
        type_, wanted, name, stored_name, store=kept_in.name, is_read_only=kept_in.is_read_only
    )
    user_name = wanted.members.user_name if type_ in rules.CREDENTIALS else None
    outside = None if text is None else Secret(user_name, text)
    return _Value(wanted, stored, Plain(), None, kept_in, external_name, outside)


async def _write_outside(stores: Stores, values: Sequence[_Value]) -> None:
    """Write what other stores keep, last of all: a refusal undoes the rest, but nothing undoes what they have taken."""
    await asyncio.gather(
        *(
            stores.write(value.kept_in, value.external_name, value.outside)
            for value in values
            if value.kept_in and value.external_name and value.outside
        )
    )


def _row(stores: Stores, id_: int, value: _Value) -> store.Row:
    sealed = None
    if value.secret is not None:
        sealed = stores.keyring.seal(value.secret, owner=stores.tenant_id, table=TABLE, row=id_, column=COLUMN)
    plain, pairs = value.plain, None
    if plain.pairs is not None:
        pairs = msgspec.json.encode([{"Key": key, "Value": text} for key, text in plain.pairs]).decode()
    return store.Row(
        id_,
        value.wanted.user_id,
        value.wanted.machine_id,
        plain.text,
        plain.boolean,
        plain.integer,
        pairs,
        plain.user_name,
        sealed,
        None if value.kept_in is None else value.kept_in.id,
        value.external_name,
    )

"""Operations by which robots read and write the value that an asset has for them. Only here secrets are told."""

from __future__ import annotations

from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record

from podium import wire
from podium.kernel.call import Call, Item, given
from podium.kernel.errors import Forbidden, NotFound
from podium.kernel.odata import parse_options, rows_page
from podium.kernel.operation import operation
from podium.kernel.validation import require_members
from podium.orchestrator import sharing
from podium.orchestrator.assets import actions, changes, events, rules, store
from podium.orchestrator.assets.rules import Stored
from podium.orchestrator.credential_stores.actions import Secret, Store, Stores
from podium.orchestrator.robots.rules import NO_ROBOT

JOB_KEY = "x-uipath-jobkey"
MEMBERS = (
    "Name",
    "ValueType",
    "StringValue",
    "BoolValue",
    "IntValue",
    "CredentialUsername",
    "CredentialPassword",
    "SecretValue",
    "ExternalName",
    "CredentialStoreId",
    "KeyValueList",
    "ConnectionData",
    "Id",
)


class _Value(NamedTuple):
    """A value; `kept_in` is the other store that has its secret, None when it is kept here."""

    stored: Stored
    kept_in: Store | None


# Another store may take its time, so that no connection waits meanwhile.
@operation("POST", "/odata/Assets/UiPath.Server.Configuration.OData.GetRobotAssetByNameForRobotKey", connected=False)
async def read_by_robot_key(call: Call, body: wire.AssetsGetRobotByNameAndKeyRequest) -> Item:
    """The value for the robot of the key, in clear; who has the key acts as the robot.

    Without a key the value for the caller, if the asset lets everybody who views it read it directly.
    """
    require_members(body)
    async with call.services.db.acquire() as call.db:
        asset = await _named(call, given(body.asset_name, ""))
        key = given(body.robot_key, "") or (str(call.actor.robot_key) if call.actor.robot_key else "")
        if key:
            robot = await _robot_of_key(call, key)
            user_id, machine_id = robot["user_id"], await _machine(call, robot)
        elif asset["allows_direct_api_access"]:
            user_id, machine_id = call.actor.user_id, call.actor.machine_id
        else:
            raise Forbidden("The asset is read with the key of a robot: its AllowDirectApiAccess is false.")
        value = await _value(call, asset, user_id, machine_id)
    return await _shown(call, asset, value)


@operation(
    "GET",
    "/odata/Assets/UiPath.Server.Configuration.OData.GetRobotAsset(robotId='{robotId}',assetName='{assetName}')",
    connected=False,
)
async def read_by_robot_key_in_address(call: Call, robot_id: str, asset_name: str) -> Item:
    """As by name and key; `robotId` is the robot's key."""
    async with call.services.db.acquire() as call.db:
        asset = await _named(call, asset_name)
        robot = await _robot_of_key(call, robot_id)
        value = await _value(call, asset, robot["user_id"], await _machine(call, robot))
    return await _shown(call, asset, value)


@operation(
    "GET",
    "/odata/Assets/UiPath.Server.Configuration.OData.GetRobotAssetByRobotId(robotId={robotId},assetName='{assetName}')",
)
async def read_by_robot_id(call: Call, robot_id: int, asset_name: str) -> Item:
    """The value for the robot, without passwords and secrets: ids of robots are no secret themselves."""
    asset = await _named(call, asset_name)
    robot = await store.robot(call.db, call.tenant_id, robot_id)
    if robot is None:
        raise NotFound(NO_ROBOT)
    value = await _value(call, asset, robot["user_id"], await _machine(call, robot))
    return _item(call, asset, value.stored, Secret(value.stored.user_name, ""))


@operation("POST", "/odata/Assets/UiPath.Server.Configuration.OData.SetRobotAssetByRobotKey")
async def set_by_robot_key(call: Call, body: wire.AssetsSetRobotAssetsByKeyRequest) -> None:
    """A new value for the robot: of a Global asset for everybody, else the one that the asset has for that robot."""
    require_members(body)
    wanted = given(body.robot_asset, wire.RobotAssetDto())
    found = await _named(call, given(wanted.name, ""))
    robot = await _robot_of_key(call, given(body.robot_key, ""))
    locked = await sharing.to_change(call.db, store.SHARED, call.tenant_id, [call.folder_id], [found["id"]])
    if not locked:
        raise NotFound(rules.NOT_NAMED)
    asset = locked[0]
    values = await store.values(call.db, call.tenant_id, asset["id"])
    if asset["value_scope"] != "Global":
        values = [value for value in values if (value.user_id, value.machine_id) != (None, None)]
    stored = rules.choose(values, robot["user_id"], await _machine(call, robot))
    if stored is None:
        raise NotFound(rules.NO_VALUE)
    value = changes.default(wanted, "robotAsset")
    await actions.set_value(call.db, Stores.of(call), asset, stored, value)
    await call.db.execute(store.TOUCH, call.tenant_id, asset["id"], call.now, call.actor.user_id)
    folders = await sharing.folders_of(call.db, store.SHARED, call.tenant_id, asset["id"])
    call.emit("asset.updated", events.asset(asset, [folder["key"] for folder in folders]))
    call.describe("Update", component="Assets", entity_id=asset["id"], name=asset["name"])


async def _named(call: Call, name: str) -> Record:
    asset = await store.named(call.db, call.tenant_id, call.folder_id, name.strip().casefold())
    if asset is None:
        raise NotFound(rules.NOT_NAMED)
    return asset


async def _robot_of_key(call: Call, text: str) -> Record:
    try:
        robot = await store.robot(call.db, call.tenant_id, UUID(text))
    except ValueError:
        robot = None
    if robot is None:
        raise NotFound(NO_ROBOT)
    return robot


async def _machine(call: Call, robot: Record) -> int | None:
    """The machine that the robot works on: the caller's, its own, or that of the job that the call names."""
    machine_id: int | None = call.actor.machine_id or robot["machine_id"]
    if machine_id is None and (text := call.headers.get(JOB_KEY, "").strip()):
        try:
            machine_id = await call.db.fetchval(store.MACHINE_OF_JOB, call.tenant_id, UUID(text), robot["id"])
        except ValueError:
            return None
    return machine_id


async def _value(call: Call, asset: Record, user_id: int | None, machine_id: int | None) -> _Value:
    """The value for a user on a machine, and where its secret is. Raises NotFound."""
    stored = rules.choose(await store.values(call.db, call.tenant_id, asset["id"]), user_id, machine_id)
    if stored is None:
        raise NotFound(rules.NO_VALUE)
    return _Value(stored, await actions.place_of(call.db, Stores.of(call), stored))


async def _shown(call: Call, asset: Record, value: _Value) -> Item:
    """The value in clear."""
    secret = await actions.tell(Stores.of(call), value.kept_in, asset, value.stored)
    return _item(call, asset, value.stored, secret)


def _item(call: Call, asset: Record, stored: Stored, secret: Secret) -> Item:
    page = rows_page([_members(asset, stored, secret)], MEMBERS, parse_options(call.query), now=call.now)
    return Item(msgspec.json.encode(page.rows[0]).decode(), "RobotAssetDto")


def _members(asset: Record, stored: Stored, secret: Secret) -> dict[str, Any]:
    is_secret = asset["value_type"] == rules.SECRET
    return {
        "Name": asset["name"],
        "ValueType": asset["value_type"],
        "StringValue": stored.text or "",
        "BoolValue": bool(stored.boolean),
        "IntValue": stored.integer or 0,
        "CredentialUsername": secret.user_name or "",
        "CredentialPassword": "" if is_secret else secret.text,
        "SecretValue": secret.text if is_secret else "",
        "ExternalName": stored.external_name,
        "CredentialStoreId": stored.credential_store_id,
        "KeyValueList": msgspec.json.decode(stored.pairs or "[]"),
        "ConnectionData": None,
        "Id": asset["id"],
    }

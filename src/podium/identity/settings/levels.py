"""Whose settings a request is about, and what is changed in them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

import msgspec
from asyncpg import Record
from msgspec import UnsetType

from podium.identity.names import fold
from podium.identity.partitions.actions import name_of
from podium.identity.partitions.rules import HOST_ID
from podium.identity.requests import NOT_YOURS, partition
from podium.identity.settings import rules, store
from podium.identity.settings.actions import seal_secret
from podium.identity.settings.known import (
    KNOWN,
    MAX_SETTINGS,
    SERVER_KEYS,
    SMTP_HOST,
    SMTP_PASSWORD,
    SMTP_PORT,
    SMTP_SSL,
)
from podium.identity.users.actions import find_user
from podium.kernel.call import Call
from podium.kernel.db import Connection
from podium.kernel.errors import Forbidden, NotFound, ValidationProblem
from podium.kernel.keyring import Keyring
from podium.wire import identity as wire

ADMINISTRATOR = "Identity.Administrator"
_SERVER = tuple(fold(key) for key in (SMTP_HOST, SMTP_PORT, SMTP_SSL))
_HOST, _PASSWORD = fold(SMTP_HOST), fold(SMTP_PASSWORD)


class Level(NamedTuple):
    """The host (organization zero), an organization, or a user of it (`user_id` zero: the organization itself)."""

    organization_id: UUID
    user_id: UUID = store.NOBODY

    @property
    def is_of_user(self) -> bool:
        return self.user_id != store.NOBODY


class Change(NamedTuple):
    """A setting to write, or with None to remove; the places are where the request has key and value."""

    key: str
    value: str | None
    key_place: str
    value_place: str = ""


async def level_of(call: Call, partition_id: UUID | UnsetType | None, user_id: UUID | UnsetType | None) -> Level:
    """The level that a request names, if the caller may work there.

    Without an organization and a user it is the host's. Raises Forbidden, and NotFound for an unknown user.
    """
    if user_id not in (None, msgspec.UNSET, store.NOBODY):
        organization_id = partition(call, partition_id)
        assert isinstance(user_id, UUID)
        if call.actor.kind != "user" or user_id != call.actor.subject:
            call.require(ADMINISTRATOR)
            if await find_user(call.db, organization_id, user_id) is None:
                raise NotFound("The user does not exist.")
        return Level(organization_id, user_id)
    call.require(ADMINISTRATOR)
    if partition_id in (None, msgspec.UNSET, HOST_ID):
        if not await acts_for_host(call):
            raise Forbidden(NOT_YOURS)
        return Level(HOST_ID)
    return Level(partition(call, partition_id))


async def acts_for_host(call: Call) -> bool:
    """Whether the caller belongs to the installation's own organization, whose administrators are the host's."""
    own = call.actor.organization_id
    return own is not None and fold(await name_of(call.db, own)) == fold(call.services.config.organization)


async def shown(db: Connection, level: Level, keys: Sequence[str]) -> list[wire.SettingDto]:
    """What holds for these keys, in their order, each once; those that nobody set and that have no default are left out.

    An inherited value has the id 0. Secrets have null: it shows that they are set, and nothing else.
    """
    as_asked = {fold(key): key for key in reversed(keys)}
    in_order = list(dict.fromkeys(fold(key) for key in keys))
    chain = _chain(level)
    rows = await store.of_keys(
        db, {one.organization_id for one in chain}, {one.user_id for one in chain}, [*in_order, _HOST]
    )
    by_level: dict[Level, dict[str, Record]] = {one: {} for one in chain}
    for row in rows:
        by_level.get(Level(row["organization_id"], row["user_id"]), {})[row["key_key"]] = row
    has_own_server = _HOST in by_level[level]
    found = []
    for key in in_order:
        known = KNOWN.get(key)
        mine = by_level[level].get(key)
        if mine is not None:
            found.append(_dto(level, mine["id"], mine["key"], mine["value"]))
        elif known is None or known.is_secret or (level.is_of_user and not known.of_users):
            continue
        else:
            above = () if has_own_server and key in SERVER_KEYS else chain[1:]
            value = next((by_level[one][key]["value"] for one in above if key in by_level[one]), known.default)
            if value is not None:
                found.append(_dto(level, 0, as_asked[key], value))
    return found


async def change(call: Call, level: Level, changes: Sequence[Change], *, keyring: Keyring) -> list[str]:
    """Write and remove settings; the keys that the call was about. Of a key that is named twice the last counts.

    The password of a mail server goes when another server is named, unless the same change brings a new one: whoever may
    change the address must not get the password sent there. Raises ValidationProblem.
    """
    _refuse_wrong(changes, level)
    last = {fold(one.key): one for one in changes}
    await store.lock_level(call.db, level.organization_id, level.user_id)
    before = await _server(call.db, level)
    removed = [key for key, one in last.items() if _is_removed(one)]
    written = [_sealed(one, level, keyring) for one in last.values() if not _is_removed(one)]
    await store.delete(call.db, level.organization_id, level.user_id, removed)
    await store.put(call.db, level.organization_id, level.user_id, written, call.now)
    if await store.count(call.db, level.organization_id, level.user_id) > MAX_SETTINGS and written:
        raise ValidationProblem({"settings": [f"There can be at most {MAX_SETTINGS} settings."]})
    if _PASSWORD not in last and rules.forgets_password(before, await _server(call.db, level)):
        await store.delete(call.db, level.organization_id, level.user_id, [_PASSWORD])
    return [one.key for one in last.values()]


def describe(call: Call, level: Level, changes: Sequence[Change]) -> None:
    """Fill the call's audit row: which keys, and the new values of those that the server knows to be no secret."""
    keys = [one.key for one in changes]
    name = ", ".join(keys)[:256]
    call.describe(
        "Update",
        component="Setting",
        entity_id=str(level.user_id if level.is_of_user else level.organization_id),
        name=name,
    )
    call.audit["detail"] = {
        "keys": keys[:100],
        "values": {one.key: one.value for one in changes[:100] if rules.may_be_shown_in_audit(one.key)},
        "userId": str(level.user_id) if level.is_of_user else None,
        "isHost": level.organization_id == HOST_ID,
    }


def _chain(level: Level) -> list[Level]:
    """The level and those above it, nearest first, each once."""
    return list(dict.fromkeys((level, Level(level.organization_id), Level(HOST_ID))))


def _dto(level: Level, id_: int, key: str, value: str | None) -> wire.SettingDto:
    return wire.SettingDto(
        id=id_,
        key=key,
        value=value,
        partition_global_id=level.organization_id,
        user_id=level.user_id if level.is_of_user else None,
    )


def _refuse_wrong(changes: Sequence[Change], level: Level) -> None:
    wrong: dict[str, list[str]] = {}
    for one in changes:
        if reason := rules.why_not_a_key(one.key):
            wrong[one.key_place] = [reason]
        elif one.value is not None and (reason := rules.why_not(one.key, one.value, is_of_user=level.is_of_user)):
            wrong[one.value_place] = [reason]
    if wrong:
        raise ValidationProblem(wrong)


def _is_removed(change: Change) -> bool:
    """Null inherits; a secret that is blank is none."""
    return change.value is None or (change.value == "" and rules.is_secret(change.key))


def _sealed(change: Change, level: Level, keyring: Keyring) -> store.NewSetting:
    assert change.value is not None
    if not rules.is_secret(change.key):
        return store.NewSetting(change.key, fold(change.key), change.value, None)
    sealed = seal_secret(keyring, change.value, level.organization_id, change.key)
    return store.NewSetting(change.key, fold(change.key), None, sealed)


async def _server(db: Connection, level: Level) -> dict[str, str]:
    """What the level itself says of its mail server."""
    rows = await store.of_keys(db, {level.organization_id}, {level.user_id}, _SERVER)
    return {row["key_key"]: row["value"] for row in rows if row["value"] is not None}

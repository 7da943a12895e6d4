"""How a thing was before it is replaced, changed or deleted: read for the audit trail, in the transaction of the change."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec

from podium.kernel.call import Call
from podium.kernel.contract import Row
from podium.kernel.odata import Entity, Options, fetch_one
from podium.orchestrator.assets.entity import ASSETS
from podium.orchestrator.buckets.entity import BUCKETS
from podium.orchestrator.credential_stores.entity import LISTED as CREDENTIAL_STORES
from podium.orchestrator.folders.entity import FOLDERS
from podium.orchestrator.machines.entity import MACHINES
from podium.orchestrator.processes.entity import RELEASES
from podium.orchestrator.queues.entity import QUEUES
from podium.orchestrator.robots.entity import ROBOTS
from podium.orchestrator.roles.entity import ROLES
from podium.orchestrator.scope import IN_TENANT
from podium.orchestrator.users.entity import USERS

# Entity sets whose rows have a number for a key, by their name in the address.
SUBJECTS: Mapping[str, Entity] = {
    entity.name: entity
    for entity in (ASSETS, BUCKETS, CREDENTIAL_STORES, FOLDERS, MACHINES, QUEUES, RELEASES, ROBOTS, ROLES, USERS)
}

ITSELF = f"{IN_TENANT} AND t.id = $2::bigint"
_OF_ONE = re.compile(r"/odata/(\w+)\(\{key\}\)")


def subject_of(row: Row) -> Entity | None:
    """What the operation replaces, changes or deletes by its key."""
    if row.method not in ("PUT", "PATCH", "DELETE"):
        return None
    found = _OF_ONE.fullmatch(row.path)
    return SUBJECTS.get(found[1]) if found else None


async def state_before(call: Call, arguments: Mapping[str, object]) -> dict[str, object] | None:
    """The thing as it is now, by the names of the wire; None when the call is about no single thing, or it is missing.

    For the audit trail only: whether the caller may see it is not asked here.
    """
    entity = subject_of(call.row)
    key = arguments.get("key")
    if entity is None or not isinstance(key, int):
        return None
    text = await fetch_one(call.db, entity, Options(), ITSELF, [call.tenant_id, key], now=call.now)
    return None if text is None else msgspec.json.decode(text, type=dict[str, object])

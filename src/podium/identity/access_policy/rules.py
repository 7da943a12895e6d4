"""What a change of the access policy comes to. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Literal
from uuid import UUID

Kind = Literal["user", "group", "everyone"]
Named = Literal["user", "group"]
"""What a request calls an entity; Everyone is a group."""
Policy = Mapping[UUID, Kind]
"""The entities that may sign in; never empty, but when all of them are gone."""

MAX_ENTITIES = 1000


def changed(present: Policy, add: Policy, remove: Collection[UUID], kind: Named) -> dict[UUID, Kind]:
    """The policy with these entities added, and then those of this kind removed; Everyone is a group."""
    kinds = ("group", "everyone") if kind == "group" else ("user",)
    gone = set(remove)
    return {id_: one for id_, one in {**present, **add}.items() if id_ not in gone or one not in kinds}


def is_open(policy: Policy) -> bool:
    """Whether it is the policy of an organization that never set one."""
    return set(policy.values()) == {"everyone"} and len(policy) == 1

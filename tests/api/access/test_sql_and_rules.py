"""Who may do what: the statement over the tables, the rules in Python and the plain formulation agree."""

from __future__ import annotations

from random import Random
from typing import Any
from uuid import UUID, uuid4

import pytest

from podium.kernel.db import Connection
from podium.orchestrator.access import store
from podium.orchestrator.access.resolver import load_reach
from tests.unit.access.worlds import PERMISSIONS, World, world

ADD_ROLE = """
INSERT INTO orchestrator.roles (tenant_id, name, name_key, display_name, type, permissions, created_at)
VALUES ($1, $2, $3, $2, $4, $5, now())
ON CONFLICT (tenant_id, name_key) DO UPDATE SET name = excluded.name RETURNING id
"""
ADD_USER = """
INSERT INTO orchestrator.users (tenant_id, key, directory_id, type, user_name, name_key, is_active, created_at)
VALUES ($1, $2, $3, $4, $5, $5, $6, now()) RETURNING id
"""
ADD_FOLDER = """
WITH next AS (SELECT nextval(pg_get_serial_sequence('orchestrator.folders', 'id')) AS id)
INSERT INTO orchestrator.folders (tenant_id, id, key, parent_id, ancestor_ids, display_name, name_key, path, path_key,
                                  folder_type, permission_model, owner_id, created_at)
OVERRIDING SYSTEM VALUE
SELECT $1, next.id, $2, $3, $4::bigint[] || next.id, $5, $5, $5, $5, $6, $7, $8, now() FROM next RETURNING id
"""
ADD_TENANT_ROLE = "INSERT INTO orchestrator.user_roles (tenant_id, user_id, role_id) VALUES ($1, $2, $3)"
ADD_MEMBER = """
INSERT INTO orchestrator.folder_members (tenant_id, folder_id, user_id, created_at) VALUES ($1, $2, $3, now())
ON CONFLICT DO NOTHING
"""
ADD_MEMBER_ROLE = """
INSERT INTO orchestrator.folder_member_roles (tenant_id, folder_id, user_id, role_id) VALUES ($1, $2, $3, $4)
"""


class Built:
    """A world in the tables of a tenant: the ids of its principals and folders, by their positions."""

    def __init__(self, w: World) -> None:
        self.world = w
        self.users: list[int] = []
        self.keys: list[UUID] = []
        self.folders: list[int] = []

    async def build(self, db: Connection, tenant_id: int) -> None:
        w, roles = self.world, []
        for each in w.roles:
            facts = (each.name, each.name.casefold(), each.type, sorted(each.permissions))
            roles.append(await db.fetchval(ADD_ROLE, tenant_id, *facts))
        for number in range(w.users + w.groups):
            type_ = "DirectoryUser" if number < w.users else "DirectoryGroup"
            self.keys.append(uuid4())
            user = (uuid4(), self.keys[-1], type_, uuid4().hex, number not in w.inactive)
            self.users.append(await db.fetchval(ADD_USER, tenant_id, *user))
        for number, folder in enumerate(w.folders):
            chain = [self.folders[at] for at in w.chain(number)[:-1]]
            model = "InheritFromTenant" if folder.is_of_tenant else "FineGrained"
            owner = None if folder.owner is None else self.users[folder.owner]
            kind = "Standard" if owner is None else "Personal"
            place = (uuid4(), chain[-1] if chain else None, chain, uuid4().hex, kind, model, owner)
            self.folders.append(await db.fetchval(ADD_FOLDER, tenant_id, *place))
        for who, role in w.tenant_roles:
            await db.execute(ADD_TENANT_ROLE, tenant_id, self.users[who], roles[role])
        for at, who, given in w.assigned:
            await db.execute(ADD_MEMBER, tenant_id, self.folders[at], self.users[who])
            if given is not None:
                await db.execute(ADD_MEMBER_ROLE, tenant_id, self.folders[at], self.users[who], roles[given])

    def groups_of(self, user: int) -> list[UUID]:
        return [self.keys[group] for member, group in self.world.members if member == user]

    @property
    def members(self) -> list[tuple[UUID, UUID]]:
        return [(self.keys[member], self.keys[group]) for member, group in self.world.members]


@pytest.mark.parametrize("seed", range(40))
async def test_the_statement_and_the_rules_agree_with_the_specification(api: Any, seed: int) -> None:
    await api
    built = Built(world(Random(seed)))  # noqa: S311 - the same world for the same seed
    w, tenant_id = built.world, api.tenant_id
    async with api.node.db.transaction() as db:
        await built.build(db, tenant_id)
        reaches = [await load_reach(db, tenant_id, built.users[who], built.groups_of(who)) for who in range(w.users)]
        for place in (None, *range(len(w.folders))):
            folder_id = None if place is None else built.folders[place]
            for permission in PERMISSIONS:
                wanted = frozenset({permission})
                told = {user.id for user in await store.who_may(db, tenant_id, folder_id, wanted, built.members)}
                expected = {who for who in range(w.users) if w.may(who, permission, place)}
                if place is None and permission not in ("Users.View", "Roles.Edit"):
                    continue  # a folder's permission is held in folders
                assert {who for who in range(w.users) if built.users[who] in told} == expected
                for who in set(range(w.users)) - w.inactive:
                    reach = reaches[who]
                    here = None if folder_id is None else reach.folders.get(folder_id)
                    held = reach.permissions if here is None else reach.permissions | here.permissions
                    is_there = place is None or here is not None
                    assert (is_there and permission in held) is (who in expected)


async def test_several_permissions_are_held_together(api: Any, given: Any) -> None:
    folder = await given.folder("Finance")
    await api.as_role("Automation User", folder=folder)
    developer = await api.as_role("Automation Developer", folder=folder)
    async with api.node.db.acquire() as db:
        wanted = frozenset({"Queues.View", "Queues.Edit"})
        found = await store.who_may(db, api.tenant_id, folder["Id"], wanted, [])
    assert {user.user_name for user in found} == {"admin", developer.user_name}

"""Small worlds of folders, users, groups and roles, and a slow, plain answer to who may do what in them."""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

from podium.orchestrator.access import rules

# A few permissions of each kind are enough to tell every rule apart.
IN_TENANT = ("Users.View", "Roles.Edit")
IN_FOLDER = ("Jobs.View", "Jobs.Create", "Queues.Edit")
PERMISSIONS = IN_TENANT + IN_FOLDER


@dataclass(frozen=True)
class Role:
    name: str
    type: str
    permissions: frozenset[str]


@dataclass
class Folder:
    """`parent` and `owner` are positions in the world's lists; an owner makes it a personal workspace."""

    parent: int | None
    is_of_tenant: bool
    owner: int | None


@dataclass
class World:
    """Principals are numbers; the first `users` of them are users, the others groups."""

    users: int
    groups: int
    inactive: frozenset[int]
    members: frozenset[tuple[int, int]]
    roles: list[Role]
    folders: list[Folder]
    tenant_roles: frozenset[tuple[int, int]] = field(default_factory=frozenset)
    assigned: frozenset[tuple[int, int, int | None]] = field(default_factory=frozenset)

    def chain(self, folder: int) -> list[int]:
        """From the root to the folder itself."""
        parent = self.folders[folder].parent
        return [*(self.chain(parent) if parent is not None else []), folder]

    def holders(self, user: int) -> set[int]:
        """The user and the active groups that it is in."""
        return {user} | {group for member, group in self.members if member == user and group not in self.inactive}

    def may(self, user: int, permission: str, folder: int | None) -> bool:
        """Whether the user holds the permission in the folder, or tenant-wide without one; spec 7.4, word by word."""
        if user in self.inactive:
            return False
        held = [self.roles[role] for holder, role in self.tenant_roles if holder in self.holders(user)]
        is_in_tenant = permission in IN_TENANT and any(
            permission in role.permissions for role in held if role.type != "Folder"
        )
        if folder is None:
            return is_in_tenant
        if not self.reaches(user, folder):
            return False
        return is_in_tenant or (permission in IN_FOLDER and self._in_folder(user, permission, folder, held))

    def reaches(self, user: int, folder: int) -> bool:
        return self._is_master(user, folder) or bool(self._here(user, folder))

    def _is_master(self, user: int, folder: int) -> bool:
        owner = self.folders[folder].owner
        held = {self.roles[role].name for holder, role in self.tenant_roles if holder in self.holders(user)}
        return rules.ADMINISTRATOR in held and owner in (None, user)

    def _here(self, user: int, folder: int) -> list[int | None]:
        chain, holders = self.chain(folder), self.holders(user)
        return [role for place, holder, role in self.assigned if place in chain and holder in holders]

    def _in_folder(self, user: int, permission: str, folder: int, held: list[Role]) -> bool:
        if self._is_master(user, folder):
            return True
        there = [self.roles[role] for role in self._here(user, folder) if role is not None]
        if not there or self.folders[folder].is_of_tenant:
            there = [role for role in held if role.type == "Mixed"]
        return any(permission in role.permissions for role in there)


def world(random: Random) -> World:
    """A world by chance: up to 4 users, 2 groups, 5 roles, 6 folders."""
    users, groups = random.randint(1, 4), random.randint(0, 2)
    principals = range(users + groups)
    roles = [Role(rules.ADMINISTRATOR, "Mixed", rules.ALL_PERMISSIONS)]
    for number in range(random.randint(1, 4)):
        type_ = random.choice(("Tenant", "Folder", "Mixed"))
        pool = {"Tenant": IN_TENANT, "Folder": IN_FOLDER}.get(type_, PERMISSIONS)
        roles.append(Role(f"Role {number}", type_, frozenset(_some(random, pool))))
    folders: list[Folder] = []
    for number in range(random.randint(1, 6)):
        is_personal = random.random() < 0.15
        parents = [None, *(at for at in range(number) if folders[at].owner is None)]
        parent = None if is_personal else random.choice(parents)
        free = sorted(set(range(users)) - {folder.owner for folder in folders})
        owner = random.choice(free) if is_personal and free else None
        folders.append(Folder(parent, random.random() < 0.2, owner))
    in_tenant = [number for number, role in enumerate(roles) if role.type != "Folder"]
    in_folder: list[int | None] = [None, *(number for number, role in enumerate(roles) if role.type == "Folder")]
    return World(
        users,
        groups,
        frozenset(_some(random, principals, 0.15)),
        frozenset((user, users + group) for user in range(users) for group in _some(random, range(groups))),
        roles,
        folders,
        frozenset((who, role) for who in principals for role in _some(random, in_tenant, 0.2)),
        frozenset(
            (folder, who, role)
            for folder in range(len(folders))
            for who in principals
            for role in _some(random, in_folder, 0.15)
        ),
    )


def _some(random: Random, pool: object, chance: float = 0.5) -> list:  # type: ignore[type-arg]  # of whatever is in it
    return [each for each in pool if random.random() < chance]  # type: ignore[attr-defined]  # iterables only

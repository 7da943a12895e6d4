"""From the facts to the reasons, in the order in which the server asks. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple


class Held(NamedTuple):
    """A role that somebody holds; `role` None: a member of a folder without one.

    `holder` is the principal, or a group of it (`by_group`). `folder` is the path where it is assigned, None
    tenant-wide; `is_here` whether that is the folder that is asked about.
    """

    holder: str
    by_group: bool
    role: str | None
    type: str | None
    permissions: frozenset[str]
    folder: str | None = None
    is_here: bool = False


class Place(NamedTuple):
    """The folder that is asked about. `is_of_tenant`: roles for the whole tenant count there instead of its own."""

    path: str
    is_personal: bool
    is_own: bool
    is_of_tenant: bool


class Facts(NamedTuple):
    """Everything that decides.

    `need`: alternatives, each a set of permissions that suffices together. `held` are the permissions as admission has
    them: tenant-wide, in the folder (None: it does not reach it), in any folder. `wants_place`: a folder was named.
    `scopes` are those that the operation lists, `has_scope` whether the token has one, None when there is no token to
    look at. `by_scope` is what the scopes of an application grant.
    """

    name: str
    is_active: bool
    need: Sequence[frozenset[str]]
    scopes: frozenset[str]
    has_scope: bool | None
    disabled: frozenset[str]
    tenant_roles: Sequence[Held]
    members: Sequence[Held]
    wants_place: bool
    place: Place | None
    needs_place: bool
    in_tenant: frozenset[str]
    in_folder: frozenset[str] | None
    anywhere: frozenset[str]
    administrator: str
    tenant_permissions: frozenset[str]


class Step(NamedTuple):
    """One question that the server asks; `passed` None: it does not decide here."""

    step: str
    passed: bool | None
    detail: str


class Grant(NamedTuple):
    """Where one of the needed permissions comes from."""

    permission: str
    source: str
    role: str | None
    held_by: str | None
    by_group: bool
    folder: str | None


class Explanation(NamedTuple):
    """The verdict with its reasons; `missing` is what the nearest alternative lacks."""

    allowed: bool
    reason: str
    steps: list[Step]
    grants: list[Grant]
    missing: list[str]


def explain(facts: Facts) -> Explanation:
    """Answer the questions one after the other; the first that is not passed is the reason."""
    held = _held(facts)
    missing = _missing(facts.need, held)
    named = frozenset[str]().union(*facts.need)
    steps = [
        _principal(facts),
        _scope(facts),
        _disabled(facts, named, missing),
        _tenant_roles(facts, named),
        _folder(facts),
        _permissions(facts, missing),
    ]
    refused = next((step for step in steps if step.passed is False), None)
    if refused is not None:
        return Explanation(False, refused.detail, steps, _grants(facts, named, held), sorted(missing))
    return Explanation(True, f"{facts.name} may do this.", steps, _grants(facts, named, held), [])


def _held(facts: Facts) -> frozenset[str]:
    if facts.wants_place:
        return facts.in_tenant | (facts.in_folder or frozenset())
    return facts.in_tenant | facts.anywhere


def _missing(need: Sequence[frozenset[str]], held: frozenset[str]) -> frozenset[str]:
    """What the alternative lacks that lacks least; nothing when one is complete."""
    lacking = [alternative - held for alternative in need]
    return min(lacking, key=lambda each: (len(each), sorted(each)), default=frozenset())


def _principal(facts: Facts) -> Step:
    if facts.is_active:
        return Step("principal", True, f"{facts.name} is active.")
    return Step("principal", False, f"{facts.name} is not active in the tenant.")


def _scope(facts: Facts) -> Step:
    if not facts.scopes:
        return Step("scope", None, "No scope is asked for.")
    listed = " or ".join(sorted(facts.scopes))
    if facts.has_scope is None:
        return Step("scope", None, f"A token of {facts.name} needs {listed}, or OrchestratorApiUserAccess.")
    return Step("scope", facts.has_scope, f"The token {'has' if facts.has_scope else 'lacks'} {listed}.")


def _disabled(facts: Facts, named: frozenset[str], missing: frozenset[str]) -> Step:
    found = named & facts.disabled
    if not found:
        return Step("disabled", None, "None of the permissions is disabled.")
    listed = _and(found)
    if missing & found:
        return Step("disabled", False, f"The operator has disabled {listed}; nobody has it, whatever the roles say.")
    return Step("disabled", None, f"The operator has disabled {listed}; what is held suffices without it.")


def _tenant_roles(facts: Facts, named: frozenset[str]) -> Step:
    wanted = named & facts.tenant_permissions
    if not facts.tenant_roles:
        return Step("tenantRoles", None, f"{facts.name} holds no role in the tenant.")
    roles = ", ".join(dict.fromkeys(_shown(held) for held in facts.tenant_roles))
    granted = wanted & facts.in_tenant
    gives = f"; they grant {_and(granted)}" if granted else ""
    return Step("tenantRoles", None, f"Roles in the tenant: {roles}{gives}.")


def _folder(facts: Facts) -> Step:
    if not facts.wants_place:
        if facts.needs_place:
            return Step("folder", None, "The operation needs a folder; without one named, any folder counts here.")
        return Step("folder", None, "No folder is named; what is held in any folder counts.")
    if facts.place is None or facts.in_folder is None:
        where = facts.place.path if facts.place else "The folder"
        if facts.place and facts.place.is_personal:
            return Step("folder", False, f"{where} is the personal workspace of somebody else.")
        return Step("folder", False, f"{where} does not exist, or {facts.name} is not assigned to it or above it.")
    path = facts.place.path
    if facts.administrator in {held.role for held in facts.tenant_roles}:
        return Step("folder", True, f"The role {facts.administrator} reaches {path}.")
    assigned = ", ".join(dict.fromkeys(_where(held) for held in facts.members))
    if facts.place.is_of_tenant:
        return Step("folder", True, f"{path}: {assigned}; the folder takes its permissions from mixed tenant roles.")
    if not any(held.role for held in facts.members):
        return Step("folder", True, f"{path}: {assigned}, without a role; mixed tenant roles count.")
    return Step("folder", True, f"{path}: {assigned}.")


def _permissions(facts: Facts, missing: frozenset[str]) -> Step:
    alternatives = " or ".join(_and(alternative) for alternative in facts.need if alternative)
    if not alternatives:
        return Step("permissions", True, "A valid token suffices.")
    if missing:
        return Step("permissions", False, f"{facts.name} lacks {_and(missing)}; needed is {alternatives}.")
    return Step("permissions", True, f"{facts.name} holds what is needed: {alternatives}.")


def _grants(facts: Facts, named: frozenset[str], held: frozenset[str]) -> list[Grant]:
    """Every source of each needed permission that is held."""
    found: list[Grant] = []
    is_master = facts.in_folder is not None and any(role.role == facts.administrator for role in facts.tenant_roles)
    uses_mixed = facts.place is not None and (
        facts.place.is_of_tenant or not any(member.role for member in facts.members)
    )
    for permission in sorted(named & held):
        before = len(found)
        for role in facts.tenant_roles:
            in_tenant = permission in facts.tenant_permissions and role.type in ("Tenant", "Mixed")
            in_folder = role.type == "Mixed" and (uses_mixed or (is_master and role.role == facts.administrator))
            if permission in role.permissions and (in_tenant or in_folder):
                found.append(Grant(permission, "tenantRole", role.role, role.holder, role.by_group, None))
        if not uses_mixed and permission not in facts.tenant_permissions:
            found += [
                Grant(permission, "folderRole", member.role, member.holder, member.by_group, member.folder)
                for member in facts.members
                if permission in member.permissions
            ]
        if len(found) == before:
            source = "scope" if facts.wants_place or permission in facts.in_tenant else "elsewhere"
            found.append(Grant(permission, source, None, None, False, None))
    return found


def _shown(held: Held) -> str:
    return f"{held.role} by the group {held.holder}" if held.by_group else str(held.role)


def _where(held: Held) -> str:
    role = f"{held.role}" if held.role else "member"
    by = f" by the group {held.holder}" if held.by_group else ""
    return f"{role}{by}" if held.is_here else f"{role}{by}, inherited from {held.folder}"


def _and(names: frozenset[str]) -> str:
    return " and ".join(sorted(names))

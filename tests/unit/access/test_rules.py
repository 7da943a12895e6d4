"""How roles become reach."""

from __future__ import annotations

from uuid import uuid4

from hypothesis import given
from hypothesis import strategies as st

from podium.orchestrator.access import rules
from podium.orchestrator.access.rules import FolderRow, TenantRole

ADMINISTRATOR = TenantRole(rules.ADMINISTRATOR, "Mixed", rules.ALL_PERMISSIONS)
MIXED = TenantRole("Both", "Mixed", frozenset({"Jobs.View", "Users.View"}))
TENANT = TenantRole("Tenant Administrator", "Tenant", rules.TENANT_PERMISSIONS)
NOBODY: frozenset[int] = frozenset()


def folder(*ancestors: int, is_personal: bool = False, owner_id: int | None = None) -> FolderRow:
    return FolderRow(ancestors[-1], uuid4(), "x", ancestors, is_personal, owner_id)


def test_a_member_of_an_ancestor_has_its_roles_below() -> None:
    assert rules.folder_permissions(folder(1, 2, 3), [], {1: frozenset({"Jobs.View"})}, NOBODY) == frozenset(
        {"Jobs.View"}
    )


def test_assignments_add_up_along_the_tree() -> None:
    grants = {1: frozenset({"Jobs.View"}), 2: frozenset({"Jobs.Edit"})}
    assert rules.folder_permissions(folder(1, 2), [], grants, NOBODY) == frozenset({"Jobs.View", "Jobs.Edit"})


def test_who_is_no_member_does_not_reach_the_folder() -> None:
    assert rules.folder_permissions(folder(1, 2), [TENANT], {3: frozenset({"Jobs.View"})}, NOBODY) is None


def test_a_member_without_a_role_may_do_nothing() -> None:
    assert rules.folder_permissions(folder(1), [], {1: None}, NOBODY) == frozenset()


def test_a_member_without_a_role_has_what_mixed_roles_grant() -> None:
    assert rules.folder_permissions(folder(1), [MIXED], {1: None}, NOBODY) == frozenset({"Jobs.View"})


def test_a_role_in_the_folder_takes_the_place_of_mixed_roles() -> None:
    grants: dict[int, frozenset[str] | None] = {1: None, 2: frozenset({"Queues.View"})}
    assert rules.folder_permissions(folder(1, 2), [MIXED], grants, NOBODY) == frozenset({"Queues.View"})


def test_tenant_permissions_given_in_a_folder_do_not_count() -> None:
    assert rules.folder_permissions(folder(1), [], {1: frozenset({"Users.Edit"})}, NOBODY) == frozenset()


def test_the_administrator_reaches_every_folder_but_the_workspaces_of_others() -> None:
    foreign = folder(4, is_personal=True, owner_id=9)
    assert rules.folder_permissions(folder(1, 2), [ADMINISTRATOR], {}, frozenset({7})) == rules.FOLDER_PERMISSIONS
    assert rules.folder_permissions(foreign, [ADMINISTRATOR], {}, frozenset({7})) is None
    assert rules.folder_permissions(foreign, [ADMINISTRATOR], {}, frozenset({9})) == rules.FOLDER_PERMISSIONS


def test_folder_roles_held_tenant_wide_grant_nothing_in_the_tenant() -> None:
    folder_role = TenantRole("x", "Folder", frozenset({"Users.View"}))
    assert rules.tenant_permissions([folder_role, MIXED]) == {"Users.View"}
    assert rules.tenant_permissions([folder_role]) == frozenset()


permissions = st.frozensets(st.sampled_from(sorted(rules.FOLDER_PERMISSIONS)), max_size=4)


@given(st.dictionaries(st.integers(1, 4), st.none() | permissions), st.integers(1, 4), permissions)
def test_a_further_assignment_never_takes_anything_away(
    grants: dict[int, frozenset[str] | None], where: int, more: frozenset[str]
) -> None:
    place = folder(1, 2, 3, 4)
    before = rules.folder_permissions(place, [], grants, NOBODY) or frozenset()
    after = rules.folder_permissions(place, [], grants | {where: (grants.get(where) or frozenset()) | more}, NOBODY)
    assert after is not None
    assert before <= after


def test_default_roles_name_known_permissions_only() -> None:
    for role in rules.DEFAULT_ROLES:
        assert role.permissions <= rules.ALL_PERMISSIONS, role.name
        if role.type == "Folder":
            assert role.permissions <= rules.FOLDER_PERMISSIONS, role.name

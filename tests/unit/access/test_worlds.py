"""The rule by which roles become reach, against a plain formulation of the specification."""

from __future__ import annotations

from random import Random
from uuid import uuid4

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from podium.orchestrator.access import rules
from tests.unit.access.worlds import PERMISSIONS, World, world


def reach(w: World, user: int, folder: int, disabled: frozenset[str]) -> tuple[frozenset[str], frozenset[str] | None]:
    """The permissions in the tenant and in the folder, as the resolver asks the rules for them."""
    holders = w.holders(user)
    held = [w.roles[role] for holder, role in w.tenant_roles if holder in holders]
    roles = [rules.TenantRole(role.name, role.type, role.permissions) for role in held]
    grants: dict[int, frozenset[str] | None] = {}
    for place, holder, role in w.assigned:
        if holder in holders:
            here = grants.get(place)
            grants[place] = here if role is None else w.roles[role].permissions | (here or frozenset())
    it = w.folders[folder]
    row = rules.FolderRow(folder, uuid4(), "x", w.chain(folder), it.owner is not None, it.owner, it.is_of_tenant)
    return (
        rules.tenant_permissions(roles, disabled),
        rules.folder_permissions(row, roles, grants, frozenset({user}), disabled),
    )


@settings(max_examples=400)
@given(st.randoms(use_true_random=False), st.sets(st.sampled_from(PERMISSIONS), max_size=2))
def test_the_rules_are_what_the_specification_says(random: Random, disabled: set[str]) -> None:
    w = world(random)
    for user in range(w.users):
        if user in w.inactive:
            continue  # refused before the rules are asked
        for folder in range(len(w.folders)):
            in_tenant, in_folder = reach(w, user, folder, frozenset(disabled))
            assert (in_folder is not None) is w.reaches(user, folder)
            for permission in PERMISSIONS:
                expected = permission not in disabled and w.may(user, permission, folder)
                assert (in_folder is not None and permission in in_tenant | in_folder) is expected
                assert (permission in in_tenant) is (permission not in disabled and w.may(user, permission, None))


def test_an_entity_alone_disables_all_of_its_actions() -> None:
    assert rules.disabled_permissions(["audit"]) == rules.every(["Audit"])
    assert rules.disabled_permissions(["jobs.CREATE"]) == {"Jobs.Create"}


@pytest.mark.parametrize("name", ["Jobs.Fly", "Nothing", "Jobs."])
def test_a_name_that_is_no_permission_cannot_be_disabled(name: str) -> None:
    with pytest.raises(ValueError, match=name):
        rules.disabled_permissions([name])

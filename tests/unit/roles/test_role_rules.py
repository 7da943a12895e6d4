"""What a role may be called and may grant."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from podium.kernel.errors import BadRequest, Conflict
from podium.orchestrator.access.rules import ALL_PERMISSIONS, FOLDER_PERMISSIONS, TENANT_PERMISSIONS
from podium.orchestrator.roles import rules

SOME = st.frozensets(st.sampled_from(sorted(ALL_PERMISSIONS)), max_size=5)


@given(SOME, st.sampled_from([None, "Tenant", "Folder", "Mixed"]))
def test_a_new_role_is_of_the_kind_of_its_permissions_or_refused(permissions: frozenset[str], declared: str) -> None:
    try:
        type_ = rules.type_of_new(permissions, declared)
    except BadRequest:
        kinds = {rules.scope_of(permission) for permission in permissions}
        contradicts = declared is not None and kinds and kinds != {{"Tenant": "Global"}.get(declared, declared)}
        assert declared == "Mixed" or len(kinds) == 2 or contradicts
    else:
        allowed = TENANT_PERMISSIONS if type_ == "Tenant" else FOLDER_PERMISSIONS
        assert type_ != "Mixed"
        assert permissions <= allowed
        assert declared in (None, type_)


@given(SOME, st.sampled_from(["Tenant", "Folder", "Mixed"]))
def test_a_changed_role_grants_what_its_type_can(permissions: frozenset[str], type_: str) -> None:
    allowed = {"Tenant": TENANT_PERMISSIONS, "Folder": FOLDER_PERMISSIONS, "Mixed": ALL_PERMISSIONS}[type_]
    if permissions <= allowed:
        rules.check_change(type_, permissions, None)
    else:
        with pytest.raises(BadRequest, match="cannot be granted"):
            rules.check_change(type_, permissions, None)


def test_what_is_not_granted_is_as_if_absent_and_names_bind_without_regard_to_case() -> None:
    rows = [("jobs.view", True), ("Jobs.Edit", False), (" Queues.View ", True)]
    assert rules.granted(rows) == {"Jobs.View", "Queues.View"}


def test_an_unknown_permission_is_named_even_when_it_is_not_granted() -> None:
    with pytest.raises(BadRequest, match=r"Permissions\[1\].Name: 'Jobs.Fly'"):
        rules.granted([("Jobs.View", True), ("Jobs.Fly", False)])


@pytest.mark.parametrize("name", ["", "   ", "x" * 65, "a\nb", "a\x00b"])
def test_a_name_that_cannot_be_one_is_refused(name: str) -> None:
    with pytest.raises(BadRequest):
        rules.clean_name(name)


def test_a_name_is_kept_composed_and_without_blanks_around_it() -> None:
    assert rules.clean_name("  Cafe\u0301 ") == "Caf\u00e9"


def test_built_in_roles_stay() -> None:
    with pytest.raises(Conflict):
        rules.check_deletable("Administrator", is_static=True)
    with pytest.raises(Conflict):
        rules.check_editable("Administrator", is_editable=False)
    with pytest.raises(Conflict):
        rules.check_new_name("Robot", "Robot 2", is_static=True)
    rules.check_new_name("Own", "Other", is_static=False)

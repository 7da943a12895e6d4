"""Declarations that would go wrong later are refused when they are made."""

from __future__ import annotations

import pytest

from podium.kernel.odata import Entity, Kind, Navigation, Property

ID = Property("{t}.id", Kind.INT)


def test_names_bind_in_any_case_to_the_declared_spelling() -> None:
    robots = Entity("Robots", "robots", {"Id": ID})
    jobs = Entity("Jobs", "jobs", {"Id": ID}, {"Robot": Navigation(robots, "true")}, lenient_expand=frozenset({"Env"}))
    assert (jobs.property_named("ID"), jobs.navigation_named("robot"), jobs.lenient_named("ENV")) == (
        "Id",
        "Robot",
        "Env",
    )
    assert (jobs.property_named("robot"), jobs.navigation_named("id"), jobs.lenient_named("id")) == (None, None, None)


@pytest.mark.parametrize("name", ['Na"me', "Name'", "", "N" * 64, "Näme", "a b", "1a"])
def test_a_name_that_could_leave_its_quotes_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        Entity("Jobs", "jobs", {"Id": ID, name: ID})


def test_two_members_of_one_name_are_refused() -> None:
    with pytest.raises(ValueError, match="same name"):
        Entity("Jobs", "jobs", {"Id": ID, "ID": ID})


def test_a_missing_key_or_order_is_refused() -> None:
    with pytest.raises(ValueError, match="Id"):
        Entity("Jobs", "jobs", {"Name": Property("{t}.name")})
    with pytest.raises(ValueError, match="Name"):
        Entity("Jobs", "jobs", {"Id": ID}, default_order=(("Name", "asc"),))
    with pytest.raises(ValueError, match="up"):
        Entity("Jobs", "jobs", {"Id": ID}, default_order=(("Id", "up"),))


def test_names_belong_to_enumerations_only() -> None:
    with pytest.raises(ValueError, match="ENUM"):
        Property("{t}.state", Kind.ENUM)
    with pytest.raises(ValueError, match="ENUM"):
        Property("{t}.state", enum=("A",))
    assert Property("{t}.state", Kind.ENUM, enum=("A", "B")).members["1"] == ("B", 1)


def test_json_is_neither_filtered_nor_sorted_by() -> None:
    content = Property("{t}.content", Kind.JSON)
    assert not content.filterable
    assert not content.sortable

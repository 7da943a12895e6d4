"""How assignments along a chain of folders show at its end."""

from __future__ import annotations

from typing import Any

from podium.orchestrator.folders.members.rules import Assignment, Source, users_of_folder

SOURCES = {1: Source(1, "Top", "Top"), 2: Source(2, "Sub", "Top/Sub")}


def user(id_: int, name: str) -> dict[str, Any]:
    return {
        "id": id_,
        "user_name": name,
        "type": "DirectoryUser",
        "full_name": None,
        "may_have_attended": True,
        "may_have_unattended": False,
    }


def rows(*assignments: Assignment) -> list[dict[str, Any]]:
    return users_of_folder(2, [user(7, "ada"), user(8, "bob")], assignments, SOURCES)


def test_a_role_here_is_assigned() -> None:
    (ada,) = rows(Assignment(7, 2, 5, "Automation User", "Folder"))
    assert ada["UserEntity"]["IsInherited"] is False
    assert ada["UserEntity"]["AssignedToFolderIds"] == [2]
    assert [(role["Id"], role["Origin"], role["InheritedFromFolder"]) for role in ada["Roles"]] == [
        (5, "Assigned", None)
    ]


def test_a_role_above_is_inherited_and_says_from_where() -> None:
    (ada,) = rows(Assignment(7, 1, 5, "Automation User", "Folder"))
    assert ada["UserEntity"]["IsInherited"] is True
    assert ada["Roles"][0]["Origin"] == "Inherited"
    assert ada["Roles"][0]["InheritedFromFolder"] == {"DisplayName": "Top", "FullyQualifiedName": "Top", "Id": 1}


def test_a_user_with_both_is_assigned_with_every_role() -> None:
    (ada,) = rows(Assignment(7, 1, 5, "Automation User", "Folder"), Assignment(7, 2, 6, "Publisher", "Folder"))
    assert ada["UserEntity"]["IsInherited"] is False
    assert [role["Origin"] for role in ada["Roles"]] == ["Inherited", "Assigned"]


def test_a_member_without_a_role_is_listed_without_one() -> None:
    (bob,) = rows(Assignment(8, 2, None, None, None))
    assert (bob["Id"], bob["Roles"]) == (8, [])


def test_the_tenant_wide_role_comes_from_no_folder() -> None:
    (ada,) = rows(Assignment(7, None, 1, "Administrator", "Mixed"))
    assert ada["UserEntity"]["IsInherited"] is True
    assert ada["UserEntity"]["AssignedToFolderIds"] == []
    assert ada["Roles"][0]["InheritedFromFolder"] is None

"""How assignments on a chain of folders show at its end. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple


class Assignment(NamedTuple):
    """One role of one user on one folder; `role_id` None: a member without a role.

    `folder_id` None: the tenant-wide role that reaches every folder.
    """

    user_id: int
    folder_id: int | None
    role_id: int | None
    role_name: str | None
    role_type: str | None


class Source(NamedTuple):
    """A folder as an inherited role names it."""

    id: int
    display_name: str
    path: str


def users_of_folder(
    folder_id: int,
    users: Iterable[Mapping[str, Any]],
    assignments: Sequence[Assignment],
    sources: Mapping[int, Source],
) -> list[dict[str, Any]]:
    """A row per user: its roles, each with where it comes from.

    `users` are rows with id, user_name, type, full_name, may_have_attended and may_have_unattended, in the order to
    show; `sources` holds every folder that an assignment names. A user is inherited when nothing is assigned here.
    """
    by_user: dict[int, list[Assignment]] = {}
    for assignment in assignments:
        by_user.setdefault(assignment.user_id, []).append(assignment)
    return [
        {
            "Id": user["id"],
            "UserEntity": _user_entity(user, folder_id, by_user[user["id"]]),
            "Roles": [_role(each, folder_id, sources) for each in by_user[user["id"]] if each.role_id is not None],
            "HasAlertsEnabled": None,
        }
        for user in users
        if user["id"] in by_user
    ]


def _user_entity(user: Mapping[str, Any], folder_id: int, assignments: Sequence[Assignment]) -> dict[str, Any]:
    assigned = sorted({each.folder_id for each in assignments if each.folder_id is not None})
    return {
        "AuthenticationSource": None,
        "FullName": user["full_name"],
        "UserName": user["user_name"],
        "IsInherited": folder_id not in assigned,
        "AssignedToFolderIds": assigned,
        "MayHaveAttended": user["may_have_attended"],
        "MayHaveUnattended": user["may_have_unattended"],
        "Source": "Orchestrator",
        "Type": user["type"],
        "Id": user["id"],
    }


def _role(assignment: Assignment, folder_id: int, sources: Mapping[int, Source]) -> dict[str, Any]:
    above = sources.get(assignment.folder_id or 0) if assignment.folder_id != folder_id else None
    return {
        "Name": assignment.role_name,
        "Origin": "Assigned" if assignment.folder_id == folder_id else "Inherited",
        "RoleType": assignment.role_type,
        "InheritedFromFolder": simple_folder(above) if above else None,
        "Id": assignment.role_id,
    }


def simple_folder(source: Source) -> dict[str, Any]:
    """SimpleFolderDto."""
    return {"DisplayName": source.display_name, "FullyQualifiedName": source.path, "Id": source.id}

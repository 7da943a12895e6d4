"""What another directory knows of a user. Pure."""

from __future__ import annotations

from typing import NamedTuple


class Person(NamedTuple):
    """The whole of it; None is no value. The user name never changes, the external id is the other directory's."""

    user_name: str
    email: str | None = None
    first_name: str | None = None
    last_name: str | None = None
    display_name: str | None = None
    is_active: bool = True
    external_id: str | None = None

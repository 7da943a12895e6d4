"""A principal in the two shapes of the wire: DirectoryEntity and DirectoryEntityInfo."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

import msgspec

from podium.identity.directory_search.rules import LOCAL, OBJECT_TYPES, TYPE_NUMBERS, Kind

NAMED_ATTRIBUTES = ("jobTitle", "companyName", "city", "department")


class Found(NamedTuple):
    """A row of the view identity.principals. `attributes`: JSON text of a user's free attributes."""

    id: UUID
    kind: Kind
    user_type: int
    name: str
    email: str | None
    first_name: str | None
    last_name: str | None
    display_name: str
    attributes: str | None
    external_id: str | None
    created_at: datetime


def described(found: Found) -> dict[str, object]:
    """The DirectoryEntity of the subtype that `objectType` names."""
    entity: dict[str, object] = {
        "objectType": OBJECT_TYPES[found.kind],
        "source": LOCAL,
        "identifier": str(found.id),
        "name": found.name,
        "email": found.email,
        "displayName": found.display_name,
    }
    if found.kind == "user":
        attributes = msgspec.json.decode(found.attributes or "{}", type=dict[str, object])
        entity |= {"firstName": found.first_name, "lastName": found.last_name}
        entity |= {name: attributes.get(name) for name in NAMED_ATTRIBUTES}
        entity |= {
            "extensionUserAttributes": attributes,
            "externalId": found.external_id,
            "creationTime": found.created_at,
        }
    elif found.kind == "application":
        entity["applicationId"] = found.external_id
    return entity


def listed(found: Found) -> dict[str, object]:
    """The DirectoryEntityInfo, as a search gives it."""
    return {
        "source": LOCAL,
        "identifier": str(found.id),
        "identityName": found.name,
        "displayName": found.display_name,
        "email": found.email,
        "domain": LOCAL,
        "type": TYPE_NUMBERS[found.kind],
        "objectType": OBJECT_TYPES[found.kind],
    }

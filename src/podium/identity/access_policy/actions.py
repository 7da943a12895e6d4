"""The one question that every door asks of the access policy."""

from __future__ import annotations

from uuid import UUID

from podium.identity.access_policy import store
from podium.identity.groups.rules import ADMINISTRATORS
from podium.identity.names import fold
from podium.kernel.db import Connection


async def may_sign_in(db: Connection, organization_id: UUID, user_id: UUID) -> bool:
    """Whether the organization's access policy lets the user in.

    When no active administrator is let in any more, because a group or a user went, every administrator is.
    """
    return await store.may_sign_in(db, organization_id, user_id, fold(ADMINISTRATORS))

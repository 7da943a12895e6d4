"""Lets a call of the identity server in or refuses it: scope, then organization, then rights (decision 37)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from uuid import UUID

from podium.identity import directory
from podium.identity.partitions.actions import active_organizations
from podium.kernel.call import NO_REACH, Actor, Reach
from podium.kernel.contract import Row
from podium.kernel.db import Database
from podium.kernel.errors import Forbidden, Unauthenticated
from podium.kernel.permission import Gate, allows, scope_allows
from podium.server.addresses import Address
from podium.server.authenticate import NOT_AUTHENTICATED

ADMINISTRATOR = "Identity.Administrator"
SELF = "Identity.Self"
FIRST_PARTY = "IdentityServerApi"
NOT_AUTHORIZED = "You are not authorized!"
KEPT_FOR_S = 5.0
OF_A_USER = "userid"


class IdentityAdmitter:
    """One per process.

    The rows' permissions know two words: `Identity.Administrator` (in the group Administrators; an application's scope is enough)
    and `Identity.Self` (the user that the path names is the caller).
    """

    def __init__(self, db: Database, people: directory.InProcessDirectory) -> None:
        self._db = db
        self._people = people
        self._organizations: tuple[float, Mapping[str, UUID]] = (0.0, {})

    async def admit(
        self, row: Row, gate: Gate, address: Address, actor: Actor, parameters: Mapping[str, str]
    ) -> tuple[UUID | None, Reach]:
        """The organization of the call and what the caller may do in it. Raises Unauthenticated, Forbidden."""
        if gate.anonymous:
            return await self._named(address.organization), NO_REACH
        if actor.kind == "anonymous" or actor.organization_id is None:
            raise Unauthenticated(NOT_AUTHENTICATED)
        scopes = actor.scopes
        if scopes is not None and row.scopes and FIRST_PARTY not in scopes and not scope_allows(row.scopes, scopes):
            raise Forbidden(NOT_AUTHORIZED)
        if address.organization is not None and await self._named(address.organization) != actor.organization_id:
            raise Forbidden(NOT_AUTHORIZED)
        granted = await self._granted(actor, parameters)
        if gate.host_only or not allows(gate.need, granted):
            raise Forbidden(NOT_AUTHORIZED)
        return actor.organization_id, Reach(granted, {})

    async def _granted(self, actor: Actor, parameters: Mapping[str, str]) -> frozenset[str]:
        found = set()
        if actor.kind == "application":
            found.add(ADMINISTRATOR)
        elif actor.subject is not None:
            named = next((value for name, value in parameters.items() if name.lower() == OF_A_USER), None)
            if named is not None and named.strip("{}").lower() == str(actor.subject):
                found.add(SELF)
            if await self._people.is_administrator(actor.subject):
                found.add(ADMINISTRATOR)
        return frozenset(found)

    async def _named(self, name: str | None) -> UUID | None:
        """The organization of a name or id in the address; None when there is none."""
        if name is None:
            return None
        until, known = self._organizations
        if until < time.monotonic():
            async with self._db.acquire() as connection:
                rows = await active_organizations(connection)
            known = {key: id_ for name_key, id_ in rows for key in (name_key, str(id_))}
            self._organizations = (time.monotonic() + KEPT_FOR_S, known)
        return known.get(name.casefold())

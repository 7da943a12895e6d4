"""Who acts for the host, and what it does with an organization's people when it makes tenants; asked by the orchestrator."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Protocol
from uuid import UUID

import asyncpg

from podium.identity.directory import Principal, principal_of
from podium.identity.groups import actions as groups
from podium.identity.issuer import Issuer
from podium.identity.names import fold
from podium.identity.partitions.actions import active_organizations, name_of
from podium.identity.settings.actions import sign_in_policy
from podium.identity.users import actions, store
from podium.identity.users.rules import NewUser, broken_email_rules, broken_name_rules
from podium.kernel.db import Connection, Database
from podium.kernel.errors import BadRequest, Conflict, Forbidden, NotFound
from podium.kernel.ids import uuid7


class Person(Protocol):
    """Whom to add; `name` is the user name."""

    @property
    def name(self) -> str: ...
    @property
    def email(self) -> str: ...
    @property
    def first_name(self) -> str | None: ...
    @property
    def last_name(self) -> str | None: ...
    @property
    def password(self) -> str: ...


class InProcessAdministrators:
    """One per process, keeps nothing."""

    def __init__(self, db: Database, issuer: Issuer) -> None:
        self._db = db
        self._issuer = issuer

    async def is_administrator(self, subject: UUID) -> bool:
        """Whether the principal is in the group Administrators of its organization."""
        async with self._db.acquire() as connection:
            return await groups.is_administrator(connection, subject)

    async def organizations(self, db: Connection) -> Mapping[UUID, str]:
        """The names of the active organizations."""
        return {id_: await name_of(db, id_) for _, id_ in await active_organizations(db)}

    async def person(self, db: Connection, organization_id: UUID, subject: UUID) -> Principal | None:
        """The person of that id, active or not."""
        user = await actions.find_user(db, organization_id, subject)
        return None if user is None else principal_of(user)

    async def person_named(self, db: Connection, organization_id: UUID, name_or_email: str) -> Principal | None:
        """The active person of that user name, else of that e-mail; without regard to case."""
        user = await actions.find_active_by_name(db, organization_id, fold(name_or_email))
        return None if user is None else principal_of(user)

    async def add(self, db: Connection, organization_id: UUID, person: Person, now: datetime) -> UUID:
        """The id of a new person. Raises BadRequest for what the organization does not take, Conflict for a taken name."""
        broken = [text for _, text in (*broken_name_rules(person.name), *broken_email_rules(person.email))]
        if broken:
            raise BadRequest(f"AdminEmailAddress: {broken[0]}")
        policy = (await sign_in_policy(db, organization_id)).password
        passwords = self._issuer.passwords
        faults = await actions.complexity_faults(passwords, person.password, policy, (person.name, person.email))
        if faults:
            raise BadRequest(f"AdminPassword: {faults[0].description}")
        user = NewUser(
            organization_id=organization_id,
            id=uuid7(),
            user_name=person.name,
            email=person.email,
            first_name=person.first_name,
            last_name=person.last_name,
            display_name=None,
            password_hash=await passwords.hash(person.password),
            must_change_password=policy.change_at_first_login,
        )
        try:
            async with db.transaction():
                await actions.add_user(db, user, now)
        except asyncpg.UniqueViolationError:
            raise Conflict(f"AdminEmailAddress: {person.email} is used by somebody already.") from None
        return user.id

    async def set_password(
        self,
        db: Connection,
        organization_id: UUID,
        subject: UUID,
        password: str,
        now: datetime,
        on_commit: Callable[[Callable[[], None]], None],
    ) -> None:
        """Give a person another password; everything that let him in has ended.

        Raises BadRequest for a password that the organization does not take, NotFound, and Forbidden for administrators
        of the organization, who change their own.
        """
        user = await store.lock(db, organization_id, subject)
        if user is None:
            raise NotFound("The administrator of the tenant does not exist any more.")
        if await groups.is_administrator(db, subject):
            raise Forbidden("AdminPassword: an administrator of the organization changes the password by himself.")
        policy = (await sign_in_policy(db, organization_id)).password
        passwords = self._issuer.passwords
        faults = await actions.password_faults(self._db, passwords, user, password, policy)
        if faults:
            raise BadRequest(f"AdminPassword: {faults[0].description}")
        new_hash = await passwords.hash(password)
        lifetime_s = self._issuer.lifetime_s
        await actions.store_password(
            db, user, new_hash, now, must_change=policy.change_at_first_login, lifetime_s=lifetime_s
        )
        on_commit(lambda: self._issuer.note_revoked("subject", str(subject), now))

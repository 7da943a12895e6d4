"""Who a personal access token stands for, and the end of a user's tokens."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from podium.identity.access_policy.actions import may_sign_in
from podium.identity.personal_tokens import store
from podium.identity.personal_tokens.rules import PERSONAL_CLIENT, PREFIX, USED_EVERY, grant_of, was_used_lately
from podium.identity.tokens.rules import NOT_VALID
from podium.kernel.call import ActorKind
from podium.kernel.db import Connection, Database
from podium.kernel.errors import Unauthenticated
from podium.kernel.secrets import hash_machine_secret

MAX_CHARACTERS = 100


class Holder(NamedTuple):
    """What a personal token says, in the words of an access token; `id` and `expires_at` are the token's own.

    `grant_id`: the mark of the access tokens that it is exchanged for.
    """

    organization_id: UUID
    id: UUID
    grant_id: UUID
    subject: UUID
    name: str
    email: str
    scopes: frozenset[str]
    expires_at: datetime
    last_used_at: datetime | None
    kind: ActorKind = "user"
    client_id: str = PERSONAL_CLIENT
    tenant_key: UUID | None = None


async def count_of_user(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> int:
    """How many tokens of the user hold."""
    return await store.held(db, organization_id, user_id, now, UUID(int=0))


async def verify(db: Connection, token: str, now: datetime) -> Holder:
    """The user behind a token, asked of the database each time, so that nothing that ended counts a moment longer.

    Raises Unauthenticated unless the token holds, its user and organization are active, and the user may sign in.
    """
    row = None
    if token.startswith(PREFIX) and len(token) <= MAX_CHARACTERS and token.isascii():
        row = await store.holding(db, hash_machine_secret(token), now)
    if row is None or not await may_sign_in(db, row["organization_id"], row["user_id"]):
        raise Unauthenticated(NOT_VALID)
    return Holder(
        organization_id=row["organization_id"],
        id=row["id"],
        grant_id=grant_of(row["token_hash"]),
        subject=row["user_id"],
        name=row["display_name"] or " ".join(filter(None, (row["first_name"], row["last_name"]))) or row["user_name"],
        email=row["email"] or "",
        scopes=frozenset(row["scopes"]),
        expires_at=row["expires_at"],
        last_used_at=row["last_used_at"],
    )


async def authenticate(db: Database, token: str, now: datetime) -> Holder:
    """As `verify`, and the use is noted: to the minute, which is one write for all calls of that minute."""
    async with db.acquire() as connection:
        holder = await verify(connection, token, now)
        if not was_used_lately(holder.last_used_at, now):
            await store.used(connection, holder.organization_id, holder.id, now, int(USED_EVERY.total_seconds()))
    return holder


async def end_all_of_user(db: Connection, organization_id: UUID, user_id: UUID, now: datetime) -> list[UUID]:
    """End every token of a user at once; the ids of those that ended.

    What they were exchanged for ends with the user's access tokens (`tokens.actions.end_all_of_user`).
    """
    return [row["id"] for row in await store.revoke_all_of(db, organization_id, [user_id], now)]

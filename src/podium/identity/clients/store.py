"""SQL of client programs and their secrets."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.identity.clients.rules import Client, Secret
from podium.kernel.db import Connection

FIND = """
SELECT c.organization_id, c.id, c.client_id, c.kind, c.name, c.is_confidential, c.redirect_uris, c.application_scopes,
       c.user_scopes, c.takes_any_scope, c.post_logout_uris, c.requires_consent, s.hashes, s.ends
  FROM identity.clients c
  LEFT JOIN LATERAL (
    SELECT array_agg(secret_hash ORDER BY id) AS hashes, array_agg(expires_at ORDER BY id) AS ends
      FROM identity.client_secrets WHERE organization_id = c.organization_id AND owner_id = c.id) s ON true
 WHERE c.client_id = $1
"""

REDIRECT_URIS = "SELECT DISTINCT unnest(redirect_uris) AS uri FROM identity.clients"

PUT = """
INSERT INTO identity.clients (organization_id, id, client_id, kind, name, name_key, is_confidential, is_bootstrap,
                              redirect_uris, application_scopes, user_scopes, takes_any_scope, created_at,
                              post_logout_uris, requires_consent)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)
ON CONFLICT (client_id) DO UPDATE
   SET name = excluded.name, name_key = excluded.name_key, redirect_uris = excluded.redirect_uris,
       application_scopes = excluded.application_scopes, user_scopes = excluded.user_scopes,
       takes_any_scope = excluded.takes_any_scope, post_logout_uris = excluded.post_logout_uris,
       requires_consent = excluded.requires_consent, updated_at = excluded.created_at
 WHERE clients.organization_id = excluded.organization_id AND clients.kind = excluded.kind
   AND clients.is_bootstrap = excluded.is_bootstrap
RETURNING id
"""

ADD_HASH = """
INSERT INTO identity.client_secrets (organization_id, owner_id, description, secret_hash, created_at, expires_at)
SELECT organization_id, id, $3, $4, $5, $6 FROM identity.clients WHERE organization_id = $1 AND client_id = $2
RETURNING id
"""

HASH_EXISTS = """
SELECT EXISTS (SELECT FROM identity.client_secrets
                WHERE organization_id = $1 AND owner_id = $2 AND description = $3 AND secret_hash = $4)
"""

REMOVE_HASHES = """
DELETE FROM identity.client_secrets s USING identity.clients c
 WHERE c.organization_id = $1 AND c.client_id = $2 AND (s.organization_id, s.owner_id) = (c.organization_id, c.id)
   AND ($3::text IS NULL OR s.description = $3::text)
"""

REMOVE_HASH = """
DELETE FROM identity.client_secrets s USING identity.clients c
 WHERE c.organization_id = $1 AND c.client_id = $2 AND (s.organization_id, s.owner_id) = (c.organization_id, c.id)
   AND s.id = $3
RETURNING true
"""

# The applications that administrators registered. The operator's own is changed by the operator's settings only.
EXTERNAL = """
SELECT client_id, name, is_confidential, redirect_uris, post_logout_uris, requires_consent, application_scopes,
       user_scopes
  FROM identity.clients
 WHERE organization_id = $1 AND kind = 'external' AND NOT is_bootstrap
   AND ($2::text IS NULL OR client_id = $2::text)
 ORDER BY name_key, client_id
"""

SECRETS = """
SELECT c.client_id, s.id, s.description, s.created_at, s.expires_at FROM identity.client_secrets s
  JOIN identity.clients c ON (c.organization_id, c.id) = (s.organization_id, s.owner_id)
 WHERE c.organization_id = $1 AND c.kind = 'external' AND NOT c.is_bootstrap
   AND ($2::text IS NULL OR c.client_id = $2::text)
 ORDER BY s.id
"""

LOCK = """
SELECT client_id FROM identity.clients
 WHERE organization_id = $1 AND client_id = $2 AND kind = 'external' AND NOT is_bootstrap FOR NO KEY UPDATE
"""

APPLICATION_WITH = """
SELECT c.client_id FROM identity.client_secrets s
  JOIN identity.clients c ON (c.organization_id, c.id) = (s.organization_id, s.owner_id)
 WHERE s.organization_id = $1 AND s.id = $2 AND c.kind = 'external' AND NOT c.is_bootstrap
"""

NAME_IS_TAKEN = """
SELECT EXISTS (SELECT FROM identity.clients
                WHERE organization_id = $1 AND name_key = $2 AND client_id <> $3 AND kind = 'external'
                  AND NOT is_bootstrap)
"""

REMOVE = "DELETE FROM identity.clients WHERE organization_id = $1 AND client_id = $2 RETURNING true"

OTHER_BOOTSTRAP = """
SELECT client_id FROM identity.clients WHERE organization_id = $1 AND is_bootstrap AND client_id <> $2
"""


async def find(db: Connection, client_id: str) -> Client | None:
    """The client with its secrets, expired ones too."""
    row = await db.fetchrow(FIND, client_id)
    if row is None:
        return None
    secrets = zip(row["hashes"] or (), row["ends"] or (), strict=True)
    return Client(
        organization_id=row["organization_id"],
        id=row["id"],
        client_id=row["client_id"],
        kind=row["kind"],
        name=row["name"],
        is_confidential=row["is_confidential"],
        redirect_uris=tuple(row["redirect_uris"]),
        application_scopes=tuple(row["application_scopes"]),
        user_scopes=tuple(row["user_scopes"]),
        takes_any_scope=row["takes_any_scope"],
        secrets=tuple(Secret(hash_, end) for hash_, end in secrets),
        post_logout_uris=tuple(row["post_logout_uris"]),
        requires_consent=row["requires_consent"],
    )


async def redirect_uris(db: Connection) -> list[str]:
    """Every redirect address that any client registered."""
    return [row["uri"] for row in await db.fetch(REDIRECT_URIS)]


async def put(db: Connection, client: Client, name_key: str, now: datetime, *, is_bootstrap: bool) -> UUID | None:
    """Add a client or bring name, addresses and scopes up to date; its principal id.

    None when the client id belongs to a client of another organization or kind. Secrets are left alone.
    """
    found: UUID | None = await db.fetchval(
        PUT,
        client.organization_id,
        client.id,
        client.client_id,
        client.kind,
        client.name,
        name_key,
        client.is_confidential,
        is_bootstrap,
        client.redirect_uris,
        client.application_scopes,
        client.user_scopes,
        client.takes_any_scope,
        now,
        client.post_logout_uris,
        client.requires_consent,
    )
    return found


async def add_secret(
    db: Connection,
    organization_id: UUID,
    client_id: str,
    description: str | None,
    secret_hash: bytes,
    now: datetime,
    expires_at: datetime | None = None,
) -> int | None:
    """Id of the new secret; None when there is no such client."""
    found: int | None = await db.fetchval(
        ADD_HASH, organization_id, client_id, description, secret_hash, now, expires_at
    )
    return found


async def has_secret(db: Connection, organization_id: UUID, client: UUID, description: str, secret_hash: bytes) -> bool:
    """Whether the client (by principal id) has this secret under this description."""
    return bool(await db.fetchval(HASH_EXISTS, organization_id, client, description, secret_hash))


async def remove_secrets(db: Connection, organization_id: UUID, client_id: str, description: str | None) -> None:
    """Delete a client's secrets: those of the description, or all for None."""
    await db.execute(REMOVE_HASHES, organization_id, client_id, description)


async def remove_secret(db: Connection, organization_id: UUID, client_id: str, secret_id: int) -> bool:
    """Delete one secret; false when the client has none of that id."""
    return bool(await db.fetchval(REMOVE_HASH, organization_id, client_id, secret_id))


async def external(db: Connection, organization_id: UUID, client_id: str | None = None) -> list[Record]:
    """The registered applications by name, or the one of that client id."""
    return await db.fetch(EXTERNAL, organization_id, client_id)


async def secrets(db: Connection, organization_id: UUID, client_id: str | None = None) -> list[Record]:
    """client_id, id, description, created_at, expires_at of the secrets of `external`, oldest first."""
    return await db.fetch(SECRETS, organization_id, client_id)


async def lock(db: Connection, organization_id: UUID, client_id: str) -> Client | None:
    """A registered application, which nobody else changes until the transaction ends."""
    if await db.fetchval(LOCK, organization_id, client_id) is None:
        return None
    return await find(db, client_id)


async def owner_of_secret(db: Connection, organization_id: UUID, secret_id: int) -> str | None:
    """The client id of the registered application that has this secret."""
    found: str | None = await db.fetchval(APPLICATION_WITH, organization_id, secret_id)
    return found


async def is_name_taken(db: Connection, organization_id: UUID, name_key: str, client_id: str) -> bool:
    """Whether another registered application has this folded name."""
    return bool(await db.fetchval(NAME_IS_TAKEN, organization_id, name_key, client_id))


async def remove(db: Connection, organization_id: UUID, client_id: str) -> bool:
    """Delete a client and its secrets; false when there is none."""
    return bool(await db.fetchval(REMOVE, organization_id, client_id))


async def other_bootstrap_clients(db: Connection, organization_id: UUID, client_id: str) -> list[str]:
    """Client ids of bootstrap applications but this one."""
    return [row["client_id"] for row in await db.fetch(OTHER_BOOTSTRAP, organization_id, client_id)]

"""SQL of SAML certificates; an organization has at most one of each kind."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from asyncpg import Record

from podium.kernel.db import Connection

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('identity.saml_certificates:' || $1::text, 0))"

ALL = """
SELECT id, is_primary, certificate, thumbprint FROM identity.saml_certificates WHERE organization_id = $1
"""

REMOVE_KIND = "DELETE FROM identity.saml_certificates WHERE organization_id = $1 AND is_primary = $2"

ADD = """
INSERT INTO identity.saml_certificates (organization_id, is_primary, certificate, thumbprint, created_at)
VALUES ($1, $2, $3, $4, $5)
"""

SWITCH = "UPDATE identity.saml_certificates SET is_primary = NOT is_primary WHERE organization_id = $1"

DELETE = "DELETE FROM identity.saml_certificates WHERE organization_id = $1 AND id = $2"


async def lock(db: Connection, organization_id: UUID) -> None:
    """Let no other transaction change the organization's certificates until this one ends."""
    await db.execute(LOCK, str(organization_id))


async def both(db: Connection, organization_id: UUID) -> tuple[Record | None, Record | None]:
    """id, certificate and thumbprint of the primary and the secondary certificate."""
    rows = {row["is_primary"]: row for row in await db.fetch(ALL, organization_id)}
    return rows.get(True), rows.get(False)


async def replace(
    db: Connection, organization_id: UUID, certificate: str, thumbprint: str, now: datetime, *, is_primary: bool
) -> None:
    """Keep a certificate in the place of the one that there is; it gets an id of its own."""
    await db.execute(REMOVE_KIND, organization_id, is_primary)
    await db.execute(ADD, organization_id, is_primary, certificate, thumbprint, now)


async def switch(db: Connection, organization_id: UUID) -> None:
    """Let the two change places."""
    await db.execute(SWITCH, organization_id)


async def delete(db: Connection, organization_id: UUID, certificate_id: int) -> None:
    """Remove a certificate."""
    await db.execute(DELETE, organization_id, certificate_id)

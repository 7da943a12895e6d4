"""External applications, their secrets and the catalogue of scopes as the wire has them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from typing import Any

from asyncpg import Record

from podium.identity.clients.catalog import Resource, granted


def resource(shown: Resource) -> dict[str, Any]:
    """ExternalResourceDto."""
    return {
        "name": shown.name,
        "displayName": shown.display_name,
        "description": shown.description,
        "scopes": [
            {
                "name": scope.name,
                "displayName": scope.display_name,
                "description": scope.description,
                "type": int(scope.use),
            }
            for scope in shown.scopes
        ],
    }


def secret(
    id_: int, description: str | None, created_at: datetime, expires_at: datetime | None, clear: str | None = None
) -> dict[str, Any]:
    """SecretDto; `clear` only in the answer that makes it."""
    return {
        "id": id_,
        "description": description,
        "creationTime": created_at,
        "expiryTime": expires_at,
        "secret": clear,
    }


def client(row: Record, secrets: Iterable[Record], clear: str | None = None) -> dict[str, Any]:
    """ExternalClientDto of a row of `store.external`."""
    return {
        "name": row["name"],
        "id": row["client_id"],
        "secret": clear,
        "isConfidential": row["is_confidential"],
        "redirectUri": ",".join(row["redirect_uris"]) or None,
        "postLogoutRedirectUris": row["post_logout_uris"],
        "requireConsent": row["requires_consent"],
        "resources": [resource(one) for one in granted(row["application_scopes"], row["user_scopes"])],
        "secrets": [secret(one["id"], one["description"], one["created_at"], one["expires_at"]) for one in secrets],
    }


def clients(rows: Collection[Record], secrets: Iterable[Record]) -> list[dict[str, Any]]:
    """Every application with its own of the secrets."""
    owned: dict[str, list[Record]] = {row["client_id"]: [] for row in rows}
    for one in secrets:
        owned.setdefault(one["client_id"], []).append(one)
    return [client(row, owned[row["client_id"]]) for row in rows]

"""Addresses that let a client read or write one stored file without a token: signed, for one verb, for a while."""

from __future__ import annotations

from datetime import datetime, timedelta

from podium.kernel.blobs import sign

LIFETIME = timedelta(minutes=15)


class BlobLinks:
    """Makes blob addresses below the server's public address. One per process."""

    def __init__(self, public_url: str, key: bytes) -> None:
        self._public_url = public_url
        self.key = key

    def access(
        self,
        tenant_id: int,
        target: str,
        verb: str,
        now: datetime,
        content_type: str | None = None,
        lifetime: timedelta = LIFETIME,
    ) -> dict[str, object]:
        """The wire's BlobFileAccess; `target` is `<kind>:<id>`, resolved when the address is called."""
        token = sign(
            self.key, tenant=tenant_id, blob=target, verb=verb, expires_at=now + lifetime, content_type=content_type
        )
        return {
            "Uri": f"{self._public_url}/blobs/{token}",
            "Verb": verb,
            "RequiresAuth": False,
            "Headers": {"Keys": [], "Values": []},
        }


def camel(value: object) -> object:
    """The same with camelCase names, as answers under /api have them."""
    if isinstance(value, dict):
        return {name[:1].lower() + name[1:]: camel(member) for name, member in value.items()}
    return value

"""Where the files of buckets are: in a folder of this server, or in storages that speak S3."""

from __future__ import annotations

from obstore.store import S3Store

from podium.kernel.blobs import Blobs
from podium.kernel.keyring import Keyring
from podium.orchestrator.buckets import rules, s3
from podium.orchestrator.buckets.egress import Egress
from podium.orchestrator.buckets.store import Bucket
from podium.orchestrator.outgoing import Outgoing

TABLE, COLUMN = "orchestrator.buckets", "sealed"


class Storage:
    """One per process. `blobs` is a folder that holds nothing but files of buckets."""

    def __init__(self, blobs: Blobs, keyring: Keyring, outgoing: Outgoing, limit_bytes: int) -> None:
        self.blobs = blobs
        self.limit_bytes = limit_bytes
        self._keyring = keyring
        self._egress = Egress(outgoing)
        self.stores = s3.Stores(outgoing, self._egress)

    async def client(self, bucket: Bucket, secret_key: str) -> S3Store:
        """The client of a bucket whose files are elsewhere, for the secret key that it has now."""
        return await self.stores.open(rules.s3_place(bucket.container, bucket.parameters), secret_key)

    def seal(self, tenant_id: int, bucket_id: int, secret_key: str) -> bytes:
        """The secret key, for the bucket's row."""
        return self._keyring.seal(secret_key, owner=tenant_id, table=TABLE, row=bucket_id, column=COLUMN)

    def unseal(self, tenant_id: int, bucket_id: int, sealed: bytes) -> str:
        """The secret key again. Raises SecretError for one that does not open."""
        return self._keyring.open(sealed, owner=tenant_id, table=TABLE, row=bucket_id, column=COLUMN)

    async def close(self) -> None:
        """End what goes on with storages elsewhere."""
        await self._egress.close()

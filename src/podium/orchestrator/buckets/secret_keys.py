"""The secret keys of buckets whose files are elsewhere: which credential store is to keep one, and reading it there."""

from __future__ import annotations

from typing import NamedTuple

from asyncpg import Record

from podium.kernel.call import Services
from podium.kernel.db import Connection
from podium.kernel.errors import Code, Conflict, NotFound
from podium.orchestrator.buckets import rules
from podium.orchestrator.buckets.changes import Asked
from podium.orchestrator.buckets.storage import Storage
from podium.orchestrator.buckets.store import Bucket
from podium.orchestrator.credential_stores import actions as credential_stores
from podium.orchestrator.credential_stores.actions import Secret, Store, Stores
from podium.orchestrator.credential_stores.rules import BUCKET_CREDENTIAL


class Kept(NamedTuple):
    """Where a secret key is to be: `secret` is to be put there, None for what is there already.

    `outside`: the store that has it under `external_name`; None when it is sealed in the bucket's row, or there is none.
    """

    credential_store_id: int | None
    secret: Secret | None = None
    outside: Store | None = None
    external_name: str | None = None


async def choose(db: Connection, stores: Stores, asked: Asked, present: Record | None) -> Kept | None:
    """Where the secret key is to be kept; None when what is sealed in the row of the `present` bucket stays.

    Without a store it stays where it is, or goes to the default. Raises BadRequest that names the member.
    """
    stored_in = present["credential_store_id"] if present else None
    if asked.provider == rules.OWN:
        if asked.credential_store_id != stored_in:  # the present one stays by itself, and may be going just now
            await credential_stores.check_exists(db, stores.tenant_id, asked.credential_store_id)
        return Kept(asked.credential_store_id)
    wanted = asked.credential_store_id or stored_in
    found = await stores.choose(db, wanted, BUCKET_CREDENTIAL, "CredentialStoreId")
    secret = None if asked.password is None else Secret(None, asked.password)
    if found.is_built_in:
        is_there = present is not None and present["sealed"] is not None
        rules.check_kept_here(asked.password, asked.external_name, store=found.name, is_there=is_there)
        return None if secret is None else Kept(found.id, secret)
    stored = present["external_name"] if present and stored_in == found.id else None
    name = rules.external_name(
        asked.password, asked.external_name, stored, asked.name, store=found.name, is_read_only=found.is_read_only
    )
    return Kept(found.id, secret, found, name)


def seal(storage: Storage, tenant_id: int, bucket_id: int, kept: Kept) -> bytes | None:
    """What of it is kept in the bucket's row."""
    if kept.outside is not None or kept.secret is None:
        return None
    return storage.seal(tenant_id, bucket_id, kept.secret.text)


async def write_outside(stores: Stores, kept: Kept) -> None:
    """Write what another store keeps; last of all, for nothing undoes what it has taken. Raises as `Stores.write`."""
    if kept.outside is not None and kept.external_name is not None and kept.secret is not None:
        await stores.write(kept.outside, kept.external_name, kept.secret)


async def read(services: Services, tenant_id: int, bucket: Bucket) -> str:
    """The secret key as its store has it now; whoever asks holds no connection, for a store may take its time.

    Raises Conflict for a bucket that has none, SecretError for a sealed one that does not open; of other stores Conflict
    and Unavailable. What a store does not have is a Conflict too: NotFound says that a file is not there.
    """
    if bucket.sealed is not None:
        return services.port(Storage).unseal(tenant_id, bucket.id, bucket.sealed)
    if bucket.credential_store_id is None or bucket.external_name is None:
        raise Conflict(f"The bucket {bucket.name} {rules.WITHOUT_KEY}", Code.FORBIDDEN_OPERATION)
    try:
        async with services.db.acquire() as db:
            stores = await Stores.of_tenant(db, services, tenant_id)
            kept_in = await stores.get(db, bucket.credential_store_id)
        secret = await stores.read(kept_in, bucket.external_name, has_user=False)
    except NotFound as error:
        raise Conflict(error.message, Code.FORBIDDEN_OPERATION) from None
    return rules.check_secret_key(secret.text, kept_in.name)

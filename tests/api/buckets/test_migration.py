"""What becomes of buckets of a database from before their secret keys were kept in the store that they name."""

from __future__ import annotations

import shutil
from pathlib import Path

from podium.kernel.config import resource
from podium.kernel.db import connect
from podium.kernel.migrate import migrate
from tests.conftest import WORKER, database

KEY = b"\x01\x02\x03\x04"
BEFORE = """
INSERT INTO orchestrator.tenants (key, organization_id, name, name_key, created_at)
SELECT gen_random_uuid(), gen_random_uuid(), name, name, now() FROM unnest(ARRAY['one', 'two']) AS n(name);
INSERT INTO orchestrator.credential_stores (tenant_id, name, name_key, type, is_built_in, is_read_only, created_at)
SELECT t.id, s.name, s.name, s.name, s.name = 'Database', false, now()
  FROM orchestrator.tenants t, (VALUES ('Database'), ('Vault')) AS s(name) ORDER BY t.id, s.name;
INSERT INTO kernel.data_keys (id) VALUES ('\\x01020304');
"""
STORES = "SELECT t.tenant_id, t.name, t.id FROM orchestrator.credential_stores t"
ADD = """
INSERT INTO orchestrator.buckets (tenant_id, key, name, name_key, provider, parameters, sealed, credential_store_id, created_at)
SELECT $1, gen_random_uuid(), $2, $2, CASE WHEN $3::bytea IS NULL THEN 'Orchestrator' ELSE 'Minio' END,
       CASE WHEN $3 IS NULL THEN NULL ELSE 'accessKey=AK' END, $3, $4, now()
"""
AFTER = "SELECT t.name, t.credential_store_id, t.sealed FROM orchestrator.buckets t"
USES = "SELECT t.name, t.store_id FROM orchestrator.credential_store_uses t"


async def test_sealed_ones_name_the_database_and_none_names_what_is_gone(server_url: str, tmp_path: Path) -> None:
    for file in resource("migrations").glob("*.sql"):
        if file.name < "0030":
            shutil.copy(file, tmp_path)
    async with database(server_url, f"podium_test_{WORKER}_0030") as url:
        await migrate(url, tmp_path)
        connection = await connect(url)
        try:
            await connection.execute(BEFORE)
            found = {(row["tenant_id"], row["name"]): row["id"] for row in await connection.fetch(STORES)}
            (one, two) = sorted({tenant for tenant, _ in found})
            sealed = b"\x01" + KEY + b"rest"
            for name, value, store in (
                ("sealed", sealed, None),
                ("sealed, of Vault", sealed, found[one, "Vault"]),
                ("sealed, of another tenant's", sealed, found[two, "Vault"]),
                ("here", None, None),
                ("here, of Vault", None, found[one, "Vault"]),
                ("here, of another tenant's", None, found[two, "Vault"]),
                ("here, of none", None, 999_999),
            ):
                await connection.execute(ADD, one, name, value, store)
            assert "0030_bucket_secrets.sql" in await migrate(url, resource("migrations"))
            rows = {row["name"]: row for row in await connection.fetch(AFTER)}
            stores = {name: row["credential_store_id"] for name, row in rows.items()}
            used = {row["name"]: row["store_id"] for row in await connection.fetch(USES)}
        finally:
            await connection.close()
    keeping = {name: found[one, "Database"] for name in rows if name.startswith("sealed")}
    assert len(keeping) == 3
    assert stores == {
        **keeping,
        "here": None,
        "here, of Vault": found[one, "Vault"],
        "here, of another tenant's": None,
        "here, of none": None,
    }
    assert used == keeping
    assert {name for name, row in rows.items() if row["sealed"] == sealed} == set(keeping)

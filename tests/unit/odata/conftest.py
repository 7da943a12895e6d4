"""A small world of jobs and robots in a real PostgreSQL, for the SQL that the OData layer writes."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from podium.kernel.embedded_postgres import EmbeddedPostgres

WORLD = r"""
CREATE TABLE folders (tenant_id int, id bigint, name text, PRIMARY KEY (tenant_id, id));
CREATE TABLE robots (tenant_id int, id bigint, name text, machine_id bigint, PRIMARY KEY (tenant_id, id));
CREATE TABLE machines (tenant_id int, id bigint, name text, PRIMARY KEY (tenant_id, id));
CREATE TABLE jobs (
  tenant_id int, id bigint, folder_id bigint, key uuid, name text, state smallint, kind text, robot_id bigint,
  created_at timestamptz, ended_at timestamptz, score float8, is_urgent bool, tags text[], content jsonb, due_on date,
  PRIMARY KEY (tenant_id, id));
CREATE TABLE events (tenant_id int, id bigint, job_id bigint, text text, level int, PRIMARY KEY (tenant_id, id));
INSERT INTO folders VALUES (1, 10, 'Shared'), (1, 11, 'Finance'), (2, 10, 'Foreign');
INSERT INTO machines VALUES (1, 1, 'Atlas'), (2, 1, 'Foreign');
INSERT INTO robots VALUES (1, 123, 'Ada', 1), (1, 124, 'Bob', NULL), (2, 123, 'Foreign', 1);
INSERT INTO jobs VALUES
 (1, 1, 10, '11111111-1111-4111-8111-111111111111', 'Alpha', 0, 'Attended', 123, '2024-01-01 10:00:00.123456+00', NULL,
  1.5, true, '{red,Blue}', '{"a": [1, null]}', '2024-02-29'),
 (1, 2, 10, 'AAAAAAAA-2222-4222-8222-222222222222', 'beta_1', 4, 'Unattended', 124, '2024-01-02 23:59:59+00',
  '2024-01-03 00:00:00+00', 2, false, '{}', NULL, NULL),
 (1, 3, 10, '33333333-3333-4333-8333-333333333333', 'BETAx1', 5, 'Unattended', NULL, '2024-03-01 00:00:00+00',
  '2024-03-01 00:00:10+00', -3, NULL, NULL, NULL, NULL),
 (1, 4, 11, '44444444-4444-4444-8444-444444444444', 'O''Brien 100% \ ok', 0, 'Attended', 123,
  '2024-03-02 00:00:00+00', NULL, NULL, true, '{red}', '{}', NULL),
 (1, 5, 11, '55555555-5555-4555-8555-555555555555', NULL, 5, NULL, NULL, '2024-03-03 00:00:00+00', NULL,
  0, false, NULL, NULL, NULL),
 (2, 1, 10, '99999999-9999-4999-8999-999999999999', 'Alpha', 0, 'Attended', 123, '2024-01-01 00:00:00+00', NULL,
  1.5, true, '{red}', NULL, NULL);
INSERT INTO events VALUES
 (1, 1, 1, 'started', 1), (1, 2, 1, 'Failed', 3), (1, 3, 2, 'started', 1), (2, 4, 1, 'foreign', 9);
CREATE TABLE numbers (tenant_id int, id bigint, name text, created_at timestamptz, PRIMARY KEY (tenant_id, id));
INSERT INTO numbers SELECT 1, i, 'Number ' || i, '2024-01-01Z'::timestamptz + (i % 100) * interval '1 hour'
  FROM generate_series(1, 12000) i;
CREATE EXTENSION pg_trgm;
CREATE INDEX numbers_name ON numbers (tenant_id, lower(name));
CREATE INDEX numbers_trigrams ON numbers USING gin (lower(name) gin_trgm_ops);
CREATE INDEX numbers_created ON numbers (tenant_id, created_at, id);
"""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The address of a PostgreSQL of our own."""
    folder = Path(tempfile.mkdtemp(prefix="podium-odata-"))
    folder.chmod(0o755)  # the account that runs PostgreSQL must reach its folder in it
    server = EmbeddedPostgres(folder / "postgres")
    try:
        yield server.start()
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
async def db(postgres: str) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
    """A connection whose search path is the world above."""
    settings: dict[str, Any] = {"search_path": "world"}
    connection = await asyncpg.connect(postgres, server_settings=settings)
    await connection.execute("CREATE SCHEMA world")
    await connection.execute(WORLD)
    await connection.execute("ANALYZE")
    yield connection
    await connection.close()

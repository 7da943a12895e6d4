"""A tenant as large companies have it, put into the database by SQL: 100,000 rows of everything that grows without end."""

from __future__ import annotations

from dataclasses import dataclass

from podium.orchestrator.access.resolver import AccessResolver
from tests.conftest import Caller

ROWS = 100_000  # jobs, log entries, audit entries, queue items and what belongs to them
SOME = 20_000  # assets, processes, users, machines, robots, sessions
FOLDERS = 40

PLACES = """
INSERT INTO orchestrator.folders (tenant_id, key, display_name, name_key, path, path_key, folder_type, created_at, ancestor_ids)
SELECT $1::int, gen_random_uuid(), 'Folder ' || i, 'folder ' || i, 'Folder ' || i, 'folder ' || i, 'Standard', $2::timestamptz,
       ARRAY[]::bigint[]
  FROM generate_series(1, $3::int) i
"""
ROOTS = (
    "UPDATE orchestrator.folders SET ancestor_ids = ARRAY[id] WHERE tenant_id = $1 AND ancestor_ids = ARRAY[]::bigint[]"
)
STATEMENTS = (
    """
    INSERT INTO orchestrator.users (tenant_id, key, type, user_name, name_key, email, created_at)
    SELECT $1::int, gen_random_uuid(), 'User', 'person' || i, 'person' || i, 'person' || i || '@example.com',
           $2::timestamptz - i * interval '1 minute'
      FROM generate_series(1, $3::int / 5) i WHERE $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.machines (tenant_id, key, name, name_key, license_key, created_at)
    SELECT $1::int, gen_random_uuid(), 'Machine ' || i, 'machine ' || i, 'plans-' || i, $2::timestamptz
      FROM generate_series(1, $3::int / 5) i WHERE $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.robots (tenant_id, key, name, name_key, user_name, machine_id, created_at)
    SELECT m.tenant_id, gen_random_uuid(), 'Robot ' || m.id, 'robot ' || m.id, 'person' || m.id, m.id, $2::timestamptz
      FROM orchestrator.machines m WHERE m.tenant_id = $1::int AND $3::int > 0 AND $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.sessions (tenant_id, key, machine_id, host_name, host_key, robot_id, opened_at, changed_at)
    SELECT r.tenant_id, gen_random_uuid(), r.machine_id, 'HOST' || r.id, 'host' || r.id, r.id, $2::timestamptz, $2::timestamptz
      FROM orchestrator.robots r WHERE r.tenant_id = $1::int AND $3::int > 0 AND $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.processes
           (tenant_id, key, folder_id, name, name_key, feed_id, package_id, package_key, package_version, created_at)
    SELECT $1::int, gen_random_uuid(), ($4::bigint[])[1 + i % cardinality($4::bigint[])], 'Process ' || i, 'process ' || i, f.id,
           'Package.' || i / 4, 'package.' || i / 4, '1.0.' || i % 4, $2::timestamptz - i * interval '1 minute'
      FROM generate_series(1, $3::int / 5) i,
           LATERAL (SELECT id FROM orchestrator.feeds WHERE tenant_id = $1::int AND purpose = 'Processes' LIMIT 1) f
    """,
    """
    INSERT INTO orchestrator.jobs
           (tenant_id, key, folder_id, process_id, process_key, process_name, package_id, package_version, feed_id, state,
            batch_key, robot_id, machine_id, host_name, created_at, started_at, ended_at, updated_at, source_type)
    SELECT p.tenant_id, gen_random_uuid(), p.folder_id, p.id, p.key, p.name, p.package_id, p.package_version, p.feed_id,
           CASE WHEN n <= 90 THEN 5 WHEN n <= 95 THEN 4 WHEN n <= 97 THEN 6 WHEN n <= 98 THEN 1 WHEN n <= 99 THEN 7 ELSE 0 END,
           gen_random_uuid(), r.id, r.machine_id, 'HOST' || r.id, at, at, at + interval '1 minute', at, 'Manual'
      FROM generate_series(1, $3::int) i
     CROSS JOIN LATERAL (SELECT 1 + abs(hashint4(i)) % 100 AS n, $2::timestamptz - ($3::int - i) * interval '20 seconds' AS at) x
      JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM orchestrator.processes WHERE tenant_id = $1::int) p
        ON p.place = 1 + i * 31 % ($3::int / 5)
      JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM orchestrator.robots WHERE tenant_id = $1::int) r
        ON r.place = 1 + i * 17 % ($3::int / 5)
     WHERE $4::bigint[] IS NOT NULL
     ORDER BY i
    """,
    """
    INSERT INTO orchestrator.job_triggers (tenant_id, job_id, type, status, created_at)
    SELECT j.tenant_id, j.id, 'Timer', CASE WHEN j.id % 10 = 0 THEN 'New' ELSE 'Fired' END, j.created_at
      FROM orchestrator.jobs j WHERE j.tenant_id = $1::int AND $3::int > 0 AND $2::timestamptz IS NOT NULL AND $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.robot_logs
           (tenant_id, folder_id, logged_at, level, job_key, fingerprint, process_name, robot_name, host_name, message, raw_message)
    SELECT j.tenant_id, j.folder_id, j.created_at, CASE WHEN j.id % 50 = 0 THEN 4 WHEN j.id % 20 = 0 THEN 3 ELSE 2 END, j.key,
           gen_random_uuid(), j.process_name, 'Robot ' || j.robot_id, j.host_name, 'Did thing ' || j.id, '{}'
      FROM orchestrator.jobs j WHERE j.tenant_id = $1::int AND $3::int > 0 AND $2::timestamptz IS NOT NULL AND $4::bigint[] IS NOT NULL
     ORDER BY j.id
    """,
    """
    INSERT INTO kernel.audit (tenant_id, executed_at, operation, component, action, entity_id, entity_name, actor_kind, actor_name,
                              user_id, trace_id)
    SELECT u.tenant_id, $2::timestamptz - ($3::int - i) * interval '1 minute', 'Assets_Put', c.component, 'Update', i::text,
           'Thing ' || i, 'user', u.user_name, u.id, '00-' || i
      FROM generate_series(1, $3::int) i
      JOIN (SELECT *, row_number() OVER (ORDER BY id) AS place FROM orchestrator.users WHERE tenant_id = $1::int) u
        ON u.place = 1 + i * 13 % ($3::int / 5)
     CROSS JOIN LATERAL (SELECT (ARRAY['Assets', 'Jobs', 'Queues', 'Users', 'Folders'])[1 + i % 5] AS component) c
     WHERE $4::bigint[] IS NOT NULL
     ORDER BY i
    """,
    """
    INSERT INTO orchestrator.assets (tenant_id, key, name, name_key, value_type, value_scope, has_default_value, created_at)
    SELECT $1::int, gen_random_uuid(), 'Asset ' || i, 'asset ' || i, 'Text', 'Global', true, $2::timestamptz - i * interval '1 minute'
      FROM generate_series(1, $3::int / 5) i WHERE $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.asset_folders (tenant_id, folder_id, asset_id, name_key)
    SELECT a.tenant_id, ($4::bigint[])[1 + a.id % cardinality($4::bigint[])], a.id, a.name_key
      FROM orchestrator.assets a WHERE a.tenant_id = $1::int AND $3::int > 0 AND $2::timestamptz IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.asset_values (tenant_id, asset_id, text_value)
    SELECT a.tenant_id, a.id, 'value ' || a.id
      FROM orchestrator.assets a WHERE a.tenant_id = $1::int AND $3::int > 0 AND $2::timestamptz IS NOT NULL AND $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.queues (tenant_id, key, name, name_key, created_at)
    SELECT $1::int, gen_random_uuid(), 'Queue ' || i, 'queue ' || i, $2::timestamptz
      FROM generate_series(1, $3::int / 500) i WHERE $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.queue_folders (tenant_id, folder_id, queue_id, name_key)
    SELECT q.tenant_id, ($4::bigint[])[1 + q.id % cardinality($4::bigint[])], q.id, q.name_key
      FROM orchestrator.queues q WHERE q.tenant_id = $1::int AND $3::int > 0 AND $2::timestamptz IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.queue_items
           (tenant_id, key, unique_key, queue_id, state, priority, rank, reference, reference_key, created_at, started_at, ended_at,
            robot_id, exception_type)
    SELECT $1::int, gen_random_uuid(), gen_random_uuid(), q.id,
           CASE WHEN n <= 90 THEN 3 WHEN n <= 95 THEN 2 WHEN n <= 97 THEN 0 WHEN n <= 98 THEN 1 ELSE 4 END,
           i % 3, 3 + i % 3, 'REF-' || i, 'ref-' || i, at, at, at + interval '1 minute', NULL,
           CASE WHEN n BETWEEN 91 AND 95 THEN 'ApplicationException' END
      FROM generate_series(1, $3::int) i
     CROSS JOIN LATERAL (SELECT 1 + abs(hashint4(i)) % 100 AS n, $2::timestamptz - ($3::int - i) * interval '20 seconds' AS at) x
      JOIN (SELECT id, row_number() OVER (ORDER BY id) AS place FROM orchestrator.queues WHERE tenant_id = $1::int) q
        ON q.place = 1 + i * 31 % ($3::int / 500)
     WHERE $4::bigint[] IS NOT NULL
     ORDER BY i
    """,
    """
    INSERT INTO orchestrator.queue_item_contents (tenant_id, item_id, content)
    SELECT i.tenant_id, i.id, jsonb_build_object('Customer', 'C' || i.id % 5000, 'Amount', i.id)
      FROM orchestrator.queue_items i
     WHERE i.tenant_id = $1::int AND $3::int > 0 AND $2::timestamptz IS NOT NULL AND $4::bigint[] IS NOT NULL
    """,
    """
    INSERT INTO orchestrator.queue_item_events (tenant_id, item_id, action, state, created_at)
    SELECT i.tenant_id, i.id, 0, 0, i.created_at
      FROM orchestrator.queue_items i
     WHERE i.tenant_id = $1::int AND $3::int > 0 AND $2::timestamptz IS NOT NULL AND $4::bigint[] IS NOT NULL
     ORDER BY i.id
    """,
)
SAMPLES = """
SELECT j.key AS job_key, j.host_name, 'C' || i.id % 5000 AS customer,
       j.id AS job_id, j.process_name, j.robot_id, j.folder_id, p.package_id, p.key AS process_key,
       (SELECT string_agg('''' || key || '''', ',') FROM (SELECT key FROM orchestrator.jobs WHERE tenant_id = $1::int
                                                           ORDER BY id DESC LIMIT 50) k) AS job_keys,
       q.id AS queue_id, q.name AS queue_name, i.key AS item_key, i.id AS item_id, i.reference, q_f.folder_id AS queue_folder_id,
       (SELECT string_agg(id::text, ',') FROM (SELECT id FROM orchestrator.queue_items WHERE tenant_id = $1::int
                                                ORDER BY id DESC LIMIT 50) k) AS item_ids,
       a.name AS asset_name, a_f.folder_id AS asset_folder_id, u.id AS user_id, u.user_name, m.id AS machine_id, m.name AS machine_name,
       r.name AS robot_name, f.display_name AS folder_name
  FROM orchestrator.jobs j
  JOIN orchestrator.processes p ON p.tenant_id = j.tenant_id AND p.id = j.process_id
  JOIN orchestrator.folders f ON f.tenant_id = j.tenant_id AND f.id = j.folder_id
  JOIN orchestrator.robots r ON r.tenant_id = j.tenant_id AND r.id = j.robot_id
  JOIN orchestrator.machines m ON m.tenant_id = r.tenant_id AND m.id = r.machine_id
 CROSS JOIN LATERAL (SELECT * FROM orchestrator.queue_items WHERE tenant_id = $1::int ORDER BY id DESC OFFSET 500 LIMIT 1) i
  JOIN orchestrator.queues q ON q.tenant_id = i.tenant_id AND q.id = i.queue_id
  JOIN orchestrator.queue_folders q_f ON q_f.tenant_id = q.tenant_id AND q_f.queue_id = q.id
 CROSS JOIN LATERAL (SELECT * FROM orchestrator.assets WHERE tenant_id = $1::int ORDER BY id OFFSET 500 LIMIT 1) a
  JOIN orchestrator.asset_folders a_f ON a_f.tenant_id = a.tenant_id AND a_f.asset_id = a.id
 CROSS JOIN LATERAL (SELECT * FROM orchestrator.users WHERE tenant_id = $1::int AND name_key LIKE 'person%'
                      ORDER BY id OFFSET 500 LIMIT 1) u
 WHERE j.tenant_id = $1::int ORDER BY j.id DESC OFFSET 1000 LIMIT 1
"""


@dataclass(frozen=True)
class World:
    """The administrator of the large tenant, and values of rows in it for the placeholders of the shapes."""

    api: Caller
    values: dict[str, object]


async def seeded(api: Caller) -> World:
    """The tenant filled; several seconds of work."""
    await api
    node = api.node
    now = node.clock()
    async with node.db.acquire() as connection:
        await connection.execute(PLACES, api.tenant_id, now, FOLDERS)
        await connection.execute(ROOTS, api.tenant_id)
        folders = await connection.fetch(
            "SELECT id FROM orchestrator.folders WHERE tenant_id = $1 ORDER BY id", api.tenant_id
        )
        ids = [folder["id"] for folder in folders]
        for statement in STATEMENTS:
            await connection.execute(statement, api.tenant_id, now, ROWS, ids)
        await connection.execute("VACUUM ANALYZE")  # or plans depend on whether autovacuum has come by
        sample = await connection.fetchrow(SAMPLES, api.tenant_id)
    assert sample is not None
    node.port(AccessResolver).forget()
    return World(api, dict(sample))

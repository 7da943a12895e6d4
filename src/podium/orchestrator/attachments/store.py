"""SQL of attachments."""

from __future__ import annotations

from podium.orchestrator.scope import IN_TENANT

ADD = """
INSERT INTO orchestrator.attachments (tenant_id, id, folder_id, name, category, job_key, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
"""
ADD_STORED = """
INSERT INTO orchestrator.attachments (tenant_id, id, name, category, blob, size_bytes, content_type, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
"""
STORED = f"""
WITH before AS (SELECT t.blob FROM orchestrator.attachments t WHERE {IN_TENANT} AND t.id = $2::uuid FOR UPDATE)
UPDATE orchestrator.attachments t SET blob = $3, size_bytes = $4, content_type = $5, updated_at = $6
  FROM before WHERE {IN_TENANT} AND t.id = $2::uuid RETURNING true AS is_known, before.blob AS replaced
"""
FIND = f"SELECT t.name, t.blob, t.content_type, t.category, t.job_key FROM orchestrator.attachments t WHERE {IN_TENANT} AND t.id = $2::uuid"
REMOVE = f"DELETE FROM orchestrator.attachments t WHERE {IN_TENANT} AND t.id = $2::uuid RETURNING t.blob"
LINK = """
INSERT INTO orchestrator.job_attachments (tenant_id, id, attachment_id, job_key, category, created_at, created_by)
VALUES ($1, $2, $3, $4, $5, $6, $7)
ON CONFLICT (tenant_id, job_key, attachment_id) DO UPDATE SET category = excluded.category
RETURNING id, attachment_id, job_key, category, created_at, created_by
"""
LINKED = f"""
SELECT t.id, t.attachment_id, a.name, t.category, t.job_key, t.created_at, t.created_by
  FROM orchestrator.job_attachments t
  JOIN orchestrator.attachments a ON a.tenant_id = t.tenant_id AND a.id = t.attachment_id
 WHERE {IN_TENANT} AND t.job_key = $2::uuid ORDER BY t.created_at, t.id
"""
"""The attachments linked to a job; the caller checked that the job is visible."""

"""SQL of personal workspaces."""

from __future__ import annotations

from podium.orchestrator import scope

LOCK_OWNER = "SELECT pg_advisory_xact_lock($1::int, ($2::bigint % 2147483647)::int)"
OWNER = """
SELECT t.user_name, t.may_have_personal_workspace,
       (SELECT f.id FROM orchestrator.folders f
         WHERE f.tenant_id = t.tenant_id AND f.owner_id = t.id AND f.folder_type = 'Personal') AS workspace_id,
       (SELECT m.id FROM orchestrator.machines m
         WHERE m.tenant_id = t.tenant_id AND m.owner_id = t.id AND m.scope = 'PersonalWorkspace'
         ORDER BY m.id LIMIT 1) AS machine_id
  FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = $2 AND t.is_active
"""
ROOT_NAME_TAKEN = """
SELECT true FROM orchestrator.folders t WHERE t.tenant_id = $1 AND t.parent_id IS NULL AND t.name_key = $2
"""
WORKSPACE = """
SELECT t.id, t.display_name, t.owner_id,
       ARRAY(SELECT m.user_id FROM orchestrator.folder_members m
              WHERE m.tenant_id = t.tenant_id AND m.folder_id = t.id AND m.user_id <> t.owner_id) AS exploring
  FROM orchestrator.folders t
 WHERE t.tenant_id = $1 AND t.id = $2 AND t.folder_type = 'Personal' FOR UPDATE
"""
EVERY = f"{scope.IN_TENANT} AND t.folder_type = 'Personal'"
OF_OWNER = f"{scope.IN_TENANT} AND t.folder_type = 'Personal' AND t.owner_id = $2::bigint"

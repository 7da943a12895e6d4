"""SQL of what directory groups open in a tenant."""

from __future__ import annotations

GROUPS = """
SELECT t.id, t.user_name FROM orchestrator.users t
 WHERE t.tenant_id = $1 AND t.directory_id = ANY($2::uuid[]) AND t.type = 'DirectoryGroup' ORDER BY t.name_key
"""
ROLES = """
SELECT t.user_id, r.id, r.name, r.display_name, r.is_static, r.is_editable
  FROM orchestrator.user_roles t JOIN orchestrator.roles r ON r.tenant_id = t.tenant_id AND r.id = t.role_id
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[]) ORDER BY r.id
"""
# $3 the folders that the caller may look at, $4 whether it may look at all but workspaces
UNITS = """
SELECT t.user_id, f.id, f.display_name FROM orchestrator.folder_members t
  JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE t.tenant_id = $1 AND t.user_id = ANY($2::bigint[])
   AND (f.id = ANY($3::bigint[]) OR ($4::boolean AND f.folder_type <> 'Personal')) ORDER BY f.path_key
"""
USER = "SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.directory_id = $2"

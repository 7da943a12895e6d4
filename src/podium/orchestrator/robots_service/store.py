"""SQL of the robot protocol: connection data, processes to offer, snapshots of suspended jobs."""

from __future__ import annotations

from podium.orchestrator.scope import IN_FOLDERS

ROBOT_DETAILS = "SELECT t.user_name, t.type FROM orchestrator.robots t WHERE t.tenant_id = $1 AND t.id = $2"
WORKSPACE_LICENSE = """
SELECT t.license_key FROM orchestrator.machines t
 WHERE t.tenant_id = $1 AND t.owner_id = $2::bigint AND t.scope = 'PersonalWorkspace' ORDER BY t.id LIMIT 1
"""
FOLDER_LICENSE = f"""
SELECT m.license_key FROM orchestrator.machine_folders t
  JOIN orchestrator.machines m ON m.tenant_id = t.tenant_id AND m.id = t.machine_id AND m.type = 'Template'
 WHERE {IN_FOLDERS} ORDER BY m.id LIMIT 1
"""
ROBOT_NAMED = """
SELECT t.id, t.key, t.name FROM orchestrator.robots t
  LEFT JOIN orchestrator.users u ON u.tenant_id = t.tenant_id AND u.id = t.user_id
 WHERE t.tenant_id = $1 AND t.is_enabled AND (t.key = $2::uuid OR t.user_name_key = $3::text OR lower(u.email) = $3::text)
 ORDER BY t.id LIMIT 1
"""
PUBLISHED = f"""
SELECT t.key, t.name, t.description, t.package_id, t.package_version, t.input_arguments, t.folder_id, f.display_name, f.path
  FROM orchestrator.processes t JOIN orchestrator.folders f ON f.tenant_id = t.tenant_id AND f.id = t.folder_id
 WHERE {IN_FOLDERS} AND NOT t.is_hidden_for_attended ORDER BY t.id
"""
JOB_FILES = """
SELECT t.id, t.key, t.state, t.input_file, t.folder_id, t.persistence_id, t.resume_version, t.session_id
  FROM orchestrator.jobs t WHERE t.tenant_id = $1 AND t.key = $2::uuid
"""
SNAPSHOT = """
SELECT t.blob FROM orchestrator.job_snapshots t
 WHERE t.tenant_id = $1 AND t.persistence_id = $2::uuid AND ($3::bigint IS NULL OR t.resume_version = $3::bigint)
 ORDER BY t.resume_version DESC LIMIT 1
"""

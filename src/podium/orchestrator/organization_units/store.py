"""SQL of units: folders without workspaces, and their members."""

from __future__ import annotations

from podium.orchestrator import scope

ALL = f"{scope.IN_TENANT} AND t.folder_type <> 'Personal'"
ITSELF = f"{scope.IN_TENANT} AND t.folder_type <> 'Personal' AND t.id = $2::bigint"
# The folders order the users and limit nothing; robots are not people of a unit.
PEOPLE = f"{scope.IN_TENANT} AND $2::bigint[] IS NOT NULL AND t.type NOT IN ('Robot', 'DirectoryRobot')"
MEMBERS = f"""
SELECT t.user_id FROM orchestrator.folder_members t WHERE {scope.IN_FOLDERS} ORDER BY t.user_id
"""
KNOWN_USERS = "SELECT t.id FROM orchestrator.users t WHERE t.tenant_id = $1 AND t.id = ANY($2::bigint[])"

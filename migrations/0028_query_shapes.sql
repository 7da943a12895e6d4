-- Indexes behind the documented queries (docs/reference/query-shapes.md). Strings are compared by lower(x).

CREATE INDEX jobs_by_creation ON orchestrator.jobs (tenant_id, created_at, id);
CREATE INDEX jobs_by_end ON orchestrator.jobs (tenant_id, ended_at, id) WHERE ended_at IS NOT NULL;
CREATE INDEX jobs_by_process_name ON orchestrator.jobs (tenant_id, lower(process_name), id);
CREATE INDEX jobs_of_robot ON orchestrator.jobs (tenant_id, robot_id, id) WHERE robot_id IS NOT NULL;
CREATE INDEX processes_by_lower_name ON orchestrator.processes (tenant_id, lower(name), id);
CREATE INDEX users_by_lower_name ON orchestrator.users (tenant_id, lower(user_name), id);
CREATE INDEX machines_by_lower_name ON orchestrator.machines (tenant_id, lower(name), id);
CREATE INDEX robots_by_lower_name ON orchestrator.robots (tenant_id, lower(name), id);

-- What a tenant keeps of its users beyond their roles: how they like to be spoken to, which robot versions they get, the
-- credentials under which their robots run.

ALTER TABLE orchestrator.users
    ADD COLUMN culture text,
    ADD COLUMN update_policy text NOT NULL DEFAULT 'None' CHECK (update_policy IN ('None', 'SpecificVersion', 'LatestVersion', 'LatestPatch')),
    ADD COLUMN update_version text,
    ADD COLUMN updated_by bigint;

CREATE INDEX users_of_role ON orchestrator.user_roles (tenant_id, role_id);
CREATE INDEX members_with_role ON orchestrator.folder_member_roles (tenant_id, role_id);

-- The password of the account, for hosts that sign in as it.
ALTER TABLE orchestrator.robots ADD COLUMN sealed bytea;

CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON orchestrator.robots
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

-- What a role grants, a row per permission.
CREATE VIEW orchestrator.role_permissions AS
SELECT t.tenant_id, t.id AS role_id, t.id * 1024 + p.position AS id, p.name
  FROM orchestrator.roles t CROSS JOIN LATERAL unnest(t.permissions) WITH ORDINALITY AS p(name, position);

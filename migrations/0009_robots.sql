-- Which accounts a machine may run jobs under, and what a robot's own page shows.

-- No row for a machine: every account.
CREATE TABLE orchestrator.machine_robots (
    tenant_id   int NOT NULL,
    machine_id  bigint NOT NULL,
    robot_id    bigint NOT NULL,
    PRIMARY KEY (tenant_id, machine_id, robot_id),
    FOREIGN KEY (tenant_id, machine_id) REFERENCES orchestrator.machines (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, robot_id) REFERENCES orchestrator.robots (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX machines_of_robot ON orchestrator.machine_robots (tenant_id, robot_id);

ALTER TABLE orchestrator.robots
    ADD COLUMN external_name text,
    ADD COLUMN credential_store_id bigint,
    ADD COLUMN updated_at timestamptz,
    ADD COLUMN updated_by bigint;

-- One row per session and runtime type that its machine has slots for; a machine without any shows Unattended with 0.
CREATE VIEW orchestrator.session_runtimes AS
SELECT s.tenant_id, s.id * 8 + r.number AS id, s.id AS session_id, s.machine_id, r.type AS runtime_type, r.slots,
       (SELECT count(*) FROM orchestrator.jobs j
         WHERE j.tenant_id = s.tenant_id AND j.session_id = s.id AND j.runtime_type = r.type
           AND j.state IN (0, 1, 2, 3, 8)) AS used
  FROM orchestrator.sessions s
  JOIN orchestrator.machines m ON m.tenant_id = s.tenant_id AND m.id = s.machine_id
 CROSS JOIN LATERAL (VALUES (1, 'Unattended', m.unattended_slots), (2, 'NonProduction', m.non_production_slots),
                            (3, 'Headless', m.headless_slots), (4, 'TestAutomation', m.test_automation_slots),
                            (5, 'Development', m.development_slots)) AS r(number, type, slots)
 WHERE r.slots > 0
    OR (r.number = 1 AND greatest(m.non_production_slots, m.headless_slots, m.test_automation_slots,
                                  m.development_slots) = 0);

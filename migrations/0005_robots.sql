-- Machines, robots and the sessions of hosts.

CREATE TABLE orchestrator.machines (
    tenant_id              int NOT NULL REFERENCES orchestrator.tenants (id),
    id                     bigint GENERATED ALWAYS AS IDENTITY,
    key                    uuid NOT NULL,
    name                   text NOT NULL,
    name_key               text NOT NULL,
    description            text,
    type                   text NOT NULL DEFAULT 'Template' CHECK (type IN ('Standard', 'Template')),
    scope                  text NOT NULL DEFAULT 'Default',
    license_key            text NOT NULL,
    unattended_slots       int NOT NULL DEFAULT 0 CHECK (unattended_slots >= 0),
    non_production_slots   int NOT NULL DEFAULT 0 CHECK (non_production_slots >= 0),
    headless_slots         int NOT NULL DEFAULT 0 CHECK (headless_slots >= 0),
    test_automation_slots  int NOT NULL DEFAULT 0 CHECK (test_automation_slots >= 0),
    development_slots      int NOT NULL DEFAULT 0 CHECK (development_slots >= 0),
    automation_type        text NOT NULL DEFAULT 'Any',
    target_framework       text NOT NULL DEFAULT 'Any',
    update_policy          jsonb,
    maintenance_window     jsonb,
    tags                   jsonb NOT NULL DEFAULT '[]',
    owner_id               bigint,
    created_at             timestamptz NOT NULL,
    created_by             bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key),
    UNIQUE (tenant_id, name_key)
);

-- A robot names only its licence key, so the key alone finds tenant and machine.
CREATE UNIQUE INDEX machines_by_license ON orchestrator.machines (license_key);

CREATE TABLE orchestrator.machine_folders (
    tenant_id      int NOT NULL,
    folder_id      bigint NOT NULL,
    machine_id     bigint NOT NULL,
    is_propagated  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (tenant_id, folder_id, machine_id),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES orchestrator.folders (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, machine_id) REFERENCES orchestrator.machines (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX folders_of_machine ON orchestrator.machine_folders (tenant_id, machine_id);

-- `user_id` is the account behind the robot; NULL for the account that a machine brings itself.
CREATE TABLE orchestrator.robots (
    tenant_id           int NOT NULL REFERENCES orchestrator.tenants (id),
    id                  bigint GENERATED ALWAYS AS IDENTITY,
    key                 uuid NOT NULL,
    name                text NOT NULL,
    name_key            text NOT NULL,
    user_name           text,
    user_name_key       text,
    type                text NOT NULL DEFAULT 'Unattended',
    hosting_type        text NOT NULL DEFAULT 'Floating' CHECK (hosting_type IN ('Standard', 'Floating')),
    provision_type      text NOT NULL DEFAULT 'Automatic',
    description         text,
    user_id             bigint,
    machine_id          bigint,
    is_enabled          boolean NOT NULL DEFAULT true,
    is_one_at_a_time    boolean NOT NULL DEFAULT false,
    credential_type     text,
    execution_settings  jsonb NOT NULL DEFAULT '{}',
    last_used_at        timestamptz,
    created_at          timestamptz NOT NULL,
    created_by          bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key),
    FOREIGN KEY (tenant_id, user_id) REFERENCES orchestrator.users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, machine_id) REFERENCES orchestrator.machines (tenant_id, id) ON DELETE CASCADE
);

-- A robot's key alone authenticates its log calls.
CREATE UNIQUE INDEX robots_by_key ON orchestrator.robots (key);
CREATE INDEX robots_of_user ON orchestrator.robots (tenant_id, user_id);

-- One row per machine, host and service user. The instant of the last report is kept apart (session_beats).
CREATE TABLE orchestrator.sessions (
    tenant_id          int NOT NULL,
    id                 bigint GENERATED ALWAYS AS IDENTITY,
    key                uuid NOT NULL,
    machine_id         bigint NOT NULL,
    host_name          text NOT NULL,
    host_key           text NOT NULL,
    service_user       text NOT NULL DEFAULT '',
    service_user_key   text NOT NULL DEFAULT '',
    state              text NOT NULL DEFAULT 'Available' CHECK (state IN ('Available', 'Busy', 'Disconnected', 'Unknown')),
    is_unresponsive    boolean NOT NULL DEFAULT false,
    robot_id           bigint,
    version            text,
    platform           text NOT NULL DEFAULT 'Unknown',
    capabilities       text[],
    is_in_maintenance  boolean NOT NULL DEFAULT false,
    debug_until        timestamptz,
    opened_at          timestamptz NOT NULL,
    changed_at         timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, machine_id, host_key, service_user_key),
    FOREIGN KEY (tenant_id, machine_id) REFERENCES orchestrator.machines (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, robot_id) REFERENCES orchestrator.robots (tenant_id, id) ON DELETE SET NULL (robot_id)
);

-- Written in batches every few seconds, unlogged: after a crash of the database a missing row means unknown, not dead.
CREATE UNLOGGED TABLE orchestrator.session_beats (
    tenant_id    int NOT NULL,
    session_id   bigint NOT NULL,
    reported_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, session_id)
) WITH (fillfactor = 70);

-- Jobs, what they wait for, their files and their logs.

-- state: 0 Pending 1 Running 2 Stopping 3 Terminating 4 Faulted 5 Successful 6 Stopped 7 Suspended 8 Resumed.
-- A job is handed out by setting session_id and raising lease_epoch in one guarded statement.
CREATE TABLE orchestrator.jobs (
    tenant_id                  int NOT NULL,
    id                         bigint GENERATED ALWAYS AS IDENTITY,
    key                        uuid NOT NULL,
    folder_id                  bigint NOT NULL,
    process_id                 bigint NOT NULL,
    process_key                uuid NOT NULL,
    process_name               text NOT NULL,
    process_version_id         bigint,
    package_row_id             bigint,
    package_id                 text NOT NULL,
    package_version            text NOT NULL,
    feed_id                    uuid NOT NULL,
    process_type               text NOT NULL DEFAULT 'Process',
    entry_point_path           text,
    capability                 text,
    state                      smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 8),
    sub_state                  text,
    priority                   smallint NOT NULL DEFAULT 45 CHECK (priority BETWEEN 1 AND 100),
    runtime_type               text NOT NULL DEFAULT 'Unattended',
    type                       text NOT NULL DEFAULT 'Unattended',
    source                     text NOT NULL DEFAULT 'Manual',
    source_type                text NOT NULL DEFAULT 'Manual',
    batch_key                  uuid NOT NULL,
    reference                  text,
    info                       text,
    input_arguments            text,
    input_file                 uuid,
    output_arguments           text,
    output_file                uuid,
    error                      jsonb,
    has_errors                 boolean NOT NULL DEFAULT false,
    has_warnings               boolean NOT NULL DEFAULT false,
    environment_variables      text,
    requires_user_interaction  boolean NOT NULL DEFAULT false,
    remote_control_access      text NOT NULL DEFAULT 'None',
    resource_overwrites        text,
    profiling_options          text,
    target_framework           text,
    is_run_as_me               boolean NOT NULL DEFAULT false,
    user_id                    bigint,
    created_by                 bigint,
    pinned_robot_id            bigint,
    pinned_machine_id          bigint,
    pinned_session_ids         bigint[],
    is_resumed_on_same_host    boolean NOT NULL DEFAULT false,
    robot_id                   bigint,
    machine_id                 bigint,
    session_id                 bigint,
    host_name                  text,
    lease_epoch                int NOT NULL DEFAULT 0,
    bound_at                   timestamptz,
    reported_at                timestamptz,
    start_attempts             smallint NOT NULL DEFAULT 0,
    stop_strategy              text,
    stop_after_s               int,
    kill_after_s               int,
    alert_pending_s            int,
    alert_running_s            int,
    stop_at                    timestamptz,
    kill_at                    timestamptz,
    created_at                 timestamptz NOT NULL,
    started_at                 timestamptz,
    resumed_at                 timestamptz,
    ended_at                   timestamptz,
    updated_at                 timestamptz NOT NULL,
    parent_job_key             uuid,
    parent_operation_id        text,
    trace_id                   text,
    parent_span_id             text,
    root_span_id               text,
    persistence_id             uuid,
    resume_version             int,
    resume_source              text,
    fps_context                text,
    fps_properties             text,
    trigger_id                 bigint,
    PRIMARY KEY (tenant_id, id)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000);

CREATE UNIQUE INDEX jobs_by_key ON orchestrator.jobs (tenant_id, key);
CREATE INDEX jobs_of_folder_by_state ON orchestrator.jobs (tenant_id, folder_id, state, id DESC);
CREATE INDEX jobs_of_process ON orchestrator.jobs (tenant_id, process_id, state);
-- The order of hand-out inside a folder: higher priority first, pinned before free, then age.
CREATE INDEX jobs_to_hand_out ON orchestrator.jobs (tenant_id, folder_id, priority DESC, (pinned_robot_id IS NULL AND pinned_machine_id IS NULL), id)
    WHERE state IN (0, 8) AND session_id IS NULL;
CREATE INDEX jobs_of_session ON orchestrator.jobs (tenant_id, session_id) WHERE session_id IS NOT NULL AND state IN (0, 1, 2, 3, 8);
CREATE INDEX jobs_with_deadline ON orchestrator.jobs (tenant_id, least(stop_at, kill_at)) WHERE state IN (0, 1, 2, 7, 8) AND (stop_at IS NOT NULL OR kill_at IS NOT NULL);
CREATE INDEX jobs_of_parent ON orchestrator.jobs (tenant_id, parent_job_key) WHERE parent_job_key IS NOT NULL;

CREATE TABLE orchestrator.job_history (
    tenant_id   int NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    job_id      bigint NOT NULL,
    state       smallint NOT NULL,
    reason      text,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX history_of_job ON orchestrator.job_history (tenant_id, job_id, id);

CREATE TABLE orchestrator.attachments (
    tenant_id     int NOT NULL,
    id            uuid NOT NULL,
    folder_id     bigint,
    name          text NOT NULL,
    category      text,
    job_key       uuid,
    blob          text,
    size_bytes    bigint,
    content_type  text,
    created_at    timestamptz NOT NULL,
    created_by    bigint,
    updated_at    timestamptz,
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE orchestrator.job_attachments (
    tenant_id      int NOT NULL,
    id             uuid NOT NULL,
    attachment_id  uuid NOT NULL,
    job_key        uuid NOT NULL,
    category       text,
    created_at     timestamptz NOT NULL,
    created_by     bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, job_key, attachment_id),
    FOREIGN KEY (tenant_id, attachment_id) REFERENCES orchestrator.attachments (tenant_id, id) ON DELETE CASCADE
);

-- What a suspended job waits for. status: New, Ready, Fired.
CREATE TABLE orchestrator.job_triggers (
    tenant_id   int NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    job_id      bigint NOT NULL,
    type        text NOT NULL,
    status      text NOT NULL DEFAULT 'New',
    item_key    text,
    item_id     bigint,
    inbox_id    uuid,
    message     text,
    resume_at   timestamptz,
    payload     jsonb,
    detail      jsonb,
    created_at  timestamptz NOT NULL,
    fired_at    timestamptz,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX triggers_of_job ON orchestrator.job_triggers (tenant_id, job_id);
CREATE UNIQUE INDEX trigger_of_inbox ON orchestrator.job_triggers (inbox_id) WHERE inbox_id IS NOT NULL;
CREATE INDEX timers_due ON orchestrator.job_triggers (resume_at) WHERE status = 'New' AND resume_at IS NOT NULL;
CREATE INDEX triggers_waiting_for ON orchestrator.job_triggers (tenant_id, type, item_key) WHERE status = 'New';

CREATE TABLE orchestrator.job_snapshots (
    tenant_id       int NOT NULL,
    persistence_id  uuid NOT NULL,
    resume_version  int NOT NULL,
    job_id          bigint NOT NULL,
    blob            text NOT NULL,
    size_bytes      bigint NOT NULL,
    created_at      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, persistence_id, resume_version)
);

-- level: 0 Trace 1 Debug 2 Info 3 Warn 4 Error 5 Fatal. Partitioned by day; a loop makes the days to come.
CREATE TABLE orchestrator.robot_logs (
    tenant_id         int NOT NULL,
    id                bigint GENERATED ALWAYS AS IDENTITY,
    folder_id         bigint NOT NULL,
    logged_at         timestamptz NOT NULL,
    level             smallint NOT NULL CHECK (level BETWEEN 0 AND 5),
    job_key           uuid,
    fingerprint       uuid NOT NULL,
    process_name      text,
    robot_name        text,
    windows_identity  text,
    host_name         text,
    machine_id        bigint,
    machine_key       uuid,
    runtime_type      text,
    message           text,
    raw_message       text NOT NULL,
    PRIMARY KEY (tenant_id, logged_at, id)
) PARTITION BY RANGE (logged_at);

CREATE TABLE orchestrator.robot_logs_other PARTITION OF orchestrator.robot_logs DEFAULT;
CREATE INDEX robot_logs_newest ON orchestrator.robot_logs (tenant_id, folder_id, logged_at DESC, id DESC);
CREATE INDEX robot_logs_of_job ON orchestrator.robot_logs (tenant_id, job_key, logged_at DESC, id DESC);
-- A batch whose answer was lost comes again: the same entry carries the same fingerprint and instant.
CREATE UNIQUE INDEX robot_logs_once ON orchestrator.robot_logs (tenant_id, fingerprint, logged_at);

CREATE TABLE orchestrator.exports (
    tenant_id     int NOT NULL,
    id            bigint GENERATED ALWAYS AS IDENTITY,
    name          text NOT NULL,
    type          text NOT NULL,
    status        text NOT NULL DEFAULT 'New',
    query         jsonb NOT NULL,
    folder_ids    bigint[] NOT NULL,
    blob          text,
    size_bytes    bigint,
    error         text,
    requested_at  timestamptz NOT NULL,
    requested_by  bigint,
    executed_at   timestamptz,
    PRIMARY KEY (tenant_id, id)
);

-- Package feeds, packages by version with their entry points, and the processes made of them.

CREATE TABLE orchestrator.feeds (
    tenant_id   int NOT NULL REFERENCES orchestrator.tenants (id),
    id          uuid NOT NULL,
    name        text NOT NULL,
    purpose     text NOT NULL CHECK (purpose IN ('Processes', 'Libraries')),
    folder_id   bigint,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES orchestrator.folders (tenant_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX one_tenant_feed_per_purpose ON orchestrator.feeds (tenant_id, purpose) WHERE folder_id IS NULL;
CREATE UNIQUE INDEX one_feed_per_folder ON orchestrator.feeds (tenant_id, folder_id) WHERE folder_id IS NOT NULL;

-- One row per version. `version_order` sorts as text in the order of NuGet versions; `version_key` is the normalised
-- version by which two spellings are the same.
CREATE TABLE orchestrator.packages (
    tenant_id                       int NOT NULL,
    id                              bigint GENERATED ALWAYS AS IDENTITY,
    feed_id                         uuid NOT NULL,
    package_id                      text NOT NULL,
    package_key                     text NOT NULL,
    version                         text NOT NULL,
    version_key                     text NOT NULL,
    version_order                   text NOT NULL COLLATE "C",
    title                           text,
    authors                         text,
    description                     text,
    release_notes                   text,
    tags                            text,
    project_type                    text NOT NULL DEFAULT 'Process',
    process_type                    text NOT NULL DEFAULT 'Process',
    target_framework                text,
    target_runtime                  text,
    content_type                    text,
    requires_user_interaction       boolean NOT NULL DEFAULT false,
    is_attended                     boolean NOT NULL DEFAULT false,
    is_compiled                     boolean NOT NULL DEFAULT false,
    supports_multiple_entry_points  boolean NOT NULL DEFAULT false,
    main_entry_point_path           text,
    input_arguments                 text,
    output_arguments                text,
    blob                            text NOT NULL,
    sha256                          bytea NOT NULL,
    size_bytes                      bigint NOT NULL,
    published_at                    timestamptz NOT NULL,
    published_by                    bigint,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, feed_id) REFERENCES orchestrator.feeds (tenant_id, id) ON DELETE CASCADE
);

CREATE UNIQUE INDEX packages_by_version ON orchestrator.packages (tenant_id, feed_id, package_key, version_key);
CREATE INDEX packages_latest ON orchestrator.packages (tenant_id, feed_id, package_key, version_order DESC);

CREATE TABLE orchestrator.entry_points (
    tenant_id         int NOT NULL,
    id                bigint GENERATED ALWAYS AS IDENTITY,
    package_row_id    bigint NOT NULL,
    position          int NOT NULL,
    unique_id         uuid NOT NULL,
    path              text NOT NULL,
    type              text,
    input_arguments   text,
    output_arguments  text,
    input_schema      text,
    output_schema     text,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, package_row_id) REFERENCES orchestrator.packages (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX entry_points_of_package ON orchestrator.entry_points (tenant_id, package_row_id, position);

-- `package_row_id` is NULL once the package version is gone: the process is then shown as deleted and cannot start.
CREATE TABLE orchestrator.processes (
    tenant_id               int NOT NULL,
    id                      bigint GENERATED ALWAYS AS IDENTITY,
    key                     uuid NOT NULL,
    folder_id               bigint NOT NULL,
    name                    text NOT NULL,
    name_key                text NOT NULL,
    description             text,
    feed_id                 uuid NOT NULL,
    package_id              text NOT NULL,
    package_key             text NOT NULL,
    package_version         text NOT NULL,
    package_row_id          bigint,
    version_id              bigint,
    entry_point_id          bigint,
    entry_point_path        text,
    input_arguments         text,
    environment_variables   text,
    priority                smallint NOT NULL DEFAULT 45 CHECK (priority BETWEEN 1 AND 100),
    is_auto_update          boolean NOT NULL DEFAULT false,
    is_hidden_for_attended  boolean NOT NULL DEFAULT false,
    environment_id          bigint,
    remote_control_access   text NOT NULL DEFAULT 'None',
    robot_size              text,
    automation_hub_url      text,
    resource_overwrites     text,
    process_settings        jsonb,
    video_settings          jsonb,
    tags                    jsonb NOT NULL DEFAULT '[]',
    retention_action        text,
    retention_days          int,
    retention_bucket_id     bigint,
    created_at              timestamptz NOT NULL,
    created_by              bigint,
    updated_at              timestamptz,
    updated_by              bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES orchestrator.folders (tenant_id, id)
);

CREATE UNIQUE INDEX processes_by_name ON orchestrator.processes (tenant_id, folder_id, name_key);
CREATE INDEX processes_of_package ON orchestrator.processes (tenant_id, feed_id, package_key);

-- Every version a process has had, oldest first by id.
CREATE TABLE orchestrator.process_versions (
    tenant_id        int NOT NULL,
    id               bigint GENERATED ALWAYS AS IDENTITY,
    process_id       bigint NOT NULL,
    package_version  text NOT NULL,
    process_name     text NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, process_id) REFERENCES orchestrator.processes (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX versions_of_process ON orchestrator.process_versions (tenant_id, process_id, id);

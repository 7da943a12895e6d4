-- Tenants, folders, the people and programs that reach them, and what each may do there.

CREATE SCHEMA orchestrator;

CREATE TABLE orchestrator.tenants (
    id               int GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key              uuid NOT NULL UNIQUE,
    organization_id  uuid NOT NULL,
    name             text NOT NULL,
    name_key         text NOT NULL,
    is_active        boolean NOT NULL DEFAULT true,
    created_at       timestamptz NOT NULL,
    UNIQUE (organization_id, name_key)
);

-- `ancestor_ids` runs from the root to the folder itself: what is granted on one of them holds here.
CREATE TABLE orchestrator.folders (
    tenant_id         int NOT NULL REFERENCES orchestrator.tenants (id),
    id                bigint GENERATED ALWAYS AS IDENTITY,
    key               uuid NOT NULL,
    parent_id         bigint,
    ancestor_ids      bigint[] NOT NULL,
    display_name      text NOT NULL,
    name_key          text NOT NULL,
    path              text NOT NULL,
    path_key          text NOT NULL,
    description       text,
    folder_type       text NOT NULL DEFAULT 'Standard' CHECK (folder_type IN ('Standard', 'Personal', 'Virtual', 'Solution')),
    feed_type         text NOT NULL DEFAULT 'Processes',
    permission_model  text NOT NULL DEFAULT 'FineGrained',
    provision_type    text NOT NULL DEFAULT 'Automatic',
    owner_id          bigint,
    created_at        timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key),
    UNIQUE (tenant_id, path_key),
    FOREIGN KEY (tenant_id, parent_id) REFERENCES orchestrator.folders (tenant_id, id)
);

CREATE UNIQUE INDEX folders_of_parent ON orchestrator.folders (tenant_id, coalesce(parent_id, 0), name_key);
CREATE INDEX folders_by_ancestor ON orchestrator.folders USING gin (ancestor_ids);
CREATE UNIQUE INDEX one_workspace_per_owner ON orchestrator.folders (tenant_id, owner_id) WHERE folder_type = 'Personal';

-- Principals as the tenant knows them; `directory_id` is the GUID of the identity server (user, group, robot account
-- or application), without a foreign key: the two contexts share no table.
CREATE TABLE orchestrator.users (
    tenant_id                    int NOT NULL REFERENCES orchestrator.tenants (id),
    id                           bigint GENERATED ALWAYS AS IDENTITY,
    key                          uuid NOT NULL,
    directory_id                 uuid,
    type                         text NOT NULL CHECK (type IN ('User', 'Robot', 'DirectoryUser', 'DirectoryGroup', 'DirectoryRobot', 'DirectoryExternalApplication')),
    user_name                    text NOT NULL,
    name_key                     text NOT NULL,
    name                         text,
    surname                      text,
    email                        text,
    is_active                    boolean NOT NULL DEFAULT true,
    provision_type               text NOT NULL DEFAULT 'Manual',
    may_have_user_session        boolean NOT NULL DEFAULT true,
    may_have_robot_session       boolean NOT NULL DEFAULT true,
    may_have_unattended_session  boolean NOT NULL DEFAULT false,
    may_have_personal_workspace  boolean NOT NULL DEFAULT true,
    restrict_to_workspace        boolean NOT NULL DEFAULT false,
    last_login_at                timestamptz,
    created_at                   timestamptz NOT NULL,
    created_by                   bigint,
    updated_at                   timestamptz,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key)
);

CREATE UNIQUE INDEX users_by_name ON orchestrator.users (tenant_id, name_key);
CREATE UNIQUE INDEX users_by_directory ON orchestrator.users (tenant_id, directory_id) WHERE directory_id IS NOT NULL;

CREATE TABLE orchestrator.roles (
    tenant_id     int NOT NULL REFERENCES orchestrator.tenants (id),
    id            bigint GENERATED ALWAYS AS IDENTITY,
    name          text NOT NULL,
    name_key      text NOT NULL,
    display_name  text NOT NULL,
    type          text NOT NULL CHECK (type IN ('Tenant', 'Folder', 'Mixed')),
    permissions   text[] NOT NULL,
    is_static     boolean NOT NULL DEFAULT false,
    is_editable   boolean NOT NULL DEFAULT true,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name_key)
);

CREATE TABLE orchestrator.user_roles (
    tenant_id  int NOT NULL,
    user_id    bigint NOT NULL,
    role_id    bigint NOT NULL,
    PRIMARY KEY (tenant_id, user_id, role_id),
    FOREIGN KEY (tenant_id, user_id) REFERENCES orchestrator.users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, role_id) REFERENCES orchestrator.roles (tenant_id, id) ON DELETE CASCADE
);

-- A member without roles sees the folder and may do nothing in it.
CREATE TABLE orchestrator.folder_members (
    tenant_id   int NOT NULL,
    folder_id   bigint NOT NULL,
    user_id     bigint NOT NULL,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, folder_id, user_id),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES orchestrator.folders (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES orchestrator.users (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX memberships_of_user ON orchestrator.folder_members (tenant_id, user_id);

CREATE TABLE orchestrator.folder_member_roles (
    tenant_id  int NOT NULL,
    folder_id  bigint NOT NULL,
    user_id    bigint NOT NULL,
    role_id    bigint NOT NULL,
    PRIMARY KEY (tenant_id, folder_id, user_id, role_id),
    FOREIGN KEY (tenant_id, folder_id, user_id) REFERENCES orchestrator.folder_members (tenant_id, folder_id, user_id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, role_id) REFERENCES orchestrator.roles (tenant_id, id) ON DELETE CASCADE
);

-- Values that a tenant set; what is absent has its published default.
CREATE TABLE orchestrator.settings (
    tenant_id   int NOT NULL REFERENCES orchestrator.tenants (id),
    name_key    text NOT NULL,
    name        text NOT NULL,
    value       text NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, name_key)
);

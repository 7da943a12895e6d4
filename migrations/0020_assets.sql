-- Assets: values that automations read by name.

-- `name_key` is part of a key so that the folders can repeat it: a name is unique within each folder.
CREATE TABLE orchestrator.assets (
    tenant_id                 int NOT NULL REFERENCES orchestrator.tenants (id),
    id                        bigint GENERATED ALWAYS AS IDENTITY,
    key                       uuid NOT NULL,
    name                      text NOT NULL,
    name_key                  text NOT NULL,
    description               text,
    value_type                text NOT NULL CHECK (value_type IN ('DBConnectionString', 'HttpConnectionString', 'Text', 'Bool', 'Integer', 'Credential', 'WindowsCredential', 'KeyValueList', 'Secret')),
    value_scope               text NOT NULL CHECK (value_scope IN ('Global', 'PerRobot')),
    has_default_value         boolean NOT NULL,
    is_deletable              boolean NOT NULL DEFAULT true,
    allows_direct_api_access  boolean NOT NULL DEFAULT false,
    tags                      jsonb NOT NULL DEFAULT '[]',
    created_at                timestamptz NOT NULL,
    created_by                bigint,
    updated_at                timestamptz,
    updated_by                bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key),
    UNIQUE (tenant_id, id, name_key),
    CHECK (value_scope <> 'Global' OR has_default_value)
);

CREATE INDEX assets_by_name ON orchestrator.assets (tenant_id, lower(name));

-- The folders that show an asset, one or more. A folder with assets is not deleted: their values would go with it.
CREATE TABLE orchestrator.asset_folders (
    tenant_id  int NOT NULL,
    folder_id  bigint NOT NULL,
    asset_id   bigint NOT NULL,
    name_key   text NOT NULL,
    PRIMARY KEY (tenant_id, folder_id, asset_id),
    UNIQUE (tenant_id, folder_id, name_key),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES orchestrator.folders (tenant_id, id),
    FOREIGN KEY (tenant_id, asset_id, name_key) REFERENCES orchestrator.assets (tenant_id, id, name_key) ON UPDATE CASCADE ON DELETE CASCADE
);

CREATE INDEX folders_of_asset ON orchestrator.asset_folders (tenant_id, asset_id, name_key);

-- What an asset holds: for everybody (neither user nor machine), for a user, for a machine, or for a user on a machine.
-- Passwords and secrets are in `sealed`, the user name beside them in `user_name`.
CREATE TABLE orchestrator.asset_values (
    tenant_id            int NOT NULL,
    id                   bigint GENERATED ALWAYS AS IDENTITY,
    asset_id             bigint NOT NULL,
    user_id              bigint,
    machine_id           bigint,
    text_value           text,
    bool_value           boolean,
    int_value            int,
    pairs                jsonb,
    user_name            text,
    sealed               bytea,
    credential_store_id  bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE NULLS NOT DISTINCT (tenant_id, asset_id, user_id, machine_id),
    FOREIGN KEY (tenant_id, asset_id) REFERENCES orchestrator.assets (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES orchestrator.users (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, machine_id) REFERENCES orchestrator.machines (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX asset_values_of_user ON orchestrator.asset_values (tenant_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX asset_values_of_machine ON orchestrator.asset_values (tenant_id, machine_id) WHERE machine_id IS NOT NULL;

CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON orchestrator.asset_values
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

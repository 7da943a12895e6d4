-- Settings that are secret, settings of users, and the stores that keep the secrets of assets.

-- A secret value is in `sealed`, for its row's `name_key`; every other in `value`.
ALTER TABLE orchestrator.settings
    ADD COLUMN sealed bytea,
    ALTER COLUMN value DROP NOT NULL,
    ADD CONSTRAINT settings_one_value CHECK (num_nonnulls(value, sealed) = 1);

CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON orchestrator.settings
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

CREATE TABLE orchestrator.user_settings (
    tenant_id   int NOT NULL,
    user_id     bigint NOT NULL,
    name_key    text NOT NULL,
    name        text NOT NULL,
    value       text NOT NULL,
    updated_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, user_id, name_key),
    FOREIGN KEY (tenant_id, user_id) REFERENCES orchestrator.users (tenant_id, id) ON DELETE CASCADE
);

-- `configuration` is what the type asks for, secret entries masked; their values are in `sealed`, as JSON.
CREATE TABLE orchestrator.credential_stores (
    tenant_id      int NOT NULL REFERENCES orchestrator.tenants (id),
    id             bigint GENERATED ALWAYS AS IDENTITY,
    name           text NOT NULL,
    name_key       text NOT NULL,
    type           text NOT NULL,
    is_built_in    boolean NOT NULL DEFAULT false,
    is_read_only   boolean NOT NULL,
    configuration  jsonb NOT NULL DEFAULT '{}',
    sealed         bytea,
    created_at     timestamptz NOT NULL,
    created_by     bigint,
    updated_at     timestamptz,
    updated_by     bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, name_key)
);

-- The one that keeps secrets in this database.
CREATE UNIQUE INDEX built_in_credential_store ON orchestrator.credential_stores (tenant_id) WHERE is_built_in;

CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON orchestrator.credential_stores
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

-- Without a row the built-in store is the default.
CREATE TABLE orchestrator.credential_store_defaults (
    tenant_id      int NOT NULL,
    resource_type  text NOT NULL CHECK (resource_type IN ('AssetCredential', 'RobotCredential', 'BucketCredential', 'Secrets')),
    store_id       bigint NOT NULL,
    PRIMARY KEY (tenant_id, resource_type),
    FOREIGN KEY (tenant_id, store_id) REFERENCES orchestrator.credential_stores (tenant_id, id) ON DELETE CASCADE
);

CREATE INDEX defaults_of_credential_store ON orchestrator.credential_store_defaults (tenant_id, store_id);

INSERT INTO orchestrator.credential_stores (tenant_id, name, name_key, type, is_built_in, is_read_only, created_at)
SELECT t.id, 'Orchestrator Database', 'orchestrator database', 'Database', true, false, t.created_at
  FROM orchestrator.tenants t;

-- Until now any number could be given for a store; all that is kept is kept here.
ALTER TABLE orchestrator.asset_values ADD COLUMN external_name text;

UPDATE orchestrator.asset_values v
   SET credential_store_id = CASE WHEN a.value_type IN ('Credential', 'WindowsCredential', 'Secret') THEN s.id END
  FROM orchestrator.assets a, orchestrator.credential_stores s
 WHERE a.tenant_id = v.tenant_id AND a.id = v.asset_id AND s.tenant_id = v.tenant_id AND s.is_built_in;

UPDATE orchestrator.robots t SET credential_store_id = NULL WHERE t.credential_store_id IS NOT NULL;

ALTER TABLE orchestrator.asset_values
    ADD FOREIGN KEY (tenant_id, credential_store_id) REFERENCES orchestrator.credential_stores (tenant_id, id);

CREATE INDEX asset_values_in_store ON orchestrator.asset_values (tenant_id, credential_store_id)
    WHERE credential_store_id IS NOT NULL;

-- What keeps its secret in which store.
CREATE VIEW orchestrator.credential_store_uses AS
SELECT DISTINCT a.tenant_id, v.credential_store_id AS store_id,
       CASE a.value_type WHEN 'Secret' THEN 'Secrets' ELSE 'AssetCredential' END AS resource_type, a.id, a.name
  FROM orchestrator.asset_values v
  JOIN orchestrator.assets a ON a.tenant_id = v.tenant_id AND a.id = v.asset_id
 WHERE v.credential_store_id IS NOT NULL
UNION ALL
SELECT r.tenant_id, r.credential_store_id, 'RobotCredential', r.id, r.name
  FROM orchestrator.robots r WHERE r.credential_store_id IS NOT NULL
UNION ALL
SELECT b.tenant_id, s.id, 'BucketCredential', b.id, b.name
  FROM orchestrator.buckets b
  JOIN orchestrator.credential_stores s ON s.tenant_id = b.tenant_id AND s.is_built_in
 WHERE b.sealed IS NOT NULL;

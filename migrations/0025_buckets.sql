-- Buckets: files that automations and people keep, by path.

-- `provider` is Orchestrator for files kept here. Of the others `container` and `parameters` say where the files are;
-- the secret key is in `sealed`, `parameters` has a placeholder for it.
-- `name_key` is part of a key so that the folders can repeat it: a name is unique within each folder.
CREATE TABLE orchestrator.buckets (
    tenant_id            int NOT NULL REFERENCES orchestrator.tenants (id),
    id                   bigint GENERATED ALWAYS AS IDENTITY,
    key                  uuid NOT NULL,
    name                 text NOT NULL,
    name_key             text NOT NULL,
    description          text,
    provider             text NOT NULL CHECK (provider IN ('Orchestrator', 'Amazon', 'Minio', 'S3Compatible')),
    container            text,
    parameters           text,
    sealed               bytea,
    credential_store_id  bigint,
    is_read_only         boolean NOT NULL DEFAULT false,
    audits_reads         boolean NOT NULL DEFAULT false,
    passes_data_through  boolean NOT NULL DEFAULT false,
    tags                 jsonb NOT NULL DEFAULT '[]',
    created_at           timestamptz NOT NULL,
    created_by           bigint,
    updated_at           timestamptz,
    updated_by           bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key),
    UNIQUE (tenant_id, id, name_key),
    CHECK ((provider = 'Orchestrator') = (parameters IS NULL))
);

CREATE INDEX buckets_by_name ON orchestrator.buckets (tenant_id, lower(name));

CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON orchestrator.buckets
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

-- The folders that show a bucket, one or more. A folder with buckets is not deleted: their files would go with it.
CREATE TABLE orchestrator.bucket_folders (
    tenant_id  int NOT NULL,
    folder_id  bigint NOT NULL,
    bucket_id  bigint NOT NULL,
    name_key   text NOT NULL,
    PRIMARY KEY (tenant_id, folder_id, bucket_id),
    UNIQUE (tenant_id, folder_id, name_key),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES orchestrator.folders (tenant_id, id),
    FOREIGN KEY (tenant_id, bucket_id, name_key) REFERENCES orchestrator.buckets (tenant_id, id, name_key) ON UPDATE CASCADE ON DELETE CASCADE
);

CREATE INDEX folders_of_bucket ON orchestrator.bucket_folders (tenant_id, bucket_id, name_key);

-- Files kept here. `path` is NFC, at most 1024 bytes and without a slash at its ends; `directory` is what is before its
-- last part, blank or ending in a slash. Both sort by bytes, so that a prefix is a range of an index.
CREATE TABLE orchestrator.bucket_files (
    tenant_id     int NOT NULL,
    id            bigint GENERATED ALWAYS AS IDENTITY,
    bucket_id     bigint NOT NULL,
    path          text COLLATE "C" NOT NULL,
    directory     text COLLATE "C" NOT NULL,
    content_type  text,
    size_bytes    bigint NOT NULL,
    sha256        bytea NOT NULL,
    blob          text NOT NULL UNIQUE,
    created_at    timestamptz NOT NULL,
    written_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, bucket_id, path),
    FOREIGN KEY (tenant_id, bucket_id) REFERENCES orchestrator.buckets (tenant_id, id)
);

CREATE INDEX bucket_files_by_directory ON orchestrator.bucket_files (tenant_id, bucket_id, directory);
CREATE INDEX bucket_files_as_listed ON orchestrator.bucket_files (tenant_id, bucket_id, lower(('/' || path) COLLATE "default"), id);

-- Blobs that no file has any more; a loop removes them from the disk.
CREATE TABLE orchestrator.bucket_leftovers (
    tenant_id  int NOT NULL,
    blob       text NOT NULL,
    since      timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, blob)
);

CREATE INDEX bucket_leftovers_by_age ON orchestrator.bucket_leftovers (since);

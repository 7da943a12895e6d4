-- What the kernel itself keeps: leases of background loops, the outbox, the audit trail.

CREATE SCHEMA kernel;

CREATE TABLE kernel.leases (
    name   text PRIMARY KEY,
    owner  text NOT NULL,
    until  timestamptz NOT NULL
);

CREATE TABLE kernel.outbox (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    tenant_id    int NOT NULL,
    event_id     uuid NOT NULL,
    type         text NOT NULL,
    folder_id    bigint,
    user_id      bigint,
    occurred_at  timestamptz NOT NULL,
    payload      jsonb NOT NULL
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000);

CREATE INDEX outbox_of_tenant ON kernel.outbox (tenant_id, id);

-- One row per call that changes something. By month, so that old rows leave as whole partitions.
CREATE TABLE kernel.audit (
    id           bigint GENERATED ALWAYS AS IDENTITY,
    tenant_id    int NOT NULL,
    executed_at  timestamptz NOT NULL,
    operation    text NOT NULL,
    component    text NOT NULL,
    action       text NOT NULL,
    entity_id    text,
    entity_name  text,
    actor_kind   text NOT NULL,
    actor_id     uuid,
    actor_name   text NOT NULL,
    user_id      bigint,
    client_id    text,
    folder_id    bigint,
    trace_id     text NOT NULL,
    detail       jsonb,
    PRIMARY KEY (tenant_id, executed_at, id)
) PARTITION BY RANGE (executed_at);

CREATE TABLE kernel.audit_other PARTITION OF kernel.audit DEFAULT;
CREATE INDEX audit_of_tenant ON kernel.audit (tenant_id, id DESC);

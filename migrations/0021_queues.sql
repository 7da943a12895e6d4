-- Queues: definitions, items, what was done with them; and the keys by which a repeated call is known.

CREATE TABLE orchestrator.queues (
    tenant_id                  int NOT NULL REFERENCES orchestrator.tenants (id),
    id                         bigint GENERATED ALWAYS AS IDENTITY,
    key                        uuid NOT NULL,
    name                       text NOT NULL,
    name_key                   text NOT NULL,
    description                text,
    max_retries                smallint NOT NULL DEFAULT 0 CHECK (max_retries BETWEEN 0 AND 50),
    is_retried_automatically   boolean NOT NULL DEFAULT false,
    is_retried_when_abandoned  boolean NOT NULL DEFAULT false,
    has_unique_references      boolean NOT NULL DEFAULT false,
    is_encrypted               boolean NOT NULL DEFAULT false,
    sla_minutes                int NOT NULL DEFAULT 0,
    risk_sla_minutes           int NOT NULL DEFAULT 0,
    process_id                 bigint,
    content_schema             text,
    output_schema              text,
    analytics_schema           text,
    tags                       jsonb NOT NULL DEFAULT '[]',
    -- Raised at every change: who works from a kept copy says which one, and is refused when it is an old one.
    revision                   int NOT NULL DEFAULT 1,
    created_at                 timestamptz NOT NULL,
    created_by                 bigint,
    updated_at                 timestamptz,
    updated_by                 bigint,
    PRIMARY KEY (tenant_id, id),
    UNIQUE (tenant_id, key),
    UNIQUE (tenant_id, id, name_key)
);

CREATE INDEX queues_by_name ON orchestrator.queues (tenant_id, lower(name));
CREATE INDEX queues_of_process ON orchestrator.queues (tenant_id, process_id) WHERE process_id IS NOT NULL;

-- The folders that show a queue, one or more; a name is unique within each folder.
CREATE TABLE orchestrator.queue_folders (
    tenant_id  int NOT NULL,
    folder_id  bigint NOT NULL,
    queue_id   bigint NOT NULL,
    name_key   text NOT NULL,
    PRIMARY KEY (tenant_id, folder_id, queue_id),
    UNIQUE (tenant_id, folder_id, name_key),
    FOREIGN KEY (tenant_id, folder_id) REFERENCES orchestrator.folders (tenant_id, id),
    FOREIGN KEY (tenant_id, queue_id, name_key) REFERENCES orchestrator.queues (tenant_id, id, name_key) ON UPDATE CASCADE ON DELETE CASCADE
);

CREATE INDEX folders_of_queue ON orchestrator.queue_folders (tenant_id, queue_id, name_key);

-- kind: Final (what has ended) or Stale (what has not). Without a row nothing is deleted.
CREATE TABLE orchestrator.queue_retention (
    tenant_id    int NOT NULL,
    queue_id     bigint NOT NULL,
    kind         text NOT NULL CHECK (kind IN ('Final', 'Stale')),
    action       text NOT NULL CHECK (action IN ('Delete', 'Archive', 'None')),
    period_days  int NOT NULL CHECK (period_days BETWEEN 1 AND 180),
    bucket_id    bigint,
    PRIMARY KEY (tenant_id, queue_id, kind),
    FOREIGN KEY (tenant_id, queue_id) REFERENCES orchestrator.queues (tenant_id, id) ON DELETE CASCADE
);

-- One attempt. `key` is shared by an item and its retries, `unique_key` is the attempt's own.
-- state: 0 New 1 InProgress 2 Failed 3 Successful 4 Abandoned 5 Retried 6 Deleted. priority: 0 High 1 Normal 2 Low.
-- `rank` is (has a deadline ? 0 : 3) + priority: with `due_at` and `id` the order of hand-out.
-- `is_deferred` is cleared by a loop when `defer_at` has passed, so that waiting items do not stand in the index's way.
-- There is no foreign key to the queue: each insert would lock the queue's row. Items of a queue that is gone are not
-- found any more, and a loop removes them.
CREATE TABLE orchestrator.queue_items (
    tenant_id                   int NOT NULL,
    id                          bigint GENERATED ALWAYS AS IDENTITY (CACHE 1),
    key                         uuid NOT NULL,
    unique_key                  uuid NOT NULL,
    queue_id                    bigint NOT NULL,
    state                       smallint NOT NULL DEFAULT 0 CHECK (state BETWEEN 0 AND 6),
    priority                    smallint NOT NULL DEFAULT 1 CHECK (priority BETWEEN 0 AND 2),
    rank                        smallint NOT NULL CHECK (rank BETWEEN 0 AND 5),
    due_at                      timestamptz NOT NULL DEFAULT 'infinity',
    risk_at                     timestamptz,
    defer_at                    timestamptz,
    is_deferred                 boolean NOT NULL DEFAULT false,
    has_unique_reference        boolean NOT NULL DEFAULT false,
    reference                   text,
    reference_key               text,
    source                      text,
    parent_operation_id         text,
    operation_id                text,
    progress                    text,
    output                      jsonb,
    analytics                   jsonb,
    exception_type              text CHECK (exception_type IN ('ApplicationException', 'BusinessException')),
    exception                   jsonb,
    robot_id                    bigint,
    job_key                     uuid,
    lease_holder                text,
    lease_epoch                 int NOT NULL DEFAULT 0,
    review_state                smallint NOT NULL DEFAULT 0 CHECK (review_state BETWEEN 0 AND 3),
    reviewer_id                 bigint,
    ancestor_id                 bigint,
    ancestor_unique_key         uuid,
    manual_ancestor_id          bigint,
    manual_ancestor_unique_key  uuid,
    retry_number                smallint NOT NULL DEFAULT 0,
    manual_retry_number         smallint NOT NULL DEFAULT 0,
    previous_attempts_s         int NOT NULL DEFAULT 0,
    created_at                  timestamptz NOT NULL,
    created_by                  bigint,
    started_at                  timestamptz,
    ended_at                    timestamptz,
    row_version                 bigint NOT NULL DEFAULT 1,
    PRIMARY KEY (tenant_id, id),
    CHECK (rank = priority + CASE WHEN due_at = 'infinity' THEN 3 ELSE 0 END)
) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000, autovacuum_vacuum_cost_delay = 0,
        autovacuum_analyze_scale_factor = 0.02, autovacuum_analyze_threshold = 1000);

CREATE INDEX queue_items_to_hand_out ON orchestrator.queue_items (tenant_id, queue_id, rank, due_at, id)
    WHERE state = 0 AND NOT is_deferred;
CREATE INDEX queue_items_deferred ON orchestrator.queue_items (tenant_id, queue_id, defer_at) WHERE state = 0 AND is_deferred;
CREATE INDEX queue_items_in_progress ON orchestrator.queue_items (started_at) WHERE state = 1;
CREATE INDEX queue_items_of_queue ON orchestrator.queue_items (tenant_id, queue_id, state, id DESC);
CREATE INDEX queue_items_by_key ON orchestrator.queue_items (tenant_id, key);
CREATE INDEX queue_items_by_reference ON orchestrator.queue_items (tenant_id, queue_id, reference_key text_pattern_ops)
    WHERE reference_key IS NOT NULL;
CREATE UNIQUE INDEX queue_items_unique_reference ON orchestrator.queue_items (tenant_id, queue_id, reference_key)
    WHERE has_unique_reference AND state NOT IN (5, 6);
CREATE INDEX queue_items_ended ON orchestrator.queue_items (tenant_id, queue_id, ended_at) WHERE ended_at IS NOT NULL;

-- The content of an item, written once: apart from the item, whose changes would carry it and its index along.
CREATE TABLE orchestrator.queue_item_contents (
    tenant_id  int NOT NULL,
    item_id    bigint NOT NULL,
    content    jsonb NOT NULL,
    PRIMARY KEY (tenant_id, item_id)
);

-- Names and values are compared without regard to case.
CREATE INDEX queue_item_contents_by_value ON orchestrator.queue_item_contents
    USING gin ((lower(content::text)::jsonb) jsonb_path_ops);

-- What items of encrypted queues hold, in place of their content, output and analytics.
CREATE TABLE orchestrator.queue_item_secrets (
    tenant_id  int NOT NULL,
    item_id    bigint NOT NULL,
    part       text NOT NULL CHECK (part IN ('content', 'output', 'analytics')),
    sealed     bytea NOT NULL,
    PRIMARY KEY (tenant_id, item_id, part)
);

CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON orchestrator.queue_item_secrets
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

-- References that a unique-reference queue has seen and whose items retention has removed; SHA-256 of the folded text.
CREATE TABLE orchestrator.queue_used_references (
    tenant_id  int NOT NULL,
    queue_id   bigint NOT NULL,
    reference  bytea NOT NULL,
    PRIMARY KEY (tenant_id, queue_id, reference),
    FOREIGN KEY (tenant_id, queue_id) REFERENCES orchestrator.queues (tenant_id, id) ON DELETE CASCADE
);

-- action: 0 Create 1 Edit 2 Delete 3 Status 4 Retry. The row shows the item as it was after the event.
CREATE TABLE orchestrator.queue_item_events (
    tenant_id     int NOT NULL,
    id            bigint GENERATED ALWAYS AS IDENTITY,
    item_id       bigint NOT NULL,
    action        smallint NOT NULL CHECK (action BETWEEN 0 AND 4),
    state         smallint NOT NULL,
    review_state  smallint NOT NULL DEFAULT 0,
    reviewer_id   bigint,
    user_id       bigint,
    client_id     text,
    data          jsonb,
    created_at    timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX events_of_queue_item ON orchestrator.queue_item_events (tenant_id, item_id, id);

CREATE TABLE orchestrator.queue_item_comments (
    tenant_id   int NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    item_id     bigint NOT NULL,
    text        text NOT NULL,
    user_id     bigint,
    client_id   text,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, id)
);

CREATE INDEX comments_of_queue_item ON orchestrator.queue_item_comments (tenant_id, item_id, id);

-- The answer of a call that came with an Idempotency-Key; `status` is null while the first call runs. Answers may hold
-- what is told once (a client's secret), so their bodies are sealed.
CREATE TABLE kernel.idempotency_keys (
    tenant_id   int NOT NULL,
    id          bigint GENERATED ALWAYS AS IDENTITY,
    principal   text NOT NULL,
    key         text NOT NULL,
    request     bytea NOT NULL,
    status      smallint,
    sealed      bytea,
    created_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, principal, key)
);

CREATE INDEX idempotency_keys_by_age ON kernel.idempotency_keys (created_at);
CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON kernel.idempotency_keys
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

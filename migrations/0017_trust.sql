-- Data keys, the installation's own secrets, the chain over the audit trail.

-- Keys that seal values. The newest that has no `retired_at` seals; a retired one opens until nothing needs it, and is
-- deleted then. `id` is what a sealed value names.
CREATE TABLE kernel.data_keys (
    id          bytea PRIMARY KEY CHECK (length(id) = 4),
    created_at  timestamptz NOT NULL DEFAULT clock_timestamp(),
    retired_at  timestamptz
);

-- The same data key under each master key that may still be in use: two while a master key is being replaced.
CREATE TABLE kernel.data_key_wraps (
    data_key_id    bytea NOT NULL REFERENCES kernel.data_keys (id) ON DELETE CASCADE,
    master_key_id  bytea NOT NULL CHECK (length(master_key_id) = 4),
    wrapped        bytea NOT NULL,
    PRIMARY KEY (data_key_id, master_key_id)
);

-- A node that has not yet heard of a rotation must not store a value under a key that is about to be deleted. The lock
-- lets a rotation wait for those that are on their way; the error reads as "not now" to the caller.
CREATE FUNCTION kernel.refuse_retired_key() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.sealed IS NOT NULL THEN
        PERFORM FROM kernel.data_keys k
          WHERE k.id = substring(NEW.sealed FROM 2 FOR 4) AND k.retired_at IS NULL FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'the value is sealed with a key that seals no more' USING ERRCODE = '57P03';
        END IF;
    END IF;
    RETURN NEW;
END $$;

-- What the installation itself keeps: the key that signs audit checkpoints, the key of blob addresses.
CREATE TABLE kernel.secrets (
    name        text PRIMARY KEY,
    sealed      bytea NOT NULL,
    created_at  timestamptz NOT NULL
);

CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON kernel.secrets
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();
CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON identity.signing_keys
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();
CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON identity.settings
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();
CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON identity.mails
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();
CREATE TRIGGER sealed_with_living_key BEFORE INSERT OR UPDATE OF sealed ON identity.totp
    FOR EACH ROW EXECUTE FUNCTION kernel.refuse_retired_key();

-- Who writes an audit row says in which transaction. A transaction whose number lies below every running one has ended,
-- so rows can be taken in the order of these numbers and none turns up behind; rows from before have none.
ALTER TABLE kernel.audit ADD COLUMN transaction_id bigint;
ALTER TABLE kernel.audit ALTER COLUMN transaction_id SET DEFAULT (pg_current_xact_id()::text::bigint);
CREATE INDEX audit_by_transaction ON kernel.audit (transaction_id, id);

-- One row per sealed audit row, in the order of sealing. `personal_hash` is over `salt` and the names and details of
-- the row; erasing those drops the salt, and nobody can find out by trying which name it was.
CREATE TABLE kernel.audit_chain (
    seq            bigint PRIMARY KEY,
    tenant_id      int NOT NULL,
    executed_at    timestamptz NOT NULL,
    audit_id       bigint NOT NULL UNIQUE,
    salt           bytea,
    personal_hash  bytea NOT NULL,
    row_hash       bytea NOT NULL,
    chain_hash     bytea NOT NULL
);

-- The last link, signed, and how far the trail was read: rows after (`read_transaction_id`, `read_id`) are still open.
-- Transaction numbers mean something in the cluster that gave them only.
CREATE TABLE kernel.audit_chain_head (
    is_only              boolean PRIMARY KEY DEFAULT true CHECK (is_only),
    seq                  bigint NOT NULL,
    chain_hash           bytea NOT NULL,
    read_transaction_id  bigint NOT NULL,
    read_id              bigint NOT NULL,
    cluster_id           text NOT NULL,
    made_at              timestamptz NOT NULL,
    kid                  text NOT NULL,
    signature            bytea NOT NULL
);

-- Links that were signed for good and written down elsewhere, too. `rows`: since the checkpoint before.
-- `removed_before`: audit rows from before that instant may be gone, retention removed them.
CREATE TABLE kernel.audit_checkpoints (
    number          bigint PRIMARY KEY,
    seq             bigint NOT NULL,
    chain_hash      bytea NOT NULL,
    rows            bigint NOT NULL,
    made_at         timestamptz NOT NULL,
    removed_before  timestamptz,
    kid             text NOT NULL,
    signature       bytea NOT NULL
);

CREATE INDEX checkpoints_by_seq ON kernel.audit_checkpoints (seq, number);

-- Audit rows whose names and details were erased, with the hash of what stands there instead; signed.
CREATE TABLE kernel.audit_erasures (
    audit_id     bigint PRIMARY KEY,
    seq          bigint NOT NULL,
    erased_hash  bytea NOT NULL,
    erased_at    timestamptz NOT NULL,
    kid          text NOT NULL,
    signature    bytea NOT NULL
);

-- What happened in an organization: the calls of the identity server, and tries to sign in that are no such call or that
-- failed. Ids are even for the ones and odd for the others.
CREATE INDEX attempts_of_organization ON identity.login_attempts (organization_id, created_at DESC, id DESC);

CREATE VIEW identity.audit_events AS
SELECT a.organization_id, a.id * 2 AS id, a.executed_at AS created_at, a.component AS category, a.action,
       a.entity_id, a.entity_name, a.actor_kind, a.actor_id,
       CASE WHEN a.actor_name = '' AND a.component = 'Authentication' THEN a.entity_name ELSE a.actor_name END AS actor_name,
       a.client_id, a.detail, a.action NOT LIKE '%Failed' AS is_success, a.trace_id
  FROM kernel.audit a
 WHERE a.organization_id IS NOT NULL
UNION ALL
SELECT l.organization_id, l.id * 2 + 1, l.created_at, 'Authentication'::text,
       CASE l.result WHEN 0 THEN 'UserLogin'::text ELSE 'UserLoginFailed'::text END,
       l.user_id::text, l.user_name, 'user'::text, l.user_id, l.user_name, NULL::text,
       jsonb_build_object('result', l.result, 'clientAddress', l.client_address, 'clientName', l.client_name,
                          'browser', l.browser),
       l.result = 0, ''::text
  FROM identity.login_attempts l
 WHERE l.result <> 0 OR l.client_name = 'Classic';

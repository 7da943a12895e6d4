-- The secret keys of buckets are kept in the credential store that the bucket names, as the secrets of assets are.

-- Under which name a store other than the built-in one keeps the secret key. Neither this nor `sealed`: the bucket has none.
ALTER TABLE orchestrator.buckets
    ADD COLUMN external_name text,
    ADD CONSTRAINT buckets_one_secret CHECK (num_nonnulls(sealed, external_name) <= 1);

-- Until now any store could be named, which then went without a trace; what is sealed was kept here all the same.
UPDATE orchestrator.buckets b SET credential_store_id = s.id
  FROM orchestrator.credential_stores s
 WHERE s.tenant_id = b.tenant_id AND s.is_built_in AND b.sealed IS NOT NULL;

UPDATE orchestrator.buckets b SET credential_store_id = NULL
 WHERE b.credential_store_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM orchestrator.credential_stores s WHERE s.tenant_id = b.tenant_id AND s.id = b.credential_store_id);

ALTER TABLE orchestrator.buckets
    ADD FOREIGN KEY (tenant_id, credential_store_id) REFERENCES orchestrator.credential_stores (tenant_id, id);

CREATE INDEX buckets_in_store ON orchestrator.buckets (tenant_id, credential_store_id)
    WHERE credential_store_id IS NOT NULL;

-- What keeps its secret in which store. A bucket whose files are kept here has none, whatever store it names.
CREATE OR REPLACE VIEW orchestrator.credential_store_uses AS
SELECT DISTINCT a.tenant_id, v.credential_store_id AS store_id,
       CASE a.value_type WHEN 'Secret' THEN 'Secrets' ELSE 'AssetCredential' END AS resource_type, a.id, a.name
  FROM orchestrator.asset_values v
  JOIN orchestrator.assets a ON a.tenant_id = v.tenant_id AND a.id = v.asset_id
 WHERE v.credential_store_id IS NOT NULL
UNION ALL
SELECT r.tenant_id, r.credential_store_id, 'RobotCredential', r.id, r.name
  FROM orchestrator.robots r WHERE r.credential_store_id IS NOT NULL
UNION ALL
SELECT b.tenant_id, b.credential_store_id, 'BucketCredential', b.id, b.name
  FROM orchestrator.buckets b WHERE b.credential_store_id IS NOT NULL AND b.provider <> 'Orchestrator';

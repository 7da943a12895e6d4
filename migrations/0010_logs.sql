-- Partitions made ahead of time, and what an export has written so far.

-- Makes the partition `<parent>_<suffix>` of a table that is partitioned by the range of one column and has the default
-- partition `<parent>_other`. False when it is there already, or when rows of that range are in the default partition,
-- where they then stay. Attaching an empty table of the same shape blocks neither readers nor writers of other
-- partitions, which creating it in place would.
CREATE FUNCTION kernel.add_partition(parent text, suffix text, partition_column text, lower_at timestamptz, upper_at timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    child text := parent || '_' || suffix;
    is_taken boolean;
BEGIN
    IF to_regclass(child) IS NOT NULL THEN
        RETURN false;
    END IF;
    EXECUTE format('SELECT EXISTS (SELECT FROM %s WHERE %I >= $1 AND %I < $2)', parent || '_other', partition_column, partition_column)
       INTO is_taken USING lower_at, upper_at;
    IF is_taken THEN
        RETURN false;
    END IF;
    EXECUTE format('CREATE TABLE %s (LIKE %s INCLUDING DEFAULTS INCLUDING CONSTRAINTS)', child, parent);
    EXECUTE format('ALTER TABLE %s ATTACH PARTITION %s FOR VALUES FROM (%L) TO (%L)', parent, child, lower_at, upper_at);
    RETURN true;
EXCEPTION WHEN check_violation THEN
    RETURN false;  -- a row of the range came into the default partition meanwhile
END
$$;

-- The month that has begun cannot be made once calls are answered; the months to come are made by a loop.
SELECT kernel.add_partition('kernel.audit', to_char(m.first, 'YYYYMM'), 'executed_at',
                            m.first AT TIME ZONE 'UTC', (m.first + interval '1 month') AT TIME ZONE 'UTC')
  FROM (SELECT date_trunc('month', now() AT TIME ZONE 'UTC') AS first) m;

-- `after` is where the next page begins, `rows` how many are written, `parts` are blobs that the final file is made of
-- or, once the export has ended, files to remove.
ALTER TABLE orchestrator.exports ADD COLUMN progress jsonb NOT NULL DEFAULT '{"parts": []}';
CREATE INDEX exports_open ON orchestrator.exports (id) WHERE status IN ('New', 'InProgress');
CREATE INDEX exports_with_files ON orchestrator.exports (executed_at) WHERE blob IS NOT NULL;
CREATE INDEX exports_to_clean ON orchestrator.exports (id) WHERE status IN ('Completed', 'Failed') AND progress <> '{"parts": []}';

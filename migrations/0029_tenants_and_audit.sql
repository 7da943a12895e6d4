-- What the host does with tenants; reading the audit trail.

-- `admin_user_id`: the user that the tenant was made with. A tenant with `deleted_at` is gone for everybody: its name is
-- free, and a loop removes what belonged to it, the row itself last.
ALTER TABLE orchestrator.tenants ADD COLUMN display_name text;
ALTER TABLE orchestrator.tenants ADD COLUMN admin_user_id bigint;
ALTER TABLE orchestrator.tenants ADD COLUMN deleted_at timestamptz;
ALTER TABLE orchestrator.tenants ADD CONSTRAINT deleted_tenants_are_inactive CHECK (deleted_at IS NULL OR NOT is_active);

-- Every table with rows of tenants, found in the catalogue so that none is forgotten; those that refer to others come
-- before them. The audit trail is not among them: it is the host's record of what happened, and its chain holds it.
CREATE VIEW orchestrator.tables_of_tenants AS
WITH RECURSIVE owned AS (
    SELECT c.oid FROM pg_class c
      JOIN pg_namespace n ON n.oid = c.relnamespace
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = 'tenant_id' AND NOT a.attisdropped
     WHERE n.nspname IN ('orchestrator', 'kernel') AND c.relkind IN ('r', 'p')
       AND NOT (n.nspname = 'kernel' AND c.relname ~ '^audit')
), depth AS (
    SELECT oid, 0 AS level FROM owned
    UNION
    SELECT k.conrelid, d.level + 1 FROM depth d
      JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = d.oid AND k.conrelid <> k.confrelid
      JOIN owned o ON o.oid = k.conrelid
     WHERE d.level < 30
)
SELECT d.oid::regclass AS name, max(d.level) AS level,
       EXISTS (SELECT FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = d.oid AND k.confrelid = d.oid) AS refers_to_itself,
       EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = d.oid AND a.attname = 'blob' AND NOT a.attisdropped) AS has_blobs
  FROM depth d JOIN pg_class c ON c.oid = d.oid AND c.relkind = 'r'
 GROUP BY d.oid;

-- Deletes up to `most` rows of one table (of one whose rows refer to each other, all); how many, and the files that they
-- stood for. Nothing is left when none went.
CREATE FUNCTION orchestrator.delete_rows_of_tenant(tenant int, most int, OUT gone bigint, OUT blobs text[])
LANGUAGE plpgsql AS $$
DECLARE
    one record;
    place text;
BEGIN
    FOR one IN SELECT * FROM orchestrator.tables_of_tenants ORDER BY level DESC, name::text LOOP
        place := CASE WHEN one.refers_to_itself THEN 't.tenant_id = $1 AND $2 > 0'
                      ELSE format('t.ctid = ANY(ARRAY(SELECT o.ctid FROM %s o WHERE o.tenant_id = $1 LIMIT $2))', one.name) END;
        IF one.has_blobs THEN  -- an export has further files, of the parts that are written so far
            EXECUTE format('WITH d AS (DELETE FROM %s t WHERE %s RETURNING to_jsonb(t) AS r)
                            SELECT (SELECT count(*) FROM d), ARRAY(
                              SELECT d.r ->> ''blob'' FROM d WHERE d.r ->> ''blob'' IS NOT NULL
                              UNION SELECT jsonb_array_elements_text(d.r #> ''{progress,parts}'') FROM d
                               WHERE jsonb_typeof(d.r #> ''{progress,parts}'') = ''array'')', one.name, place)
               INTO gone, blobs USING tenant, most;
        ELSE
            EXECUTE format('WITH d AS (DELETE FROM %s t WHERE %s RETURNING 1) SELECT count(*), ''{}''::text[] FROM d',
                           one.name, place)
               INTO gone, blobs USING tenant, most;
        END IF;
        IF gone > 0 THEN
            RETURN;
        END IF;
    END LOOP;
END
$$;

-- The published words of the audit trail: what a row says otherwise is shown as Unknown. Functions, so that an index and
-- a filter mean the same.
CREATE FUNCTION orchestrator.audit_component(component text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN component = ANY (ARRAY[
    'Assets', 'Environments', 'Processes', 'Queues', 'Robots', 'Roles', 'Schedules', 'Users', 'Comments', 'Units', 'Jobs',
    'Settings', 'Packages', 'License', 'Tenant', 'Machines', 'Libraries', 'Webhooks', 'ExecutionMedia', 'Monitoring',
    'CredentialStores', 'DefaultCredentialStores', 'TaskCatalogs', 'Tasks', 'Maintenance', 'Folders', 'DirectoryService',
    'Buckets', 'TenantMove', 'Secrets', 'PersonalWorkspaces', 'CloudSubscriptions', 'CloudSnapshots', 'Sessions',
    'CredentialsProxies', 'StudioWeb', 'AutomationSolutions', 'RemoteControl', 'TaskSolutions', 'TaskDefinitions',
    'HttpTriggers', 'TestSets', 'TestSetSchedules', 'TestDataQueues', 'TestDataQueueItems']) THEN component
  WHEN component IN ('Tenants') THEN 'Tenant'
  WHEN component IN ('Releases') THEN 'Processes'
  WHEN component IN ('QueueDefinitions', 'QueueItems', 'QueueRetention') THEN 'Queues'
  WHEN component IN ('QueueItemComments') THEN 'Comments'
  WHEN component IN ('ProcessSchedules', 'JobTriggers') THEN 'Schedules'
  WHEN component IN ('OrganizationUnits') THEN 'Units'
  WHEN component IN ('TestSetExecutions', 'TestAutomation') THEN 'TestSets'
  WHEN component IN ('TestDataQueueActions') THEN 'TestDataQueues'
  WHEN component IN ('GenericTasks', 'AppTasks', 'TaskForms', 'TaskNotes') THEN 'Tasks'
  WHEN component IN ('HostLicenses', 'Licensing') THEN 'License'
  ELSE 'Unknown' END
$$;

CREATE FUNCTION orchestrator.audit_action(action text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE WHEN action = ANY (ARRAY[
    'Create', 'Update', 'Delete', 'StartJob', 'StopJob', 'Associate', 'Upload', 'ChangeStatus', 'Import', 'ChangePassword',
    'Register', 'Toggle', 'ResetPassword', 'PasswordResetAttempt', 'Download', 'Acknowledge', 'Activate', 'Assign',
    'BulkUpload', 'UpdateFeature', 'ResumeJob', 'Start', 'End', 'Skip', 'Unassign', 'Deactivate', 'CreateBlobFileSas',
    'DeleteBlobFile', 'Move', 'Set', 'StartDelete', 'ExploreStart', 'ExploreEnd', 'Save', 'Convert', 'Forward',
    'BulkComplete', 'BulkSave', 'ForceStopJob', 'MigrateFolder', 'EditTaskMetadata', 'Archive', 'StartMigrateFolders',
    'ToggleUserFolderSubscription', 'StartUninstall', 'StartInstall', 'VideoAccess', 'AutomaticallyExploreEnd',
    'InstallState', 'FinishInstall', 'FinishUninstall']) THEN action ELSE 'Unknown' END
$$;

-- What was done, as a word of a sentence.
CREATE FUNCTION orchestrator.audit_verb(action text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE action
  WHEN 'Create' THEN 'created' WHEN 'Update' THEN 'changed' WHEN 'Delete' THEN 'deleted' WHEN 'StartJob' THEN 'started'
  WHEN 'StopJob' THEN 'stopped' WHEN 'ForceStopJob' THEN 'killed' WHEN 'ResumeJob' THEN 'resumed'
  WHEN 'Associate' THEN 'changed the folders of' WHEN 'Assign' THEN 'assigned to' WHEN 'Unassign' THEN 'unassigned from'
  WHEN 'Upload' THEN 'uploaded' WHEN 'BulkUpload' THEN 'uploaded' WHEN 'Download' THEN 'downloaded'
  WHEN 'ChangeStatus' THEN 'changed the status of' WHEN 'ChangePassword' THEN 'changed the password of'
  WHEN 'ResetPassword' THEN 'reset the password of' WHEN 'Toggle' THEN 'switched' WHEN 'Activate' THEN 'activated'
  WHEN 'Deactivate' THEN 'deactivated' WHEN 'Start' THEN 'started' WHEN 'End' THEN 'ended' WHEN 'Move' THEN 'moved'
  WHEN 'Import' THEN 'imported' WHEN 'Convert' THEN 'converted' WHEN 'ExploreStart' THEN 'began to explore'
  WHEN 'ExploreEnd' THEN 'ended to explore' WHEN 'Acknowledge' THEN 'acknowledged' WHEN 'Set' THEN 'set'
  WHEN 'Save' THEN 'saved' WHEN 'BulkSave' THEN 'saved' WHEN 'BulkComplete' THEN 'completed' WHEN 'Forward' THEN 'forwarded'
  WHEN 'Archive' THEN 'archived' WHEN 'EditTaskMetadata' THEN 'changed' ELSE 'changed' END
$$;

CREATE FUNCTION orchestrator.audit_noun(component text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
SELECT CASE orchestrator.audit_component(component)
  WHEN 'Processes' THEN 'process' WHEN 'Schedules' THEN 'trigger' WHEN 'Settings' THEN 'setting' WHEN 'License' THEN 'license'
  WHEN 'Libraries' THEN 'library' WHEN 'CredentialStores' THEN 'credential store' WHEN 'Monitoring' THEN 'monitoring'
  WHEN 'DefaultCredentialStores' THEN 'default credential store' WHEN 'TaskCatalogs' THEN 'task catalog'
  WHEN 'TaskDefinitions' THEN 'task definition' WHEN 'PersonalWorkspaces' THEN 'personal workspace'
  WHEN 'HttpTriggers' THEN 'API trigger' WHEN 'CredentialsProxies' THEN 'credentials proxy' WHEN 'TestSets' THEN 'test set'
  WHEN 'TestSetSchedules' THEN 'test set schedule' WHEN 'TestDataQueues' THEN 'test data queue'
  WHEN 'TestDataQueueItems' THEN 'test data queue item' WHEN 'Units' THEN 'folder' WHEN 'ExecutionMedia' THEN 'recording'
  WHEN 'DirectoryService' THEN 'directory' WHEN 'Unknown' THEN lower(regexp_replace(regexp_replace(component, 's$', ''), '([a-z])([A-Z])', '\1 \2', 'g'))
  ELSE lower(regexp_replace(component, 's$', '')) END
$$;

CREATE INDEX audit_of_component ON kernel.audit (tenant_id, orchestrator.audit_component(component), id DESC);
CREATE INDEX audit_of_user ON kernel.audit (tenant_id, user_id, id DESC) WHERE user_id IS NOT NULL;

-- The things that an entry is about: `entity_id` may name several. Numbered by their place.
CREATE VIEW orchestrator.audit_log_entities AS
SELECT a.tenant_id, a.id AS audit_log_id, a.executed_at, e.place::int AS place, a.component, a.action, a.entity_name, a.detail,
       CASE WHEN btrim(e.id) ~ '^\d{1,18}$' THEN btrim(e.id)::bigint END AS entity_id
  FROM kernel.audit a
 CROSS JOIN LATERAL unnest(string_to_array(coalesce(nullif(a.entity_id, ''), ' '), ',')) WITH ORDINALITY e(id, place)
 WHERE a.entity_id IS NOT NULL OR a.entity_name IS NOT NULL OR a.detail IS NOT NULL;

-- For retention, which takes the oldest rows of all tenants.
CREATE INDEX audit_by_time ON kernel.audit USING brin (executed_at) WITH (pages_per_range = 16);

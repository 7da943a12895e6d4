-- Everything that can be a member, or be named, in one shape. Who is deleted is not in it; clients that are no
-- application of an organization are not either. `user_type` is the number of the published UserType.
CREATE VIEW identity.principals AS
SELECT organization_id, id, 'user' AS kind,
       CASE type WHEN 'robot' THEN 1 WHEN 'directoryUser' THEN 2 ELSE 0 END AS user_type,
       user_name AS name, user_name_key AS name_key, email, email_key, first_name, last_name,
       coalesce(nullif(display_name, ''), nullif(concat_ws(' ', nullif(first_name, ''), nullif(last_name, '')), ''),
                user_name) AS display_name,
       attributes, external_id, is_active, created_at
  FROM identity.users WHERE deleted_at IS NULL
UNION ALL
SELECT organization_id, id, 'group', 3, name, name_key, NULL, NULL, NULL, NULL, name, NULL, external_id, true, created_at
  FROM identity.groups
UNION ALL
SELECT organization_id, id, 'robot', 4, name, name_key, NULL, NULL, NULL, NULL, display_name, NULL, NULL, true, created_at
  FROM identity.robot_accounts WHERE deleted_at IS NULL
UNION ALL
SELECT organization_id, id, 'application', 5, name, name_key, NULL, NULL, NULL, NULL, name, NULL, client_id, true,
       created_at
  FROM identity.clients WHERE kind = 'external';

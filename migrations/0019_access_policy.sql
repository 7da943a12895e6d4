-- Who may sign in to an organization. Without a row, everybody; the row of kind 'everyone' says so beside others. A row
-- of somebody who is gone stays: it lets nobody in, and the policy does not open when its last entity is deleted.
CREATE TABLE identity.access_policy (
    organization_id  uuid NOT NULL REFERENCES identity.organizations (id),
    entity_id        uuid NOT NULL,
    kind             text NOT NULL CHECK (kind IN ('user', 'group', 'everyone')),
    added_at         timestamptz NOT NULL,
    PRIMARY KEY (organization_id, entity_id)
);

-- The users that a policy with rows lets in, active or not.
CREATE VIEW identity.let_in AS
SELECT u.organization_id, u.id AS user_id
  FROM identity.users u
 WHERE u.deleted_at IS NULL AND EXISTS (
   SELECT FROM identity.access_policy p
    WHERE p.organization_id = u.organization_id
      AND (p.kind = 'everyone' OR p.entity_id = u.id OR p.entity_id IN (
        SELECT m.group_id FROM identity.group_members m
         WHERE m.organization_id = u.organization_id AND m.member_id = u.id)));

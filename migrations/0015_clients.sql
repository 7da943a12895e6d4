-- External applications have names of their own in an organization. The operator's bootstrap application is outside of
-- that: its name must not be in the way of anybody's, nor anybody's in the way of the first start.
CREATE UNIQUE INDEX clients_by_name ON identity.clients (organization_id, name_key)
    WHERE kind = 'external' AND NOT is_bootstrap;

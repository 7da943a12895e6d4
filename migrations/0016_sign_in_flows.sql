-- What the protocol endpoints need beyond 0011: how long a session may go unseen, which sign-in a page belongs to, and
-- the end of a single token or of everything that came of one grant.

-- `idle` null: only `expires_at` ends it. `flow`: SHA-256 of the address that the sign-in leads back to, until it did.
ALTER TABLE identity.sessions ADD COLUMN idle interval;
ALTER TABLE identity.sessions ADD COLUMN flow bytea;

-- The same of the page on which the user agreed last.
ALTER TABLE identity.consents ADD COLUMN flow bytea;

-- How the user proved himself, for the ID tokens of later renewals.
ALTER TABLE identity.refresh_families ADD COLUMN methods text[] NOT NULL DEFAULT '{pwd}';

CREATE INDEX families_of_session ON identity.refresh_families (organization_id, session_id)
    WHERE session_id IS NOT NULL;

-- 'grant': what came of one authorization, whose id the tokens carry (the family's, where there is one).
-- 'token': one access token, by its `jti`.
ALTER TABLE identity.revocations DROP CONSTRAINT revocations_kind_check;
ALTER TABLE identity.revocations ADD CONSTRAINT revocations_kind_check
    CHECK (kind IN ('subject', 'session', 'client', 'grant', 'token'));

-- `grant_id` says more than a family: it is there without offline_access too.
ALTER TABLE identity.authorization_codes RENAME COLUMN family_id TO grant_id;

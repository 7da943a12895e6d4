-- Who asked for a new password. A loop looks whether there is such a user: who asks waits for one insert in any case.
CREATE TABLE identity.reset_requests (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    organization_id  uuid NOT NULL,
    name_key         text COLLATE "C" NOT NULL,
    asked_at         timestamptz NOT NULL
);

-- 'agreement': what a client holds of one user, who has withdrawn it.
ALTER TABLE identity.revocations DROP CONSTRAINT revocations_kind_check;
ALTER TABLE identity.revocations ADD CONSTRAINT revocations_kind_check
    CHECK (kind IN ('subject', 'session', 'client', 'agreement', 'grant', 'token'));

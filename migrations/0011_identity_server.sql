-- The rest of the identity server: robot accounts, settings, templates, mails, sessions, grants, second factors.

-- Free attributes: names with texts. `external_id` is what a provisioning client calls the user.
ALTER TABLE identity.users ADD COLUMN attributes jsonb NOT NULL DEFAULT '{}';
ALTER TABLE identity.users ADD COLUMN external_id text;
ALTER TABLE identity.groups ADD COLUMN external_id text;

-- Lists of users are in the order of their creation unless they ask for another.
CREATE INDEX users_by_creation ON identity.users (organization_id, created_at) WHERE deleted_at IS NULL;

-- Passwords that a user had before the present one, newest last.
CREATE TABLE identity.password_history (
    organization_id  uuid NOT NULL,
    id               bigint GENERATED ALWAYS AS IDENTITY,
    user_id          uuid NOT NULL,
    password_hash    text NOT NULL,
    replaced_at      timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

CREATE INDEX password_history_of_user ON identity.password_history (organization_id, user_id, id DESC);

-- Where a user signed in from with success. Wrong passwords from such an address count on its own row, so that guesses
-- from elsewhere cannot shut the user out there.
CREATE TABLE identity.known_addresses (
    organization_id  uuid NOT NULL,
    user_id          uuid NOT NULL,
    address          text NOT NULL,
    failed_attempts  smallint NOT NULL DEFAULT 0,
    locked_until     timestamptz,
    last_seen_at     timestamptz NOT NULL,
    PRIMARY KEY (organization_id, user_id, address),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

-- Failures of one address against whomever, in the window that began at `window_from`.
CREATE UNLOGGED TABLE identity.address_budgets (
    address      text PRIMARY KEY,
    window_from  timestamptz NOT NULL,
    failures     int NOT NULL
);

CREATE INDEX attempts_by_time ON identity.login_attempts (created_at);

-- Principals that run unattended; folders and roles are the orchestrator's.
CREATE TABLE identity.robot_accounts (
    organization_id  uuid NOT NULL REFERENCES identity.organizations (id),
    id               uuid NOT NULL UNIQUE,
    name             text NOT NULL,
    name_key         text COLLATE "C" NOT NULL,
    display_name     text NOT NULL,
    last_login_at    timestamptz,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz,
    deleted_at       timestamptz,
    PRIMARY KEY (organization_id, id)
);

CREATE UNIQUE INDEX robot_accounts_by_name ON identity.robot_accounts (organization_id, name_key)
    WHERE deleted_at IS NULL;

-- The host's (organization zero) are defaults of the organizations; `user_id` zero: of the organization itself.
-- Secrets are in `sealed`, everything else in `value`.
CREATE TABLE identity.settings (
    organization_id  uuid NOT NULL REFERENCES identity.organizations (id),
    id               bigint GENERATED ALWAYS AS IDENTITY,
    user_id          uuid NOT NULL DEFAULT '00000000-0000-0000-0000-000000000000',
    key              text NOT NULL,
    key_key          text COLLATE "C" NOT NULL,
    value            text,
    sealed           bytea,
    updated_at       timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, user_id, key_key)
);

-- Texts of mails that an organization changed or added; without a row the built-in text holds.
CREATE TABLE identity.message_templates (
    organization_id  uuid NOT NULL REFERENCES identity.organizations (id),
    id               bigint GENERATED ALWAYS AS IDENTITY,
    name             text NOT NULL,
    name_key         text COLLATE "C" NOT NULL,
    value            text NOT NULL,
    is_built_in      boolean NOT NULL DEFAULT false,
    created_at       timestamptz NOT NULL,
    updated_at       timestamptz,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, name_key)
);

-- Mails on their way. The body holds links that let somebody in, so it is sealed, and dropped once it was sent.
CREATE TABLE identity.mails (
    organization_id  uuid NOT NULL,
    id               bigint GENERATED ALWAYS AS IDENTITY,
    template         text NOT NULL,
    recipient        text NOT NULL,
    subject          text NOT NULL,
    sealed           bytea,
    created_at       timestamptz NOT NULL,
    due_at           timestamptz,
    attempts         smallint NOT NULL DEFAULT 0,
    sent_at          timestamptz,
    last_error       text,
    PRIMARY KEY (organization_id, id)
);

CREATE INDEX mails_due ON identity.mails (due_at) WHERE due_at IS NOT NULL;

-- Sign-ins in a browser; `token_hash` is the SHA-256 of the cookie, which changes at each sign-in.
CREATE TABLE identity.sessions (
    organization_id   uuid NOT NULL,
    id                uuid NOT NULL UNIQUE,
    user_id           uuid NOT NULL,
    token_hash        bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    methods           text[] NOT NULL,
    authenticated_at  timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    last_seen_at      timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    ended_at          timestamptz,
    is_persistent     boolean NOT NULL DEFAULT false,
    address           text,
    browser           text,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

CREATE INDEX sessions_of_user ON identity.sessions (organization_id, user_id);
CREATE INDEX sessions_by_end ON identity.sessions (expires_at);

-- Between the redirect back to a client and its call of the token endpoint. One use; a second one revokes `family_id`
-- and the tokens of `token_ids`.
CREATE TABLE identity.authorization_codes (
    organization_id   uuid NOT NULL,
    code_hash         bytea NOT NULL CHECK (length(code_hash) = 32),
    client_id         text COLLATE "C" NOT NULL,
    redirect_uri      text NOT NULL,
    user_id           uuid NOT NULL,
    session_id        uuid NOT NULL,
    scopes            text[] NOT NULL,
    methods           text[] NOT NULL,
    nonce             text,
    code_challenge    text,
    authenticated_at  timestamptz NOT NULL,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL,
    used_at           timestamptz,
    family_id         uuid,
    PRIMARY KEY (organization_id, code_hash)
);

CREATE INDEX codes_by_end ON identity.authorization_codes (expires_at);

-- What a user agreed to give a client.
CREATE TABLE identity.consents (
    organization_id  uuid NOT NULL,
    user_id          uuid NOT NULL,
    client_id        text COLLATE "C" NOT NULL,
    scopes           text[] NOT NULL,
    granted_at       timestamptz NOT NULL,
    PRIMARY KEY (organization_id, user_id, client_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

-- Devices without a browser. Organization, user and session are filled when somebody approves.
CREATE TABLE identity.device_grants (
    device_hash       bytea PRIMARY KEY CHECK (length(device_hash) = 32),
    user_code_key     text COLLATE "C" NOT NULL UNIQUE,
    client_id         text COLLATE "C" NOT NULL,
    scopes            text[] NOT NULL,
    state             text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'approved', 'denied', 'used')),
    organization_id   uuid,
    user_id           uuid,
    session_id        uuid,
    methods           text[],
    authenticated_at  timestamptz,
    interval_s        smallint NOT NULL,
    polled_at         timestamptz,
    created_at        timestamptz NOT NULL,
    expires_at        timestamptz NOT NULL
);

CREATE INDEX device_grants_by_end ON identity.device_grants (expires_at);

-- Links of invitations, resets and confirmations: one use, 60 minutes unless the purpose has its own life.
CREATE TABLE identity.links (
    organization_id  uuid NOT NULL,
    token_hash       bytea NOT NULL CHECK (length(token_hash) = 32),
    purpose          text NOT NULL CHECK (purpose IN ('invitation', 'reset', 'confirmation')),
    user_id          uuid NOT NULL,
    redirect_url     text,
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    used_at          timestamptz,
    PRIMARY KEY (organization_id, token_hash),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

CREATE INDEX links_of_user ON identity.links (organization_id, user_id);

-- Second factors. `last_step`: the time step of the last accepted code, which is not accepted again.
CREATE TABLE identity.totp (
    organization_id  uuid NOT NULL,
    user_id          uuid NOT NULL,
    sealed           bytea NOT NULL,
    created_at       timestamptz NOT NULL,
    confirmed_at     timestamptz,
    last_step        bigint NOT NULL DEFAULT 0,
    PRIMARY KEY (organization_id, user_id),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

CREATE TABLE identity.passkeys (
    organization_id  uuid NOT NULL,
    id               uuid NOT NULL,
    user_id          uuid NOT NULL,
    credential_id    bytea NOT NULL UNIQUE,
    public_key       bytea NOT NULL,
    sign_count       bigint NOT NULL,
    name             text NOT NULL,
    transports       text[] NOT NULL DEFAULT '{}',
    created_at       timestamptz NOT NULL,
    last_used_at     timestamptz,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

CREATE INDEX passkeys_of_user ON identity.passkeys (organization_id, user_id);

CREATE TABLE identity.recovery_codes (
    organization_id  uuid NOT NULL,
    user_id          uuid NOT NULL,
    code_hash        bytea NOT NULL CHECK (length(code_hash) = 32),
    created_at       timestamptz NOT NULL,
    used_at          timestamptz,
    PRIMARY KEY (organization_id, user_id, code_hash),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

-- Personal access tokens, as SHA-256 of the opaque text.
CREATE TABLE identity.personal_tokens (
    organization_id  uuid NOT NULL,
    id               uuid NOT NULL,
    user_id          uuid NOT NULL,
    token_hash       bytea NOT NULL UNIQUE CHECK (length(token_hash) = 32),
    description      text NOT NULL,
    scopes           text[] NOT NULL,
    created_at       timestamptz NOT NULL,
    expires_at       timestamptz NOT NULL,
    last_used_at     timestamptz,
    revoked_at       timestamptz,
    PRIMARY KEY (organization_id, id),
    FOREIGN KEY (organization_id, user_id) REFERENCES identity.users (organization_id, id) ON DELETE CASCADE
);

CREATE INDEX personal_tokens_of_user ON identity.personal_tokens (organization_id, user_id);

ALTER TABLE identity.clients ADD COLUMN post_logout_uris text[] NOT NULL DEFAULT '{}';
ALTER TABLE identity.clients ADD COLUMN requires_consent boolean NOT NULL DEFAULT false;

-- Certificates for a SAML provider, at most two to an organization.
CREATE TABLE identity.saml_certificates (
    organization_id  uuid NOT NULL REFERENCES identity.organizations (id),
    id               bigint GENERATED ALWAYS AS IDENTITY,
    is_primary       boolean NOT NULL,
    certificate      text NOT NULL,
    thumbprint       text NOT NULL,
    created_at       timestamptz NOT NULL,
    PRIMARY KEY (organization_id, id),
    UNIQUE (organization_id, is_primary) DEFERRABLE INITIALLY DEFERRED
);

-- Calls of the identity server belong to an organization, not to a tenant.
ALTER TABLE kernel.audit ADD COLUMN organization_id uuid;
CREATE INDEX audit_of_organization ON kernel.audit (organization_id, executed_at DESC, id DESC)
    WHERE organization_id IS NOT NULL;

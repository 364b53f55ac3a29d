-- The whole schema of version 51: SQL Server came later than the engines whose files have the
-- versions before it, and later than what they corrected.
-- Text is compared code unit by code unit; what SQL Server does about spaces at the end is in
-- docs/databases.md. A key holds 1700 bytes at most, 900 if the table lies in its order.

-- Hosts, attempts, logs and the audit chain.
CREATE TABLE hosts (
    name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    spec NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    token_digest NVARCHAR(64) COLLATE Latin1_General_100_BIN2,
    state NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    attempt NVARCHAR(32) COLLATE Latin1_General_100_BIN2,
    tries BIGINT,
    due BIGINT,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    -- By what firmware from elsewhere may know a host; several may have the same.
    asset NVARCHAR(255) COLLATE Latin1_General_100_BIN2
);
-- For a constraint, two missing digests would be the same one.
CREATE UNIQUE INDEX hosts_token ON hosts (token_digest) WHERE token_digest IS NOT NULL;
CREATE INDEX hosts_due ON hosts (due);
CREATE INDEX hosts_asset ON hosts (asset);

-- By what a host without a token is known: kind is 'mac' or 'uuid'.
CREATE TABLE host_ids (
    kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    value NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    host NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL REFERENCES hosts (name),
    PRIMARY KEY (kind, value)
);
CREATE INDEX host_ids_host ON host_ids (host);

CREATE TABLE attempts (
    id NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    host NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL REFERENCES hosts (name),
    secret_digest NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL UNIQUE,
    profile NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    started BIGINT NOT NULL,
    due BIGINT NOT NULL,
    ended BIGINT,
    outcome NVARCHAR(32) COLLATE Latin1_General_100_BIN2
);
CREATE INDEX attempts_host ON attempts (host, started);

CREATE TABLE answers (
    attempt NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL REFERENCES attempts (id),
    name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    read_count BIGINT NOT NULL,
    PRIMARY KEY (attempt, name)
);

CREATE TABLE boots (
    id BIGINT IDENTITY(1, 1) NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    host NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    action NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    peer NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    facts NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL
);
CREATE INDEX boots_host ON boots (host, at);
CREATE INDEX boots_at ON boots (at);

CREATE TABLE discovered (
    id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    boots BIGINT NOT NULL,
    peer NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    facts NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL
);

-- Rows in which all of role to result are empty are hashed as if there were no such columns.
CREATE TABLE audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    host NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    event NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    was NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    became NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    detail NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    role NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    token NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    source NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    request NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reason NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    result NVARCHAR(32) COLLATE Latin1_General_100_BIN2 NOT NULL,
    previous NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    hash NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL
);
-- How many hosts somebody armed lately, and what a host went through.
CREATE INDEX audit_actor ON audit (actor, event, at);
CREATE INDEX audit_host ON audit (host, seq);
GO
CREATE TRIGGER audit_no_change ON audit AFTER UPDATE, DELETE AS
BEGIN
    THROW 50000, N'the audit log is append-only', 1;
END
GO
-- The last row of the chain; whoever appends locks it first.
CREATE TABLE audit_head (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, N'');

-- Armings that wait for another person, one for a host.
CREATE TABLE arm_requests (
    host NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY REFERENCES hosts (name),
    actor NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    at BIGINT NOT NULL,
    due BIGINT NOT NULL
);

-- Local accounts; one without a password is a program's.
CREATE TABLE users (
    name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    password NVARCHAR(255) COLLATE Latin1_General_100_BIN2,
    one_time BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    grants NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    digest NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL UNIQUE,
    owner NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL REFERENCES users (name),
    label NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    grants NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX api_tokens_owner ON api_tokens (owner);

-- Sign-ins at the console.
CREATE TABLE sessions (
    id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    digest NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL UNIQUE,
    owner NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL REFERENCES users (name),
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_owner ON sessions (owner);

-- Sign-ins that failed, or have not yet succeeded, by whom or from where.
CREATE TABLE sign_ins (
    subject NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    tries BIGINT NOT NULL,
    blocked BIGINT NOT NULL
);

-- Accounts that are a directory's: whose they are, and when it was asked last.
CREATE TABLE directory_people (
    owner NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY
    REFERENCES users (name),
    id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL UNIQUE,
    checked BIGINT NOT NULL
);

-- Second factors of local accounts: what their secrets follow from, and the last code's step.
CREATE TABLE second_factors (
    owner NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY
    REFERENCES users (name),
    number NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    confirmed BIGINT NOT NULL,
    step BIGINT NOT NULL
);

-- Views of the fleet that people keep. Their owners need no account here: a directory may have it.
CREATE TABLE views (
    owner NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    query NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    -- Too long for a key in whose order the table lies.
    PRIMARY KEY NONCLUSTERED (owner, name)
);

-- Answers to changes that their senders may repeat.
CREATE TABLE replies (
    id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    request NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT,
    body NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2
);

-- How far each webhook has been told of the audit log, and which replica is telling it.
CREATE TABLE webhooks (
    name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    delivered BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    lease NVARCHAR(64) COLLATE Latin1_General_100_BIN2,
    lease_until BIGINT NOT NULL
);

-- Who did it, in which role, by which token, from where, by which request, why, and how it ended. Rows in which
-- all of these are empty are hashed as before.
ALTER TABLE audit ADD COLUMN role TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN token TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN source TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN request TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN reason TEXT NOT NULL DEFAULT '';
ALTER TABLE audit ADD COLUMN result TEXT NOT NULL DEFAULT '';

-- Local accounts; one without a password is a program's.
CREATE TABLE users (
    name TEXT COLLATE "C" PRIMARY KEY,
    password TEXT,
    one_time BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    grants TEXT NOT NULL,
    created BIGINT NOT NULL
);

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL REFERENCES users (name),
    label TEXT NOT NULL,
    grants TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX api_tokens_owner ON api_tokens (owner);

-- Sign-ins that failed, or have not yet succeeded, by whom or from where.
CREATE TABLE sign_ins (
    subject TEXT PRIMARY KEY,
    tries BIGINT NOT NULL,
    blocked BIGINT NOT NULL
);

-- Answers to changes that their senders may repeat.
CREATE TABLE replies (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT,
    body TEXT
);

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
    name TEXT PRIMARY KEY,
    password TEXT,
    one_time INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    grants TEXT NOT NULL,
    created INTEGER NOT NULL
) STRICT;

CREATE TABLE api_tokens (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL REFERENCES users (name),
    label TEXT NOT NULL,
    grants TEXT NOT NULL,
    created INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX api_tokens_owner ON api_tokens (owner);

-- Sign-ins that failed, or have not yet succeeded, by whom or from where.
CREATE TABLE sign_ins (
    subject TEXT PRIMARY KEY,
    tries INTEGER NOT NULL,
    blocked INTEGER NOT NULL
) STRICT;

-- Answers to changes that their senders may repeat.
CREATE TABLE replies (
    id TEXT PRIMARY KEY,
    request TEXT NOT NULL,
    at INTEGER NOT NULL,
    status INTEGER,
    body TEXT
) STRICT;

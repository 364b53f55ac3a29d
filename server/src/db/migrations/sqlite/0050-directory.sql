-- Accounts that are a directory's: whose they are, and when it was asked last.
CREATE TABLE directory_people (
    owner TEXT PRIMARY KEY REFERENCES users (name),
    id TEXT NOT NULL UNIQUE,
    checked INTEGER NOT NULL
) STRICT;

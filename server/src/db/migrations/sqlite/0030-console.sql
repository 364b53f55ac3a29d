-- Sign-ins at the console.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL REFERENCES users (name),
    created INTEGER NOT NULL,
    seen INTEGER NOT NULL,
    expires INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_owner ON sessions (owner);

-- What a host went through.
CREATE INDEX audit_host ON audit (host, seq);

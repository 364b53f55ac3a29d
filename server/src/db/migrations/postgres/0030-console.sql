-- Sign-ins at the console.
CREATE TABLE sessions (
    id TEXT PRIMARY KEY,
    digest TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL REFERENCES users (name),
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_owner ON sessions (owner);

-- What a host went through.
CREATE INDEX audit_host ON audit (host, seq);

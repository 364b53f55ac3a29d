-- Hosts, attempts, logs and the audit chain.
CREATE TABLE hosts (
    name TEXT PRIMARY KEY,
    spec TEXT NOT NULL,
    token_digest TEXT UNIQUE,
    state TEXT NOT NULL,
    attempt TEXT,
    tries INTEGER,
    due INTEGER,
    generation INTEGER NOT NULL,
    created INTEGER NOT NULL,
    changed INTEGER NOT NULL
) STRICT;
CREATE INDEX hosts_due ON hosts (due);

-- By what a host without a token is known: kind is 'mac' or 'uuid'.
CREATE TABLE host_ids (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    host TEXT NOT NULL REFERENCES hosts (name),
    PRIMARY KEY (kind, value)
) STRICT;
CREATE INDEX host_ids_host ON host_ids (host);

CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL REFERENCES hosts (name),
    secret_digest TEXT NOT NULL UNIQUE,
    profile TEXT NOT NULL,
    started INTEGER NOT NULL,
    due INTEGER NOT NULL,
    ended INTEGER,
    outcome TEXT
) STRICT;
CREATE INDEX attempts_host ON attempts (host, started);

CREATE TABLE answers (
    attempt TEXT NOT NULL REFERENCES attempts (id),
    name TEXT NOT NULL,
    reads INTEGER NOT NULL,
    PRIMARY KEY (attempt, name)
) STRICT;

CREATE TABLE boots (
    id INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    host TEXT NOT NULL,
    action TEXT NOT NULL,
    peer TEXT NOT NULL,
    facts TEXT NOT NULL
) STRICT;
CREATE INDEX boots_host ON boots (host, at);
CREATE INDEX boots_at ON boots (at);

CREATE TABLE discovered (
    id TEXT PRIMARY KEY,
    first_seen INTEGER NOT NULL,
    last_seen INTEGER NOT NULL,
    boots INTEGER NOT NULL,
    peer TEXT NOT NULL,
    facts TEXT NOT NULL
) STRICT;

CREATE TABLE audit (
    seq INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    actor TEXT NOT NULL,
    host TEXT NOT NULL,
    event TEXT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
) STRICT;
CREATE TRIGGER audit_no_update BEFORE UPDATE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

-- The last row of the chain; whoever appends locks it first.
CREATE TABLE audit_head (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

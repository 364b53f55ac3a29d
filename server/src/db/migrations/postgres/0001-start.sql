-- Hosts, attempts, logs and the audit chain.
CREATE TABLE hosts (
    name TEXT COLLATE "C" PRIMARY KEY,
    spec TEXT NOT NULL,
    token_digest TEXT UNIQUE,
    state TEXT NOT NULL,
    attempt TEXT,
    tries BIGINT,
    due BIGINT,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL
);
CREATE INDEX hosts_due ON hosts (due);

-- By what a host without a token is known: kind is 'mac' or 'uuid'.
CREATE TABLE host_ids (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    host TEXT NOT NULL REFERENCES hosts (name),
    PRIMARY KEY (kind, value)
);
CREATE INDEX host_ids_host ON host_ids (host);

CREATE TABLE attempts (
    id TEXT PRIMARY KEY,
    host TEXT NOT NULL REFERENCES hosts (name),
    secret_digest TEXT NOT NULL UNIQUE,
    profile TEXT NOT NULL,
    started BIGINT NOT NULL,
    due BIGINT NOT NULL,
    ended BIGINT,
    outcome TEXT
);
CREATE INDEX attempts_host ON attempts (host, started);

CREATE TABLE answers (
    attempt TEXT NOT NULL REFERENCES attempts (id),
    name TEXT NOT NULL,
    reads BIGINT NOT NULL,
    PRIMARY KEY (attempt, name)
);

CREATE TABLE boots (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at BIGINT NOT NULL,
    host TEXT NOT NULL,
    action TEXT NOT NULL,
    peer TEXT NOT NULL,
    facts TEXT NOT NULL
);
CREATE INDEX boots_host ON boots (host, at);
CREATE INDEX boots_at ON boots (at);

CREATE TABLE discovered (
    id TEXT PRIMARY KEY,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    boots BIGINT NOT NULL,
    peer TEXT NOT NULL,
    facts TEXT NOT NULL
);

CREATE TABLE audit (
    seq BIGINT PRIMARY KEY,
    at BIGINT NOT NULL,
    actor TEXT NOT NULL,
    host TEXT NOT NULL,
    event TEXT NOT NULL,
    was TEXT NOT NULL,
    became TEXT NOT NULL,
    detail TEXT NOT NULL,
    previous TEXT NOT NULL,
    hash TEXT NOT NULL
);
CREATE FUNCTION audit_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the audit log is append-only';
END
$$;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();

-- The last row of the chain; whoever appends locks it first.
CREATE TABLE audit_head (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_head (id, seq, hash) VALUES (1, 0, '');

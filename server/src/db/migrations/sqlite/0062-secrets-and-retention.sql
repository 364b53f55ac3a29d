-- Values that answer files may hold, sealed. A place is '' (everywhere), 'site:NAME' or
-- 'host:NAME'.
CREATE TABLE secrets (
    place TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    changed INTEGER NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (place, name)
) STRICT;

-- The last row of the audit chain that was moved to an archive: the first one follows it.
CREATE TABLE audit_start (
    id INTEGER PRIMARY KEY CHECK (id = 1),
    seq INTEGER NOT NULL,
    hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_start (id, seq, hash) VALUES (1, 0, '');

DROP TRIGGER audit_no_delete;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
WHEN OLD.seq > (SELECT seq FROM audit_start WHERE id = 1)
BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;

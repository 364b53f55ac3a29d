-- Values that answer files may hold, sealed. A place is '' (everywhere), 'site:NAME' or
-- 'host:NAME'.
CREATE TABLE secrets (
    place TEXT NOT NULL,
    name TEXT NOT NULL,
    sealed TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by TEXT NOT NULL,
    PRIMARY KEY (place, name)
);

-- The last row of the audit chain that was moved to an archive: the first one follows it.
CREATE TABLE audit_start (
    id BIGINT PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash TEXT NOT NULL
);
INSERT INTO audit_start (id, seq, hash) VALUES (1, 0, '');

DROP TRIGGER audit_no_change ON audit;
CREATE TRIGGER audit_no_change BEFORE UPDATE OR TRUNCATE ON audit
FOR EACH STATEMENT EXECUTE FUNCTION audit_is_append_only();
CREATE FUNCTION audit_ends_in_an_archive() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.seq > (SELECT seq FROM audit_start WHERE id = 1) THEN
        RAISE EXCEPTION 'the audit log is append-only';
    END IF;
    RETURN OLD;
END
$$;
CREATE TRIGGER audit_no_delete BEFORE DELETE ON audit
FOR EACH ROW EXECUTE FUNCTION audit_ends_in_an_archive();

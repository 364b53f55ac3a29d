-- Values that answer files may hold, sealed. A place is '' (everywhere), 'site:NAME' or
-- 'host:NAME'.
CREATE TABLE IF NOT EXISTS secrets (
    place VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    sealed TEXT NOT NULL,
    changed BIGINT NOT NULL,
    changed_by VARCHAR(255) NOT NULL,
    PRIMARY KEY (place, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The last row of the audit chain that was moved to an archive: the first one follows it.
CREATE TABLE IF NOT EXISTS audit_start (
    id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash VARCHAR(64) NOT NULL,
    CHECK (id = 1)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT IGNORE INTO audit_start (id, seq, hash) VALUES (1, 0, '');

DROP TRIGGER IF EXISTS audit_no_delete;
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit FOR EACH ROW
IF OLD.seq > (SELECT seq FROM audit_start WHERE id = 1) THEN
    SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is append-only';
END IF;

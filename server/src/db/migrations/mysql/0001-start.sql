-- Hosts, attempts, logs and the audit chain.
-- Each statement commits by itself here, so a migration must be able to run again after it broke
-- off in the middle: IF NOT EXISTS everywhere, indexes inside their tables.
CREATE TABLE IF NOT EXISTS hosts (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    spec LONGTEXT NOT NULL,
    token_digest VARCHAR(64),
    state VARCHAR(32) NOT NULL,
    attempt VARCHAR(32),
    tries BIGINT,
    due BIGINT,
    generation BIGINT NOT NULL,
    created BIGINT NOT NULL,
    changed BIGINT NOT NULL,
    UNIQUE KEY hosts_token (token_digest),
    KEY hosts_due (due)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- By what a host without a token is known: kind is 'mac' or 'uuid'.
CREATE TABLE IF NOT EXISTS host_ids (
    kind VARCHAR(16) NOT NULL,
    value VARCHAR(64) NOT NULL,
    host VARCHAR(255) NOT NULL,
    PRIMARY KEY (kind, value),
    KEY host_ids_host (host),
    FOREIGN KEY (host) REFERENCES hosts (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS attempts (
    id VARCHAR(32) NOT NULL PRIMARY KEY,
    host VARCHAR(255) NOT NULL,
    secret_digest VARCHAR(64) NOT NULL,
    profile VARCHAR(255) NOT NULL,
    started BIGINT NOT NULL,
    due BIGINT NOT NULL,
    ended BIGINT,
    outcome VARCHAR(32),
    UNIQUE KEY attempts_secret (secret_digest),
    KEY attempts_host (host, started),
    FOREIGN KEY (host) REFERENCES hosts (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS answers (
    attempt VARCHAR(32) NOT NULL,
    name VARCHAR(255) NOT NULL,
    read_count BIGINT NOT NULL,
    PRIMARY KEY (attempt, name),
    FOREIGN KEY (attempt) REFERENCES attempts (id)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS boots (
    id BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at BIGINT NOT NULL,
    host VARCHAR(255) NOT NULL,
    action VARCHAR(64) NOT NULL,
    peer VARCHAR(64) NOT NULL,
    facts TEXT NOT NULL,
    KEY boots_host (host, at),
    KEY boots_at (at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS discovered (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    first_seen BIGINT NOT NULL,
    last_seen BIGINT NOT NULL,
    boots BIGINT NOT NULL,
    peer VARCHAR(64) NOT NULL,
    facts TEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS audit (
    seq BIGINT NOT NULL PRIMARY KEY,
    at BIGINT NOT NULL,
    actor VARCHAR(255) NOT NULL,
    host VARCHAR(255) NOT NULL,
    event VARCHAR(64) NOT NULL,
    was VARCHAR(32) NOT NULL,
    became VARCHAR(32) NOT NULL,
    detail TEXT NOT NULL,
    role VARCHAR(64) NOT NULL,
    token VARCHAR(64) NOT NULL,
    source VARCHAR(64) NOT NULL,
    request VARCHAR(255) NOT NULL,
    reason TEXT NOT NULL,
    result VARCHAR(32) NOT NULL,
    previous VARCHAR(64) NOT NULL,
    hash VARCHAR(64) NOT NULL,
    KEY audit_actor (actor, event, at)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
CREATE TRIGGER IF NOT EXISTS audit_no_update BEFORE UPDATE ON audit FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is append-only';
CREATE TRIGGER IF NOT EXISTS audit_no_delete BEFORE DELETE ON audit FOR EACH ROW
SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'the audit log is append-only';

-- The last row of the chain; whoever appends locks it first.
CREATE TABLE IF NOT EXISTS audit_head (
    id BIGINT NOT NULL PRIMARY KEY,
    seq BIGINT NOT NULL,
    hash VARCHAR(64) NOT NULL,
    CHECK (id = 1)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
INSERT IGNORE INTO audit_head (id, seq, hash) VALUES (1, 0, '');

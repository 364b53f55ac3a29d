-- Sign-ins at the console.
CREATE TABLE IF NOT EXISTS sessions (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    digest VARCHAR(64) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    created BIGINT NOT NULL,
    seen BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    UNIQUE KEY sessions_digest (digest),
    KEY sessions_owner (owner),
    FOREIGN KEY (owner) REFERENCES users (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- What a host went through.
CREATE INDEX /*M! IF NOT EXISTS */ audit_host ON audit (host, seq);

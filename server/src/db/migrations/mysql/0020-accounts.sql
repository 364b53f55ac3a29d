-- The audit log has its columns for requests from the start here: they cannot be added in a way
-- that may run again.

-- Local accounts; one without a password is a program's.
CREATE TABLE IF NOT EXISTS users (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    password VARCHAR(255),
    one_time BIGINT NOT NULL,
    disabled BIGINT NOT NULL,
    grants TEXT NOT NULL,
    created BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS api_tokens (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    digest VARCHAR(64) NOT NULL,
    owner VARCHAR(255) NOT NULL,
    label TEXT NOT NULL,
    grants TEXT NOT NULL,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL,
    UNIQUE KEY api_tokens_digest (digest),
    KEY api_tokens_owner (owner),
    FOREIGN KEY (owner) REFERENCES users (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Sign-ins that failed, or have not yet succeeded, by whom or from where.
CREATE TABLE IF NOT EXISTS sign_ins (
    subject VARCHAR(255) NOT NULL PRIMARY KEY,
    tries BIGINT NOT NULL,
    blocked BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Answers to changes that their senders may repeat.
CREATE TABLE IF NOT EXISTS replies (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    request VARCHAR(64) NOT NULL,
    at BIGINT NOT NULL,
    status BIGINT,
    body LONGTEXT
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Accounts that are a directory's: whose they are, and when it was asked last.
CREATE TABLE IF NOT EXISTS directory_people (
    owner VARCHAR(255) NOT NULL PRIMARY KEY,
    id VARCHAR(64) NOT NULL,
    checked BIGINT NOT NULL,
    UNIQUE KEY directory_people_id (id),
    FOREIGN KEY (owner) REFERENCES users (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

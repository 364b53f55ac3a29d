-- Armings that wait for another person, one for a host.
CREATE TABLE IF NOT EXISTS arm_requests (
    host VARCHAR(255) NOT NULL PRIMARY KEY,
    actor VARCHAR(255) NOT NULL,
    at BIGINT NOT NULL,
    due BIGINT NOT NULL,
    FOREIGN KEY (host) REFERENCES hosts (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

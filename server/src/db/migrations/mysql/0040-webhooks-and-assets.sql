-- How far each webhook has been told of the audit log, and which replica is telling it.
CREATE TABLE IF NOT EXISTS webhooks (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    delivered BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    lease VARCHAR(64),
    lease_until BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

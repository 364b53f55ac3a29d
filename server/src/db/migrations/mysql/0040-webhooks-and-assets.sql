-- How far each webhook has been told of the audit log, and which replica is telling it.
CREATE TABLE IF NOT EXISTS webhooks (
    name VARCHAR(255) NOT NULL PRIMARY KEY,
    delivered BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    lease VARCHAR(64),
    lease_until BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- By what firmware from elsewhere may know a host; several may have the same.
ALTER TABLE hosts ADD COLUMN /*M! IF NOT EXISTS */ asset VARCHAR(255);
CREATE INDEX /*M! IF NOT EXISTS */ hosts_asset ON hosts (asset);
UPDATE hosts SET asset = JSON_UNQUOTE(JSON_EXTRACT(spec, '$.asset'));

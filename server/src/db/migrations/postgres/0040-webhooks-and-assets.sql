-- How far each webhook has been told of the audit log, and which replica is telling it.
CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    delivered BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    lease TEXT,
    lease_until BIGINT NOT NULL
);

-- By what firmware from elsewhere may know a host; several may have the same.
ALTER TABLE hosts ADD COLUMN asset TEXT;
CREATE INDEX hosts_asset ON hosts (asset);
UPDATE hosts SET asset = spec::json ->> 'asset';

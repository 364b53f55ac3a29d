-- How far each webhook has been told of the audit log, and which replica is telling it.
CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    delivered INTEGER NOT NULL,
    failures INTEGER NOT NULL,
    next_try INTEGER NOT NULL,
    lease TEXT,
    lease_until INTEGER NOT NULL
) STRICT;

-- By what firmware from elsewhere may know a host; several may have the same.
ALTER TABLE hosts ADD COLUMN asset TEXT;
CREATE INDEX hosts_asset ON hosts (asset);
UPDATE hosts SET asset = json_extract(spec, '$.asset');

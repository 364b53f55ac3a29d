-- How far each webhook has been told of the audit log, and which replica is telling it.
CREATE TABLE webhooks (
    name TEXT PRIMARY KEY,
    delivered BIGINT NOT NULL,
    failures BIGINT NOT NULL,
    next_try BIGINT NOT NULL,
    lease TEXT,
    lease_until BIGINT NOT NULL
);

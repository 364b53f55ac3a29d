-- Armings that wait for another person, one for a host.
CREATE TABLE arm_requests (
    host TEXT PRIMARY KEY REFERENCES hosts (name),
    actor TEXT NOT NULL,
    at BIGINT NOT NULL,
    due BIGINT NOT NULL
);

-- How many hosts somebody armed lately.
CREATE INDEX audit_actor ON audit (actor, event, at);

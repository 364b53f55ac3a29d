-- What hosts were known by that were not new when they went or changed: name, token (its digest),
-- mac, uuid, asset. Who comes by one of these is not new either.
CREATE TABLE former_ids (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    PRIMARY KEY (kind, value)
);

-- What hosts were known by that were not new when they went or changed: name, token (its digest),
-- mac, uuid, asset. Who comes by one of these is not new either.
CREATE TABLE former_ids (
    kind NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL,
    value NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    PRIMARY KEY NONCLUSTERED (kind, value)
);

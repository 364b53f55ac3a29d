-- What hosts were known by that were not new when they went or changed: name, token (its digest),
-- mac, uuid, asset. Who comes by one of these is not new either.
CREATE TABLE IF NOT EXISTS former_ids (
    kind VARCHAR(16) NOT NULL,
    value VARCHAR(255) NOT NULL,
    PRIMARY KEY (kind, value)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Who vouches for an account: a directory, or an OpenID provider. Of the latter's, what it is asked
-- with later (encrypted), and who is asking.
ALTER TABLE directory_people ADD COLUMN /*M! IF NOT EXISTS */ source VARCHAR(16) NOT NULL DEFAULT 'directory';
ALTER TABLE directory_people ADD COLUMN /*M! IF NOT EXISTS */ refresh TEXT;
ALTER TABLE directory_people ADD COLUMN /*M! IF NOT EXISTS */ claimed BIGINT NOT NULL DEFAULT 0;

-- Sign-ins that began here and go on at an OpenID provider.
CREATE TABLE IF NOT EXISTS sign_in_flows (
    id VARCHAR(64) NOT NULL PRIMARY KEY,
    next VARCHAR(1000) NOT NULL,
    earlier VARCHAR(64),
    expires BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- OS profiles that were published, each version once and for good; files is empty for a version
-- that goes back to the folder's. An attempt goes on with the version that it began with; 0 is
-- the folder's.
CREATE TABLE IF NOT EXISTS profile_versions (
    profile VARCHAR(255) NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    author VARCHAR(255) NOT NULL,
    reason TEXT NOT NULL,
    origin VARCHAR(255) NOT NULL,
    digest VARCHAR(255) NOT NULL,
    files LONGTEXT NOT NULL,
    PRIMARY KEY (profile, version)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;
ALTER TABLE attempts ADD COLUMN /*M! IF NOT EXISTS */ profile_version BIGINT NOT NULL DEFAULT 0;

-- OS profiles that were published, each version once and for good; files is empty for a version
-- that goes back to the folder's. An attempt goes on with the version that it began with; 0 is
-- the folder's.
CREATE TABLE profile_versions (
    profile NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    version BIGINT NOT NULL,
    at BIGINT NOT NULL,
    author NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    reason NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    origin NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    digest NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    files NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    PRIMARY KEY (profile, version)
);
ALTER TABLE attempts ADD profile_version BIGINT NOT NULL DEFAULT 0;

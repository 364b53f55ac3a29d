-- OS profiles that were published, each version once and for good; files is empty for a version
-- that goes back to the folder's. An attempt goes on with the version that it began with; 0 is
-- the folder's.
CREATE TABLE profile_versions (
    profile TEXT NOT NULL,
    version INTEGER NOT NULL,
    at INTEGER NOT NULL,
    author TEXT NOT NULL,
    reason TEXT NOT NULL,
    origin TEXT NOT NULL,
    digest TEXT NOT NULL,
    files TEXT NOT NULL,
    PRIMARY KEY (profile, version)
) STRICT;
ALTER TABLE attempts ADD COLUMN profile_version INTEGER NOT NULL DEFAULT 0;

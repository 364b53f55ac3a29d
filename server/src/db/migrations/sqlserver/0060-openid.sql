-- Who vouches for an account: a directory, or an OpenID provider. Of the latter's, what it is asked
-- with later (encrypted), and who is asking.
ALTER TABLE directory_people ADD source NVARCHAR(16) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT 'directory';
ALTER TABLE directory_people ADD refresh NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2;
ALTER TABLE directory_people ADD claimed BIGINT NOT NULL DEFAULT 0;

-- Sign-ins that began here and go on at an OpenID provider.
CREATE TABLE sign_in_flows (
    id NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL PRIMARY KEY,
    next NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    earlier NVARCHAR(64) COLLATE Latin1_General_100_BIN2,
    expires BIGINT NOT NULL
);

-- Who vouches for an account: a directory, or an OpenID provider. Of the latter's, what it is asked
-- with later (encrypted), and who is asking.
ALTER TABLE directory_people ADD COLUMN source TEXT NOT NULL DEFAULT 'directory';
ALTER TABLE directory_people ADD COLUMN refresh TEXT;
ALTER TABLE directory_people ADD COLUMN claimed INTEGER NOT NULL DEFAULT 0;

-- Sign-ins that began here and go on at an OpenID provider.
CREATE TABLE sign_in_flows (
    id TEXT PRIMARY KEY,
    next TEXT NOT NULL,
    earlier TEXT,
    expires INTEGER NOT NULL
) STRICT;

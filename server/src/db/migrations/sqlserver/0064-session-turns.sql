-- The key of a session changes while it is used. Of each key, digests: the one that counts and since
-- when, the one that is to follow and when it was offered, and the one before. Sessions from before
-- have keys of another kind: their owners sign in again.
DELETE FROM sessions;
ALTER TABLE sessions ADD turn NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL DEFAULT '';
ALTER TABLE sessions ADD turned BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD coming NVARCHAR(64) COLLATE Latin1_General_100_BIN2;
ALTER TABLE sessions ADD offered BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD former NVARCHAR(64) COLLATE Latin1_General_100_BIN2;

-- The key of a session changes while it is used. Of each key, digests: the one that counts and since
-- when, the one that is to follow and when it was offered, and the one before. Sessions from before
-- have keys of another kind: their owners sign in again.
DELETE FROM sessions;
ALTER TABLE sessions ADD COLUMN turn TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN turned INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN coming TEXT;
ALTER TABLE sessions ADD COLUMN offered INTEGER NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN former TEXT;

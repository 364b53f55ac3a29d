-- The token of a host, sealed, where it came with a feed: an image on demand holds it.
ALTER TABLE hosts ADD COLUMN token_sealed TEXT;

-- The token of a host, sealed, where it came with a feed: an image on demand holds it.
ALTER TABLE hosts ADD token_sealed NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NULL;

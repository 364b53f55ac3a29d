-- Values that answer files may hold, sealed. A place is '' (everywhere), 'site:NAME' or
-- 'host:NAME'.
CREATE TABLE secrets (
    place NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    name NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    sealed NVARCHAR(MAX) COLLATE Latin1_General_100_BIN2 NOT NULL,
    changed BIGINT NOT NULL,
    changed_by NVARCHAR(255) COLLATE Latin1_General_100_BIN2 NOT NULL,
    PRIMARY KEY NONCLUSTERED (place, name)
);

-- The last row of the audit chain that was moved to an archive: the first one follows it.
CREATE TABLE audit_start (
    id BIGINT NOT NULL PRIMARY KEY CHECK (id = 1),
    seq BIGINT NOT NULL,
    hash NVARCHAR(64) COLLATE Latin1_General_100_BIN2 NOT NULL
);
INSERT INTO audit_start (id, seq, hash) VALUES (1, 0, '');
DROP TRIGGER audit_no_change;
GO
CREATE TRIGGER audit_no_change ON audit AFTER UPDATE, DELETE AS
BEGIN
    IF EXISTS (SELECT 1 FROM inserted)
        OR EXISTS (SELECT 1 FROM deleted
            WHERE seq > (SELECT seq FROM audit_start WHERE id = 1))
    BEGIN
        THROW 50000, N'the audit log is append-only', 1;
    END
END

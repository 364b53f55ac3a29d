-- Views of the fleet that people keep. Their owners need no account here: a directory may have it.
CREATE TABLE IF NOT EXISTS views (
    owner VARCHAR(255) NOT NULL,
    name VARCHAR(255) NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (owner, name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

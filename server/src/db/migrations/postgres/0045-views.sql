-- Views of the fleet that people keep. Their owners need no account here: a directory may have it.
CREATE TABLE views (
    owner TEXT NOT NULL,
    name TEXT NOT NULL,
    query TEXT NOT NULL,
    PRIMARY KEY (owner, name)
);

-- Second factors of local accounts: what their secrets follow from, and the last code's step.
CREATE TABLE IF NOT EXISTS second_factors (
    owner VARCHAR(255) NOT NULL PRIMARY KEY,
    number VARCHAR(64) NOT NULL,
    confirmed BIGINT NOT NULL,
    step BIGINT NOT NULL,
    FOREIGN KEY (owner) REFERENCES users (name)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

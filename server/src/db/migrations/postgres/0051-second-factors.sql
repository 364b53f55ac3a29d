-- Second factors of local accounts: what their secrets follow from, and the last code's step.
CREATE TABLE second_factors (
    owner TEXT PRIMARY KEY REFERENCES users (name),
    number TEXT NOT NULL,
    confirmed BIGINT NOT NULL,
    step BIGINT NOT NULL
);

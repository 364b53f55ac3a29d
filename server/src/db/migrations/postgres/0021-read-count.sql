-- "reads" is a reserved word of MySQL.
ALTER TABLE answers RENAME COLUMN reads TO read_count;

-- How often configs, keys or prices were written: instances read them anew when it has changed. One row.
CREATE TABLE revision (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
) STRICT;

INSERT INTO revision (id, number) VALUES (1, 0);

-- How often configs, keys or prices were written: instances read them anew when it has changed. One row.
CREATE TABLE IF NOT EXISTS revision (
    id     TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT INTO revision (id, number) VALUES (1, 0) ON DUPLICATE KEY UPDATE number = number;

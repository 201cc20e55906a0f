-- Instances that live, as long as they say so.
CREATE TABLE IF NOT EXISTS instances (
    id      VARCHAR(64) NOT NULL PRIMARY KEY,
    about   TEXT NOT NULL,   -- what it tells of itself: JSON
    ends_at BIGINT NOT NULL  -- milliseconds by the server's clock, as below
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Which of them leads, if it still does. One row.
CREATE TABLE IF NOT EXISTS leadership (
    id       TINYINT NOT NULL PRIMARY KEY CHECK (id = 1),
    term     BIGINT NOT NULL, -- grows with every change of the leader
    instance VARCHAR(64) NOT NULL,
    ends_at  BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT INTO leadership (id, term, instance, ends_at) VALUES (1, 0, '', 0) ON DUPLICATE KEY UPDATE term = term;

-- Answers that were no success, to try rules on: of each service the newest with a status and a rule.
CREATE TABLE error_samples (
    id        INTEGER PRIMARY KEY,
    config_id INTEGER NOT NULL,
    status    INTEGER NOT NULL,
    rule      TEXT NOT NULL,
    outcome   TEXT NOT NULL,    -- what the rule said, by its name
    seen_at   INTEGER NOT NULL, -- milliseconds since 1970 in UTC
    headers   TEXT NOT NULL,    -- JSON: names and values, in pairs
    body      TEXT NOT NULL,    -- its beginning, without the key
    UNIQUE (config_id, status, rule)
) STRICT;

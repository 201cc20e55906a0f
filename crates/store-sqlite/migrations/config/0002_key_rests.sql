-- Keys that rest, so that they go on resting after a restart.
CREATE TABLE key_rests (
    key_id  INTEGER NOT NULL REFERENCES api_keys (id) ON DELETE CASCADE,
    model   TEXT NOT NULL, -- for requests of this model only; empty for all
    ailment TEXT NOT NULL,
    reason  TEXT NOT NULL,
    since   INTEGER NOT NULL,
    until   INTEGER NOT NULL,
    strikes INTEGER NOT NULL,
    PRIMARY KEY (key_id, model)
) STRICT, WITHOUT ROWID;

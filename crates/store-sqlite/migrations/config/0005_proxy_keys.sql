-- Keys that clients show to us, by their digests: none of them can be shown again.
CREATE TABLE proxy_keys (
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    digest       BLOB NOT NULL UNIQUE, -- SHA-256
    masked       TEXT NOT NULL,        -- enough to recognise it by
    terms        TEXT NOT NULL,        -- JSON: what it lets its holder do
    vouched      BLOB,                 -- keyed digest of all that; without a right one it opens nothing
    last_used_at INTEGER,
    created_at   INTEGER NOT NULL
) STRICT;
-- Smaller numbers are those of the keys that an operator sets.
INSERT INTO sqlite_sequence (name, seq) VALUES ('proxy_keys', 1000);

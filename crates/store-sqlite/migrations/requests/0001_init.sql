-- One row per proxied request, in the order in which they ended. No index beside the row id: appending is on
-- every request's bill, reading is rare.
CREATE TABLE requests (
    id            INTEGER PRIMARY KEY,
    request_id    TEXT NOT NULL,
    started_at    INTEGER NOT NULL, -- milliseconds since 1970 in UTC
    config_id     INTEGER,
    key_id        INTEGER,
    proxy_key     INTEGER,
    method        TEXT NOT NULL,
    path          TEXT NOT NULL,
    status        INTEGER NOT NULL,
    outcome       INTEGER NOT NULL, -- 0 completed, 1 refused, 2 upstream failed, 3 upstream cut, 4 client gone
    attempts      INTEGER NOT NULL,
    duration_us   INTEGER NOT NULL,
    first_byte_us INTEGER,
    bytes_in      INTEGER NOT NULL,
    bytes_out     INTEGER NOT NULL,
    client        BLOB NOT NULL     -- 4 or 16 bytes
) STRICT;

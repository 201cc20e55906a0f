-- What an operator has set up. Times are milliseconds since 1970 in UTC; an id is never used twice.

-- One value per name, such as the wrapped data key.
CREATE TABLE settings (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE proxy_configs (
    id               INTEGER PRIMARY KEY AUTOINCREMENT,
    name             TEXT NOT NULL,
    slug             TEXT NOT NULL UNIQUE,
    config_type      TEXT NOT NULL,
    is_active        INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    api_key_location TEXT,
    api_key_name     TEXT,
    api_key_template TEXT,
    method           TEXT,
    target_url       TEXT,
    target_base_url  TEXT,
    api_format       TEXT,
    output_format    TEXT,
    strategy         TEXT,
    options          TEXT NOT NULL, -- JSON: every field that has a default
    vouched          BLOB,          -- keyed digest of where the keys go; without a right one they go nowhere
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id              INTEGER PRIMARY KEY AUTOINCREMENT,
    proxy_config_id INTEGER NOT NULL REFERENCES proxy_configs (id) ON DELETE CASCADE,
    key_value       TEXT NOT NULL, -- sealed
    fingerprint     BLOB NOT NULL, -- keyed digest, by which the same key is found again
    is_active       INTEGER NOT NULL CHECK (is_active IN (0, 1)),
    weight          INTEGER NOT NULL CHECK (weight BETWEEN 1 AND 1000),
    note            TEXT NOT NULL,
    success_count   INTEGER NOT NULL DEFAULT 0,
    failure_count   INTEGER NOT NULL DEFAULT 0,
    last_used_at    INTEGER,
    created_at      INTEGER NOT NULL,
    UNIQUE (proxy_config_id, fingerprint)
) STRICT;
-- Both end in the id, so that a page of a list is one range of an index.
CREATE INDEX api_keys_by_config ON api_keys (proxy_config_id);
CREATE INDEX api_keys_by_state ON api_keys (proxy_config_id, is_active);

-- Appended to in the transaction of the change it tells of.
CREATE TABLE audit_log (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    actor      TEXT NOT NULL,
    address    TEXT,
    action     TEXT NOT NULL,
    object_id  INTEGER,
    detail     TEXT NOT NULL,
    request_id TEXT NOT NULL
) STRICT;

CREATE TABLE revoked_sessions (
    session    TEXT NOT NULL PRIMARY KEY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

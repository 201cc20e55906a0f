-- Times are milliseconds since 1970 in UTC; an id is never used twice. Text is compared byte by byte.
-- A run may be cut short and begun again: every statement may be run twice.

-- One value per name, such as the wrapped data key.
CREATE TABLE IF NOT EXISTS settings (
    name  VARCHAR(64) NOT NULL PRIMARY KEY,
    value MEDIUMTEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS proxy_configs (
    id               BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    name             TEXT NOT NULL,
    slug             VARCHAR(100) NOT NULL,
    config_type      VARCHAR(32) NOT NULL,
    is_active        BOOLEAN NOT NULL,
    api_key_location VARCHAR(32),
    api_key_name     TEXT,
    api_key_template TEXT,
    method           TEXT,
    target_url       TEXT,
    target_base_url  TEXT,
    api_format       VARCHAR(64),
    output_format    VARCHAR(64),
    strategy         VARCHAR(64),
    options          MEDIUMTEXT NOT NULL, -- JSON: every field that has a default
    vouched          BINARY(32),          -- keyed digest of where the keys go; without a right one they go nowhere
    created_at       BIGINT NOT NULL,
    updated_at       BIGINT NOT NULL,
    UNIQUE KEY proxy_configs_slug (slug)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS api_keys (
    id              BIGINT NOT NULL PRIMARY KEY, -- from last_ids: a key is sealed for its id before it is written
    proxy_config_id BIGINT NOT NULL,
    key_value       TEXT NOT NULL,       -- sealed
    fingerprint     BINARY(32) NOT NULL, -- keyed digest, by which the same key is found again
    is_active       BOOLEAN NOT NULL,
    weight          SMALLINT NOT NULL CHECK (weight BETWEEN 1 AND 1000),
    quota_group     VARCHAR(100) NOT NULL, -- keys of one account share its limits; empty for a key that shares none
    note            MEDIUMTEXT NOT NULL,
    success_count   BIGINT NOT NULL DEFAULT 0,
    failure_count   BIGINT NOT NULL DEFAULT 0,
    last_used_at    BIGINT,
    created_at      BIGINT NOT NULL,
    UNIQUE KEY api_keys_fingerprint (proxy_config_id, fingerprint),
    KEY api_keys_by_config (proxy_config_id, id),
    KEY api_keys_by_state (proxy_config_id, is_active, id),
    CONSTRAINT api_keys_config FOREIGN KEY (proxy_config_id) REFERENCES proxy_configs (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- The last id that was given to a row of a table.
CREATE TABLE IF NOT EXISTS last_ids (
    name VARCHAR(64) NOT NULL PRIMARY KEY,
    id   BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

INSERT INTO last_ids (name, id) VALUES ('api_keys', 0) ON DUPLICATE KEY UPDATE id = id;

-- Keys that rest, so that they go on resting after a restart.
CREATE TABLE IF NOT EXISTS key_rests (
    key_id  BIGINT NOT NULL,
    model   VARBINARY(1024) NOT NULL, -- for requests of this model only; empty for all
    ailment VARCHAR(32) NOT NULL,
    reason  TEXT NOT NULL,
    since   BIGINT NOT NULL,
    until   BIGINT NOT NULL,
    strikes BIGINT NOT NULL,
    PRIMARY KEY (key_id, model),
    CONSTRAINT key_rests_key FOREIGN KEY (key_id) REFERENCES api_keys (id) ON DELETE CASCADE
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Appended to in the transaction of the change it tells of.
CREATE TABLE IF NOT EXISTS audit_log (
    id         BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    at         BIGINT NOT NULL,
    actor      TEXT NOT NULL,
    address    VARCHAR(64),
    action     VARCHAR(64) NOT NULL,
    object_id  BIGINT,
    detail     MEDIUMTEXT NOT NULL,
    request_id TEXT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

CREATE TABLE IF NOT EXISTS revoked_sessions (
    session    VARBINARY(255) NOT NULL PRIMARY KEY,
    expires_at BIGINT NOT NULL
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- One row per proxied request, in the order in which they ended. No index beside the row id: appending is on
-- every request's bill, reading is rare.
CREATE TABLE IF NOT EXISTS requests (
    id                 BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    request_id         CHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    started_at         BIGINT NOT NULL,
    config_id          BIGINT,
    key_id             BIGINT,
    proxy_key          BIGINT,
    method             TEXT NOT NULL,
    path               TEXT NOT NULL,
    status             SMALLINT UNSIGNED NOT NULL,
    outcome            VARCHAR(32) CHARACTER SET ascii COLLATE ascii_bin NOT NULL,
    attempts           SMALLINT UNSIGNED NOT NULL,
    duration_us        BIGINT NOT NULL,
    first_byte_us      BIGINT,
    bytes_in           BIGINT NOT NULL,
    bytes_out          BIGINT NOT NULL,
    client             VARBINARY(16) NOT NULL, -- 4 or 16 bytes
    trace              MEDIUMTEXT,             -- how it came to its answer, where there is more to tell: JSON
    model              TEXT,                   -- what a request to an LLM was for
    tokens_input       BIGINT,                 -- null where it was not told what was used
    tokens_cached_read BIGINT,
    tokens_cache_write BIGINT,
    tokens_output      BIGINT,
    tokens_reasoning   BIGINT,
    cost               BIGINT,                 -- in billionths of a US dollar; null where that is not known
    usage_estimated    BOOLEAN NOT NULL DEFAULT FALSE -- whether the tokens were counted here, as the API did not tell them
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

-- Answers that were no success, to try rules on: of each service the newest with a status and a rule.
CREATE TABLE IF NOT EXISTS error_samples (
    id        BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    config_id BIGINT NOT NULL,
    status    SMALLINT UNSIGNED NOT NULL,
    rule      VARBINARY(512) NOT NULL,
    outcome   VARCHAR(64) NOT NULL, -- what the rule said, by its name
    seen_at   BIGINT NOT NULL,
    headers   MEDIUMTEXT NOT NULL,  -- JSON: names and values, in pairs
    body      TEXT NOT NULL,        -- its beginning, without the key
    UNIQUE KEY error_samples_kind (config_id, status, rule)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

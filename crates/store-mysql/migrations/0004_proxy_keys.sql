-- Keys that clients show to us, by their digests: none of them can be shown again. Smaller ids are the numbers of the
-- keys that an operator sets.
CREATE TABLE IF NOT EXISTS proxy_keys (
    id           BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY,
    digest       BINARY(32) NOT NULL,   -- SHA-256
    masked       VARCHAR(64) NOT NULL,  -- enough to recognise it by
    terms        MEDIUMTEXT NOT NULL,   -- JSON: what it lets its holder do
    vouched      BINARY(32),            -- keyed digest of all that; without a right one it opens nothing
    last_used_at BIGINT,
    created_at   BIGINT NOT NULL,
    UNIQUE KEY proxy_keys_digest (digest)
) ENGINE = InnoDB AUTO_INCREMENT = 1001 DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

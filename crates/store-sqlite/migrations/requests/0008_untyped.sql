-- Columns without types: SQLite neither checks nor converts what is appended, which is a sixth of the price of a record.
-- The types are those of the one program that writes, and each reading checks them.
CREATE TABLE untyped (
    id                 INTEGER PRIMARY KEY,
    request_id,         -- text
    started_at,         -- milliseconds since 1970 in UTC
    config_id,
    key_id,
    proxy_key,
    method,             -- text
    path,               -- text
    status,
    outcome,            -- 0 completed, 1 refused, 2 upstream failed, 3 upstream cut, 4 client gone
    attempts,
    duration_us,
    first_byte_us,      -- null where there was none
    bytes_in,
    bytes_out,
    client,             -- 4 or 16 bytes
    trace,              -- JSON, or null
    model,              -- text, or null
    tokens_input,       -- null where it was not told
    tokens_cached_read,
    tokens_cache_write,
    tokens_output,
    tokens_reasoning,
    cost,               -- in billionths of a US dollar, null where that is not known
    usage_estimated     -- 1 where the tokens are estimated, in part at least
);
INSERT INTO untyped
SELECT id, request_id, started_at, config_id, key_id, proxy_key, method, path, status, outcome, attempts, duration_us,
       first_byte_us, bytes_in, bytes_out, client, trace, model, tokens_input, tokens_cached_read, tokens_cache_write,
       tokens_output, tokens_reasoning, cost, usage_estimated
FROM requests;
DROP TABLE requests;
ALTER TABLE untyped RENAME TO requests;

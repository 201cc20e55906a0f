-- What the requests of a minute came to, by service and model; of an hour, once it is a while ago. Counted when they
-- are appended, so that the log need not be read for it.
CREATE TABLE request_tallies (
    at                 INTEGER NOT NULL, -- milliseconds since 1970 in UTC
    config_id          INTEGER NOT NULL, -- 0 for none
    model              TEXT NOT NULL, -- empty where it is not told apart
    success            INTEGER NOT NULL,
    limited            INTEGER NOT NULL,
    client_error       INTEGER NOT NULL,
    server_error       INTEGER NOT NULL,
    no_answer          INTEGER NOT NULL,
    rescued            INTEGER NOT NULL,
    tokens_input       INTEGER NOT NULL,
    tokens_cached_read INTEGER NOT NULL,
    tokens_cache_write INTEGER NOT NULL,
    tokens_output      INTEGER NOT NULL,
    tokens_reasoning   INTEGER NOT NULL,
    cost               INTEGER NOT NULL, -- in billionths of a US dollar
    -- How many took so long, and whose answers took so long to begin: each bucket is twice as wide as the one before.
    duration_0 INTEGER NOT NULL, duration_1 INTEGER NOT NULL, duration_2 INTEGER NOT NULL, duration_3 INTEGER NOT NULL,
    duration_4 INTEGER NOT NULL, duration_5 INTEGER NOT NULL, duration_6 INTEGER NOT NULL, duration_7 INTEGER NOT NULL,
    duration_8 INTEGER NOT NULL, duration_9 INTEGER NOT NULL, duration_10 INTEGER NOT NULL, duration_11 INTEGER NOT NULL,
    duration_12 INTEGER NOT NULL, duration_13 INTEGER NOT NULL, duration_14 INTEGER NOT NULL, duration_15 INTEGER NOT NULL,
    duration_16 INTEGER NOT NULL, duration_17 INTEGER NOT NULL, duration_18 INTEGER NOT NULL, duration_19 INTEGER NOT NULL,
    first_byte_0 INTEGER NOT NULL, first_byte_1 INTEGER NOT NULL, first_byte_2 INTEGER NOT NULL, first_byte_3 INTEGER NOT NULL,
    first_byte_4 INTEGER NOT NULL, first_byte_5 INTEGER NOT NULL, first_byte_6 INTEGER NOT NULL, first_byte_7 INTEGER NOT NULL,
    first_byte_8 INTEGER NOT NULL, first_byte_9 INTEGER NOT NULL, first_byte_10 INTEGER NOT NULL, first_byte_11 INTEGER NOT NULL,
    first_byte_12 INTEGER NOT NULL, first_byte_13 INTEGER NOT NULL, first_byte_14 INTEGER NOT NULL, first_byte_15 INTEGER NOT NULL,
    first_byte_16 INTEGER NOT NULL, first_byte_17 INTEGER NOT NULL, first_byte_18 INTEGER NOT NULL, first_byte_19 INTEGER NOT NULL,
    PRIMARY KEY (at, config_id, model)
) STRICT, WITHOUT ROWID;

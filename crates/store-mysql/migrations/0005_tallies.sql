-- What the requests of a minute came to, by service and model; of an hour, once it is a while ago. Counted when they
-- are appended, so that the log need not be read for it.
CREATE TABLE IF NOT EXISTS request_tallies (
    at                 BIGINT NOT NULL,
    config_id          BIGINT NOT NULL, -- 0 for none
    model              VARCHAR(100) NOT NULL, -- empty where it is not told apart
    success            BIGINT NOT NULL,
    limited            BIGINT NOT NULL,
    client_error       BIGINT NOT NULL,
    server_error       BIGINT NOT NULL,
    no_answer          BIGINT NOT NULL,
    rescued            BIGINT NOT NULL,
    tokens_input       BIGINT NOT NULL,
    tokens_cached_read BIGINT NOT NULL,
    tokens_cache_write BIGINT NOT NULL,
    tokens_output      BIGINT NOT NULL,
    tokens_reasoning   BIGINT NOT NULL,
    cost               BIGINT NOT NULL, -- in billionths of a US dollar
    -- How many took so long, and whose answers took so long to begin: each bucket is twice as wide as the one before.
    duration_0 BIGINT NOT NULL, duration_1 BIGINT NOT NULL, duration_2 BIGINT NOT NULL, duration_3 BIGINT NOT NULL,
    duration_4 BIGINT NOT NULL, duration_5 BIGINT NOT NULL, duration_6 BIGINT NOT NULL, duration_7 BIGINT NOT NULL,
    duration_8 BIGINT NOT NULL, duration_9 BIGINT NOT NULL, duration_10 BIGINT NOT NULL, duration_11 BIGINT NOT NULL,
    duration_12 BIGINT NOT NULL, duration_13 BIGINT NOT NULL, duration_14 BIGINT NOT NULL, duration_15 BIGINT NOT NULL,
    duration_16 BIGINT NOT NULL, duration_17 BIGINT NOT NULL, duration_18 BIGINT NOT NULL, duration_19 BIGINT NOT NULL,
    first_byte_0 BIGINT NOT NULL, first_byte_1 BIGINT NOT NULL, first_byte_2 BIGINT NOT NULL, first_byte_3 BIGINT NOT NULL,
    first_byte_4 BIGINT NOT NULL, first_byte_5 BIGINT NOT NULL, first_byte_6 BIGINT NOT NULL, first_byte_7 BIGINT NOT NULL,
    first_byte_8 BIGINT NOT NULL, first_byte_9 BIGINT NOT NULL, first_byte_10 BIGINT NOT NULL, first_byte_11 BIGINT NOT NULL,
    first_byte_12 BIGINT NOT NULL, first_byte_13 BIGINT NOT NULL, first_byte_14 BIGINT NOT NULL, first_byte_15 BIGINT NOT NULL,
    first_byte_16 BIGINT NOT NULL, first_byte_17 BIGINT NOT NULL, first_byte_18 BIGINT NOT NULL, first_byte_19 BIGINT NOT NULL,
    PRIMARY KEY (at, config_id, model)
) ENGINE = InnoDB DEFAULT CHARSET = utf8mb4 COLLATE = utf8mb4_bin;

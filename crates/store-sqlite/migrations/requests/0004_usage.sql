-- What a request to an LLM was for and used; tokens_input is null where that was not told.
ALTER TABLE requests ADD COLUMN model TEXT;
ALTER TABLE requests ADD COLUMN tokens_input INTEGER;
ALTER TABLE requests ADD COLUMN tokens_cached_read INTEGER;
ALTER TABLE requests ADD COLUMN tokens_cache_write INTEGER;
ALTER TABLE requests ADD COLUMN tokens_output INTEGER;
ALTER TABLE requests ADD COLUMN tokens_reasoning INTEGER;

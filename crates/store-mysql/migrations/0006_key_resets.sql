-- When an admin last put a key back, whatever it suffered from: instances that missed it do so when they read the key.
ALTER TABLE api_keys ADD COLUMN reset_at BIGINT;

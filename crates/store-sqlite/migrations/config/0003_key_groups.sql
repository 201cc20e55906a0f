-- Keys of one account share its limits; empty for a key that shares none.
ALTER TABLE api_keys ADD COLUMN quota_group TEXT NOT NULL DEFAULT '';

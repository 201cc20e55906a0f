-- 1 where the tokens are estimated, in part at least; 0 and null where the upstream told them, or nobody did.
ALTER TABLE requests ADD COLUMN usage_estimated INTEGER;

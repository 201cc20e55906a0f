-- What a request cost, in billionths of a US dollar; null where that is not known.
ALTER TABLE requests ADD COLUMN cost INTEGER;

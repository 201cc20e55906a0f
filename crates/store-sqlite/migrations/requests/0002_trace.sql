-- How a request came to its answer, where there is more to tell: JSON.
ALTER TABLE requests ADD COLUMN trace TEXT;

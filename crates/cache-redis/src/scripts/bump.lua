-- Counts a change and tells it, in one step: whoever listens hears the numbers in order.
-- KEYS: the revision. ARGV: the channel.
local revision = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', ARGV[1], revision)
return revision

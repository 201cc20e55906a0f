-- Lets a counter go on from a value, if it has not come that far: what was counted while Redis was away.
-- KEYS: the counter. ARGV: the value.
local value = tonumber(redis.call('GET', KEYS[1]) or 0)
if value < tonumber(ARGV[1]) then
    redis.call('SET', KEYS[1], ARGV[1])
end
return 0

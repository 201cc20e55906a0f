-- Goes on counting requests that are under way.
-- KEYS: who is at work with the key of each. ARGV: for how many milliseconds; the requests.
local time = redis.call('TIME')
local ends = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000) + tonumber(ARGV[1])
for i, at_work in ipairs(KEYS) do
    redis.call('ZADD', at_work, ends, ARGV[1 + i])
    redis.call('PEXPIRE', at_work, ARGV[1])
end
return 0

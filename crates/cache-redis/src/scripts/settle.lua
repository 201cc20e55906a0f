-- Counts tokens, and ends requests.
-- KEYS: what keys did in the last minute; then who is at work with keys. ARGV: how many of the former; the tokens of each;
-- the requests.
local minutes = tonumber(ARGV[1])
for i = 1, minutes do
    local second = look(KEYS[i])
    count(KEYS[i], second, 0, tonumber(ARGV[1 + i]))
end
for i = minutes + 1, #KEYS do
    redis.call('ZREM', KEYS[i], ARGV[1 + i])
end
return 0

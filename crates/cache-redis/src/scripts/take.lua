-- Counts events against a sliding window. Answers -1 if they fit, else how many microseconds to wait.
-- KEYS: the window, a list of "<microseconds> <events>", oldest first. ARGV: limit, period in microseconds, events.
local limit, period, cost = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000000 + tonumber(time[2])
local events, count = {}, 0
for _, entry in ipairs(redis.call('LRANGE', KEYS[1], 0, -1)) do
    local at, many = string.match(entry, '(%d+) (%d+)')
    if now - tonumber(at) >= period then
        redis.call('LPOP', KEYS[1])
    else
        events[#events + 1] = { tonumber(at), tonumber(many) }
        count = count + tonumber(many)
    end
end
local excess = count + cost - limit
if excess <= 0 then
    if cost > 0 then
        redis.call('RPUSH', KEYS[1], string.format('%.0f %.0f', now, cost))
        redis.call('PEXPIRE', KEYS[1], math.ceil(period / 1000))
    end
    return -1
end
for _, event in ipairs(events) do
    excess = excess - event[2]
    if excess <= 0 then
        return event[1] + period - now
    end
end
return period

-- What a key did in the last minute, to the second: a hash with "r<second>" and "t<second>", requests and tokens, and the sums.
-- The second that runs is counted whole, and so is the one that is half out of the minute.
local SECONDS = 61
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)

-- Forgets what has left the minute. Answers the second that runs, requests, tokens.
local function look(minute)
    local second = tonumber(time[1])
    local known = redis.call('HMGET', minute, 'latest', 'requests', 'tokens')
    local latest = tonumber(known[1]) or second
    local requests, tokens = tonumber(known[2]) or 0, tonumber(known[3]) or 0
    if latest >= second then
        return latest, requests, tokens
    end
    local places = {}
    for gone = latest + 1, math.min(second, latest + SECONDS) do
        places[#places + 1] = 'r' .. gone % SECONDS
        places[#places + 1] = 't' .. gone % SECONDS
    end
    local counts = redis.call('HMGET', minute, unpack(places))
    for i = 1, #places, 2 do
        requests = requests - (tonumber(counts[i]) or 0)
        tokens = tokens - (tonumber(counts[i + 1]) or 0)
    end
    redis.call('HDEL', minute, unpack(places))
    redis.call('HSET', minute, 'latest', second, 'requests', requests, 'tokens', tokens)
    return second, requests, tokens
end

-- Counts in that second.
local function count(minute, second, requests, tokens)
    redis.call('HSET', minute, 'latest', second)
    if requests > 0 then
        redis.call('HINCRBY', minute, 'r' .. second % SECONDS, requests)
        redis.call('HINCRBY', minute, 'requests', requests)
    end
    if tokens > 0 then
        redis.call('HINCRBY', minute, 't' .. second % SECONDS, tokens)
        redis.call('HINCRBY', minute, 'tokens', tokens)
    end
    redis.call('EXPIRE', minute, SECONDS + 1)
end

-- For how many milliseconds as many of a kind as may be are in the minute, as far as is known by now. It is found out once,
-- and again when that time is over.
local function wait(minute, kind, latest, sum, limit)
    local known = tonumber(redis.call('HGET', minute, kind .. '_until'))
    if known and known > latest then
        return known * 1000 - now
    end
    local places = {}
    for second = latest + 1, latest + SECONDS do
        places[#places + 1] = kind .. second % SECONDS
    end
    local room = latest + SECONDS
    for i, done in ipairs(redis.call('HMGET', minute, unpack(places))) do
        sum = sum - (tonumber(done) or 0)
        if sum < limit then
            room = latest + i
            break
        end
    end
    redis.call('HSET', minute, kind .. '_until', room)
    return room * 1000 - now
end

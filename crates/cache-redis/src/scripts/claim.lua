-- Counts a request of the first key that has room, and takes a turn where turns decide which is the first.
-- KEYS: the turns; what each key did in the last minute, where that is bounded; who is at work with each key, where that is;
-- with whose keys work has ended.
-- ARGV: most requests in a minute, tokens in a minute, requests at a time, 0 for no bound; how many keys; the turn at which
-- the first of them is the first, or nothing if it always is; the request, and for how many milliseconds it counts unless it
-- is renewed; the requests that have ended.
-- Answers the turn, or 0 where none was taken; the key's place, or 0; then the places of full keys, each with how many milliseconds it stays so.
local most_requests, most_tokens, most_at_work = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local keys, expected = tonumber(ARGV[4]), tonumber(ARGV[5])
local minutes = 1
local at_works = minutes + (most_requests + most_tokens > 0 and keys or 0)
local ended = at_works + (most_at_work > 0 and keys or 0)
for i = ended + 1, #KEYS do
    redis.call('ZREM', KEYS[i], ARGV[7 + i - ended])
end

local turn = expected and redis.call('INCR', KEYS[1]) - 1 or 0
local first = expected and (turn - expected) % keys or 0
local answer = { turn, 0 }
for step = 0, keys - 1 do
    local place = (first + step) % keys + 1
    local full, second = 0, nil
    if at_works > minutes then
        local minute = KEYS[minutes + place]
        local requests, tokens
        second, requests, tokens = look(minute)
        if most_requests > 0 and requests >= most_requests then
            full = wait(minute, 'r', second, requests, most_requests)
        end
        if most_tokens > 0 and tokens >= most_tokens then
            full = math.max(full, wait(minute, 't', second, tokens, most_tokens))
        end
    end
    local is_busy = false
    if full == 0 and ended > at_works then
        redis.call('ZREMRANGEBYSCORE', KEYS[at_works + place], '-inf', now)
        is_busy = redis.call('ZCARD', KEYS[at_works + place]) >= most_at_work
    end
    if full > 0 then
        answer[#answer + 1] = place
        answer[#answer + 1] = full
    elseif not is_busy then
        if second then
            count(KEYS[minutes + place], second, 1, 0)
        end
        if ended > at_works then
            redis.call('ZADD', KEYS[at_works + place], now + tonumber(ARGV[7]), ARGV[6])
            redis.call('PEXPIRE', KEYS[at_works + place], ARGV[7])
        end
        answer[2] = place
        break
    end
end
return answer

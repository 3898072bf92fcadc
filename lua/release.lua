-- Releases a user's hold.  Its line stays, as R, for those who ask again.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
-- ARGV  1 lowest version of the epoch  2 user  3 hold id
--       4 prefix of the seat locks     5 how long its line stays, ms
-- Reply {1, entry}  released
--       {2, entry}  had ended before
--       {-1, version}  not loaded, or another epoch (0: nothing there)
--       {-3}        no such hold
--       {-4}        it belongs to an order

local epoch = tonumber(ARGV[1])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local record = redis.call('HGET', KEYS[3], ARGV[2])
local line = record and record:match('[^\n]+')
local id, created, expires, flag, key, fp, seats

if line then
    id, created, expires, flag, key, fp, seats =
        line:match('^(%S+) (%S+) (%S+) (%S) (%S+) (%S+) (%S+)')
end

if id ~= ARGV[3] then
    if redis.call('HEXISTS', KEYS[3], '#' .. ARGV[3]) == 1 then
        return {-4}
    end
    local older = record and record:find('\n' .. ARGV[3] .. ' ', 1, true)
    if older then
        return {2, record:match('[^\n]+', older + 1)}
    end
    return {-3}
end

if flag == 'O' then
    return {-4}
end

if flag ~= 'H' then
    return {2, line}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local mine = ARGV[2] .. ':' .. id .. ':'
local freed = {}

-- A lock that ran out may be somebody else's by now.
for seat in seats:gmatch('%d+') do
    local lock = redis.call('GET', ARGV[4] .. seat)
    if lock and lock:sub(1, #mine) == mine then
        redis.call('DEL', ARGV[4] .. seat)
        redis.call('BITFIELD', KEYS[2], 'SET', 'u2', '#' .. seat, '0')
        freed[#freed + 1] = seat
    end
end

if #freed == 0 then
    return {2, line}
end

local entry = table.concat({id, created, expires, 'R', key, fp, seats}, ' ')
redis.call('HSET', KEYS[3], ARGV[2], entry .. record:sub(#line + 1))
redis.call('ZADD', KEYS[4], now + ARGV[5], ARGV[2])
version = redis.call('INCR', KEYS[1])
redis.call('PUBLISH', KEYS[1], string.format('%d', version) .. ' 0:'
           .. table.concat(freed, ','))

return {1, entry}

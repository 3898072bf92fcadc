-- Gives a hold back to its user after the order was refused.  It ends when it
-- would have ended without the attempt: if that is over, its seats are free now
-- and the next sweep finds that it has ended, as it does with any other.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
-- ARGV  1 lowest version of the epoch  2 user  3 hold id
--       4 prefix of the seat locks
-- Reply {1}  given back, or ended
--       {0}  there is no such fenced hold, or another request relies on it
--       {-1, version}  not loaded, or another epoch

local epoch, user, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local fenced = redis.call('HGET', KEYS[3], '#' .. id)
if not fenced or fenced:sub(-2) == ' +' then
    return {0}
end

local created, expires, key, fp, seats =
    fenced:match('^%S+ (%S+) (%S+) (%S+) (%S+) (%S+)')
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local record = redis.call('HGET', KEYS[3], user)
local line = record and record:match('[^\n]+') or ''
local newest = line:sub(1, #id + 1) == id .. ' '
local back = newest and tonumber(expires) > now
local ends = string.format('%d', expires - 1)   -- see hold.lua
local mine = user .. ':' .. id .. ':'
local freed = {}

for seat in seats:gmatch('%d+') do
    local lock = redis.call('GET', ARGV[4] .. seat)
    if lock and lock:sub(1, #mine) == mine then
        if back then
            redis.call('PEXPIREAT', ARGV[4] .. seat, ends)
        else
            redis.call('DEL', ARGV[4] .. seat)
            redis.call('BITFIELD', KEYS[2], 'SET', 'u2', '#' .. seat, '0')
            freed[#freed + 1] = seat
        end
    end
end

if newest then
    redis.call('HSET', KEYS[3], user,
               table.concat({id, created, expires, 'H', key, fp, seats}, ' ')
               .. record:sub(#line + 1))
    redis.call('ZADD', KEYS[4], expires, user)
end

redis.call('HDEL', KEYS[3], '#' .. id)
redis.call('ZREM', KEYS[4], '#' .. id)

if #freed > 0 then
    version = redis.call('INCR', KEYS[1])
    redis.call('PUBLISH', KEYS[1], string.format('%d', version) .. ' 0:'
               .. table.concat(freed, ','))
end

return {1}

-- The list of shows whose streams are looked at: a show is put on it before its
-- first booking, and from time to time while it has some.
--
-- KEYS  1 bookings
-- ARGV  1 number of the show
--       2 '' to put it on the list; else it is taken off if it was not put on
--         for that many ms
-- Reply 1 done, 0 it stays

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if ARGV[2] == '' then
    redis.call('ZADD', KEYS[1], now, ARGV[1])
    return 1
end

local when = redis.call('ZSCORE', KEYS[1], ARGV[1])

if when and now - when < tonumber(ARGV[2]) then
    return 0
end

redis.call('ZREM', KEYS[1], ARGV[1])
return 1

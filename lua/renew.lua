-- Takes a show over into a new epoch, of which PostgreSQL has changed it, and
-- keeps what people hold.  A seat that cannot be sold any more is lost for who
-- holds it.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
-- ARGV  1 lowest version of the new epoch
--       2 lowest version of those that may be taken over
--       3 prefix of the seat locks         4 when all of it may go, Unix ms
--       5 how many seats cannot be sold    6.. those, then those that can
-- Reply {1}            taken over
--       {0}            somebody else was first
--       {-1, version}  not loaded, or of another epoch: to be loaded anew
--
-- All of it is of one moment in PostgreSQL.  What was read before another change
-- comes too late when that one has been here: its epoch is behind.
--
-- State 3 is that of a seat that is not for sale, as in what is loaded.  What can
-- be sold again is set free from that state only: never what somebody has.

local epoch, fresh = tonumber(ARGV[1]), tonumber(ARGV[2])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < fresh or version >= epoch + 1e9 then
    return {-1, version}
end

if version >= epoch then
    return {0}
end

local shut = tonumber(ARGV[5])

for i = 6, #ARGV do
    local at = '#' .. ARGV[i]
    if i < 6 + shut then
        redis.call('DEL', ARGV[3] .. ARGV[i])
        redis.call('BITFIELD', KEYS[2], 'SET', 'u2', at, '3')
    elseif redis.call('BITFIELD', KEYS[2], 'GET', 'u2', at)[1] == 3 then
        redis.call('BITFIELD', KEYS[2], 'SET', 'u2', at, '0')
    end
end

-- The show may have been moved to a later day: see lua/load.lua for '!'.

redis.call('ZADD', KEYS[4], 'XX', ARGV[4], '!')
redis.call('SET', KEYS[1], ARGV[1])

for i = 1, 4 do
    redis.call('PEXPIREAT', KEYS[i], ARGV[4])
end

redis.call('PUBLISH', KEYS[1], ARGV[1] .. ' reload')

return {1}

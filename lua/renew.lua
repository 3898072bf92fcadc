-- Takes a show over into a new epoch of which PostgreSQL has changed it, and
-- keeps what people hold: for a change of prices or of the kinds of seats.
-- A seat that cannot be sold any more is lost for who holds it.
--
-- KEYS  1 version:{show}  2 state:{show}
-- ARGV  1 lowest version of the new epoch  2 prefix of the seat locks
--       3 how many seats cannot be sold    4.. those, then those that can
-- Reply {1, moved}     done; moved: 1 when it was of the epoch before
--       {-1, version}  not loaded, or of an older epoch: to be loaded anew
--
-- State 2 is what a seat has that is sold or not for sale; what can be sold
-- again is set free from that state only, and nobody has an order for it.

local epoch, shut = tonumber(ARGV[1]), tonumber(ARGV[3])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch - 1e9 or version >= epoch + 1e9 or version == 0 then
    return {-1, version}
end

for i = 4, #ARGV do
    local at = '#' .. ARGV[i]
    if i < 4 + shut then
        redis.call('DEL', ARGV[2] .. ARGV[i])
        redis.call('BITFIELD', KEYS[2], 'SET', 'u2', at, '2')
    elseif redis.call('BITFIELD', KEYS[2], 'GET', 'u2', at)[1] == 2 then
        redis.call('BITFIELD', KEYS[2], 'SET', 'u2', at, '0')
    end
end

local moved = version < epoch and 1 or 0

if moved == 1 then
    redis.call('SET', KEYS[1], ARGV[1], 'KEEPTTL')
else
    version = redis.call('INCR', KEYS[1])
end

redis.call('PUBLISH', KEYS[1],
           (moved == 1 and ARGV[1] or string.format('%d', version))
           .. ' reload')

return {1, moved}

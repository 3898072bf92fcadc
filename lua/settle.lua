-- Brings the seats of an order to where PostgreSQL has them already: booked
-- after a confirmation, free after an order has ended otherwise.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
-- ARGV  1 lowest version of the epoch  2 hold id of the order
--       3 state they have              4 state they get
--       5 prefix of the seat locks     6.. seats
--       States: 0 free, 1 held, 2 booked.
-- Reply {1}            done
--       {-1, version}  not loaded, or another epoch: nothing to do here
--
-- A sold seat is sold: another's lock on it can only be there because Redis
-- had lost ours, and goes.  A seat is set free only from the state that this
-- order gave it, for it may be somebody else's by now.

local epoch, id, from, to = tonumber(ARGV[1]), ARGV[2], tonumber(ARGV[3]),
                            tonumber(ARGV[4])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local done = {}

for i = 6, #ARGV do
    local key, at = ARGV[5] .. ARGV[i], '#' .. ARGV[i]
    local lock = redis.call('GET', key)
    local state = redis.call('BITFIELD', KEYS[2], 'GET', 'u2', at)[1]
    local mine = not lock or lock:find(':' .. id .. ':', 1, true)

    if state ~= to and (to == 2 or state == from and mine) then
        redis.call('DEL', key)
        redis.call('BITFIELD', KEYS[2], 'SET', 'u2', at, to)
        done[#done + 1] = ARGV[i]
    end
end

redis.call('HDEL', KEYS[3], '#' .. id)
redis.call('ZREM', KEYS[4], '#' .. id)

if #done > 0 then
    version = redis.call('INCR', KEYS[1])
    redis.call('PUBLISH', KEYS[1], string.format('%d', version) .. ' ' .. to
               .. ':'
               .. table.concat(done, ','))
end

return {1}

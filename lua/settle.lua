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

-- The version and the locks in one command, the states in another: a command
-- costs more than what it reads.

local locks, look = {'MGET', KEYS[1]}, {'BITFIELD', KEYS[2]}

for i = 6, #ARGV do
    locks[#locks + 1] = ARGV[5] .. ARGV[i]
    look[#look + 1], look[#look + 2], look[#look + 3] = 'GET', 'u2',
                                                        '#' .. ARGV[i]
end

local lock = redis.call(unpack(locks))
local version = tonumber(lock[1] or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local state = redis.call(unpack(look))
local free, set, done = {'DEL'}, {'BITFIELD', KEYS[2]}, {}

for i = 1, #state do
    local mine = not lock[1 + i] or lock[1 + i]:find(':' .. id .. ':', 1, true)

    if state[i] ~= to and (to == 2 or state[i] == from and mine) then
        local at = #set
        set[at + 1], set[at + 2] = 'SET', 'u2'
        set[at + 3], set[at + 4] = '#' .. ARGV[5 + i], ARGV[4]
        free[#free + 1] = locks[2 + i]
        done[#done + 1] = ARGV[5 + i]
    end
end

redis.call('HDEL', KEYS[3], '#' .. id)
redis.call('ZREM', KEYS[4], '#' .. id)

if #done > 0 then
    redis.call(unpack(free))
    redis.call(unpack(set))
    version = redis.call('INCR', KEYS[1])
    redis.call('PUBLISH', KEYS[1], string.format('%d', version) .. ' ' .. to
               .. ':'
               .. table.concat(done, ','))
end

return {1}

-- A message has been dealt with: it goes, and with it what it changes in
-- Redis, for a booking that was refused its seats.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
--       5 bookings:{show} 6 booking:{show}:<booking id>
-- ARGV  1 lowest version of the epoch     2 booking id   3 message id
--       4 the booking's status from now on, '' as it was
--       5 the reason, '' for none         6 prefix of the seat locks
--       7.. seats that are given back
-- Reply {1}
--
-- In another epoch the seats are not this booking's any more.  A message of
-- which the consumer's group knows nothing went before: that is fine.

local call = redis.call
local epoch, id = tonumber(ARGV[1]), ARGV[2]
local version = tonumber(call('GET', KEYS[1]) or 0)

if #ARGV > 6 and version >= epoch and version < epoch + 1e9 then
    local freed = {}

    for i = 7, #ARGV do
        local key, at = ARGV[6] .. ARGV[i], '#' .. ARGV[i]
        local lock = call('GET', key)
        local mine = not lock or lock:find(':' .. id .. ':', 1, true)

        if mine and call('BITFIELD', KEYS[2], 'GET', 'u2', at)[1] == 1 then
            call('DEL', key)
            call('BITFIELD', KEYS[2], 'SET', 'u2', at, '0')
            freed[#freed + 1] = ARGV[i]
        end
    end

    call('HDEL', KEYS[3], '#' .. id)
    call('ZREM', KEYS[4], '#' .. id)

    if #freed > 0 then
        version = call('INCR', KEYS[1])
        call('PUBLISH', KEYS[1], string.format('%d', version) .. ' 0:'
             .. table.concat(freed, ','))
    end
end

if ARGV[4] ~= '' and call('EXISTS', KEYS[6]) == 1 then
    call('HSET', KEYS[6], 's', ARGV[4])
    if ARGV[5] ~= '' then
        call('HSET', KEYS[6], 'r', ARGV[5])
    end
    if ARGV[4] == 'PENDING' then
        -- a payment that came to nothing; another may be tried
        call('HDEL', KEYS[6], 'p', 'pk', 'pf')
    end
end

redis.pcall('XACK', KEYS[5], 'persist', ARGV[3])
call('XDEL', KEYS[5], ARGV[3])

return {1}

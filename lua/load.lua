-- Loads a show from what PostgreSQL has: sold seats, and locks for the seats
-- of unpaid orders.  Starts a new epoch.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
-- ARGV  1 lowest version of the new epoch  2 the version the caller saw, 0
--       3 prefix of the seat locks         4 when all of it may go, Unix ms
--       5 state, 2 bits a seat             6.. seat, user, hold id, ms left
-- Reply {1}           loaded
--       {0, version}  somebody else was first
--
-- No epoch is overwritten that the caller has not seen: two nodes that find
-- the show missing at once must not undo the holds made after the first load.
-- The version may have moved on within its epoch, as it does all the time: an
-- epoch that PostgreSQL has given up would never be replaced otherwise.

local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if math.floor(version / 1e9) ~= math.floor(tonumber(ARGV[2]) / 1e9) then
    return {0, version}
end

redis.call('DEL', KEYS[3], KEYS[4])
redis.call('SET', KEYS[2], ARGV[5], 'PXAT', ARGV[4])
redis.call('SET', KEYS[1], ARGV[1], 'PXAT', ARGV[4])

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local fenced = {}

-- PostgreSQL ends an order first; its locks outlive it by five seconds.

for i = 6, #ARGV, 4 do
    local seat, user, id, ms = ARGV[i], ARGV[i + 1], ARGV[i + 2],
                               tonumber(ARGV[i + 3]) + 5000
    redis.call('SET', ARGV[3] .. seat, user .. ':' .. id .. ':' .. now,
               'PX', ms)
    local f = fenced[id]
    if f then
        f[#f + 1] = seat
    else
        fenced[id] = {user, now + ms, seat}
    end
end

for id, f in pairs(fenced) do
    redis.call('HSET', KEYS[3], '#' .. id,
               table.concat({f[1], now, f[2], '-', '-',
                             table.concat(f, ',', 3)}, ' '))
    redis.call('ZADD', KEYS[4], f[2], '#' .. id)
end

-- '!' is no user.  It tells when this was, for whoever asks for an older
-- hold, and it keeps the two keys, and so their time to go, alive when
-- the last hold has left them.

redis.call('ZADD', KEYS[4], ARGV[4], '!')
redis.call('HSET', KEYS[3], '!', string.format('%d', now))
redis.call('PEXPIREAT', KEYS[3], ARGV[4])
redis.call('PEXPIREAT', KEYS[4], ARGV[4])
redis.call('PUBLISH', KEYS[1], ARGV[1] .. ' reload')

return {1}

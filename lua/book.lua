-- Books seats at once, all or none: what hold.lua and fence.lua do together,
-- and the message that has the booking written to PostgreSQL.  One script, so
-- there is no booking without its message and no message without its seats.
--
-- A live hold of the user in the show is used up: its seats are free for the
-- booking, and those that are not booked are given back.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
--       5 bookings:{show}, the stream     6 booking:{show}:<booking id>
--       7 booking_key:{show}:<hash of user and idempotency key>
--       8.. seat_lock:{show}:<seat>, one for each seat
-- ARGV  1 lowest version of the epoch     2 user          3 booking id
--       4 seats ("17,18", ascending)      5 prefix of the seat locks
--       6 time to pay, ms                 7 life of the seat locks, ms
--       8 how long the booking and its key are remembered, ms
--       9 fingerprint of the payload     10 messages the stream may have
--      11 amount   12 currency           13 payment method
--      14 idempotency key, hashed
--      15.. further fields of the message: name, value, ...
-- Reply {1, created, expires}  booked
--       {2, answer}            the same request came before: "id created
--                              expires amount currency method seats"
--       {0, seat, state, ..}   refused: seats in conflict with their state
--       {-1, version}          not loaded, or another epoch
--       {-2}                   the key was used with another payload
--       {-7, n}                too many messages wait

local call, format = redis.call, string.format
local epoch, user, id, seats = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local version = call('INCR', KEYS[1])

if version < epoch or version >= epoch + 1e9 then
    if version == 1 then
        call('DEL', KEYS[1])
    else
        call('DECR', KEYS[1])
    end
    return {-1, version - 1}
end

local function refuse(...)
    call('DECR', KEYS[1])
    return {...}
end

local used = call('GET', KEYS[7])

if used then
    local fingerprint, answer = used:match('^(%S+) (.*)')
    if fingerprint ~= ARGV[9] then
        return refuse(-2)
    end
    return refuse(2, answer)
end

local waiting = call('XLEN', KEYS[5])

if waiting >= tonumber(ARGV[10]) then
    return refuse(-7, waiting)
end

local time = call('TIME')
local created = time[1] .. ('00000' .. time[2]):sub(-6, -4)
local now = tonumber(created)

-- The user's own hold, if there is one.

local record = call('HGET', KEYS[3], user)
local line = record and record:match('[^\n]+') or ''
local hold, from, ends, flag, k, f, had =
    line:match('^(%S+) (%S+) (%S+) (%S) (%S+) (%S+) (%S+)')
local mine = flag == 'H' and user .. ':' .. hold .. ':'

-- Take the seats; the answer is what they were before.  See hold.lua.

local take, want = {'BITFIELD', KEYS[2]}, {}

for seat in seats:gmatch('%d+') do
    local at = #take
    take[at + 1], take[at + 2] = 'SET', 'u2'
    take[at + 3], take[at + 4] = '#' .. seat, '1'
    want[#want + 1] = seat
end

local before = call(unpack(take))
local conflicts

for i = 1, #before do
    local state = before[i]
    if state == 1 then
        local lock = call('GET', KEYS[7 + i])
        if not lock or mine and lock:sub(1, #mine) == mine then
            state = 0
        end
    end
    if state ~= 0 then
        conflicts = conflicts or {0}
        conflicts[#conflicts + 1] = want[i]
        conflicts[#conflicts + 1] = state
    end
end

if conflicts then
    for i = 1, #before do
        take[2 + i * 4] = before[i]
    end
    call(unpack(take))
    return refuse(unpack(conflicts))
end

-- Nothing can fail from here on.

local delta = ' 1:' .. seats

if mine then
    local asked, freed = {}, {}
    for i = 1, #want do
        asked[want[i]] = true
    end
    for seat in had:gmatch('%d+') do
        if not asked[seat] then
            local lock = call('GET', ARGV[5] .. seat)
            if not lock or lock:sub(1, #mine) == mine then
                local at = '#' .. seat
                call('DEL', ARGV[5] .. seat)
                -- without a lock it may be anybody's by now, or sold
                if call('BITFIELD', KEYS[2], 'GET', 'u2', at)[1] == 1 then
                    call('BITFIELD', KEYS[2], 'SET', 'u2', at, '0')
                    freed[#freed + 1] = seat
                end
            end
        end
    end
    if #freed > 0 then
        delta = delta .. ' 0:' .. table.concat(freed, ',')
    end
    call('HSET', KEYS[3], user,
         table.concat({hold, from, ends, 'R', k, f, had}, ' ')
         .. record:sub(#line + 1))
    call('ZADD', KEYS[4], format('%d', now + ARGV[8]), user)
end

local lock = user .. ':' .. id .. ':' .. created
local till = format('%d', now + ARGV[7])
local expires = format('%d', now + ARGV[6])

for i = 1, #want do
    call('SET', KEYS[7 + i], lock, 'PXAT', till)
end

call('HSET', KEYS[3], '#' .. id,
     table.concat({user, created, expires, '-', '-', seats}, ' '))
call('ZADD', KEYS[4], till, '#' .. id)

call('HSET', KEYS[6], 's', 'PENDING', 'u', user, 'c', created, 'e', expires,
     'a', ARGV[11], 'y', ARGV[12], 'm', ARGV[13], 'n', seats, 'k', ARGV[14])
call('PEXPIRE', KEYS[6], ARGV[8])
call('SET', KEYS[7], table.concat({ARGV[9], id, created, expires, ARGV[11],
     ARGV[12], ARGV[13], seats}, ' '), 'PX', ARGV[8])

call('XADD', KEYS[5], '*', 't', 'persist', 'b', id, 'u', user, 'n', seats,
     'a', ARGV[11], 'y', ARGV[12], 'm', ARGV[13], unpack(ARGV, 15))
call('PUBLISH', KEYS[1], format('%d', version) .. delta)

return {1, created, expires}

-- Fences a hold for the order that is being made of it: from now on the user
-- can neither change nor release it, and its locks live as long as the order
-- may be paid.  It leaves the user's place under '#<hold id>', so that the
-- user may hold other seats meanwhile.  Asking again gives the same answer.
--
-- KEYS  1 version:{show}  2 hold:{show}  3 expiry:{show}
-- ARGV  1 lowest version of the epoch  2 user  3 hold id
--       4 life of the order, ms        5 prefix of the seat locks
--       6 when the hold was made, by its id, Unix ms
-- Reply {1, seats, n}   fenced; n: 1 by this call, 0 by another before
--       {-1, version}   not loaded, or another epoch (0: nothing there)
--       {-3}            no such hold of this user
--       {-5}            the hold has ended, or a lock of it was lost
--       {-6}            there is none, and the show was loaded after it

local epoch, user, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local fenced = redis.call('HGET', KEYS[2], '#' .. id)
if fenced then
    local owner, seats, shared =
        fenced:match('^(%S+) %S+ %S+ %S+ %S+ (%S+)(.*)')
    if owner ~= user then
        return {-3}
    end
    -- Two requests rely on it now, and neither may take it away: '+'.
    if shared == '' then
        redis.call('HSET', KEYS[2], '#' .. id, fenced .. ' +')
    end
    return {1, seats, 0}
end

-- Nobody's hold is older than the show in Redis: it went with what was there.

local function unknown()
    local loaded = tonumber(redis.call('HGET', KEYS[2], '!') or 0)
    return {tonumber(ARGV[6]) < loaded and -6 or -3}
end

local record = redis.call('HGET', KEYS[2], user)
if not record then
    return unknown()
end

local line = record:match('[^\n]+')
local i, created, expires, flag, key, fp, seats =
    line:match('^(%S+) (%S+) (%S+) (%S) (%S+) (%S+) (%S+)')

if i ~= id then
    if record:find('\n' .. id .. ' ', 1, true) then
        return {-5}
    end
    return unknown()
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

if flag ~= 'H' or tonumber(expires) <= now then
    return {-5}
end

-- All locks are looked at before one is extended: a hold that has lost a
-- seat keeps its other seats no longer than it would have.

local mine = user .. ':' .. id .. ':'
for seat in seats:gmatch('%d+') do
    local lock = redis.call('GET', ARGV[5] .. seat)
    if not lock or lock:sub(1, #mine) ~= mine then
        return {-5}
    end
end

for seat in seats:gmatch('%d+') do
    redis.call('PEXPIRE', ARGV[5] .. seat, ARGV[4])
end

local till = now + ARGV[4]
local entry = table.concat({id, created, expires, 'O', key, fp, seats}, ' ')

redis.call('HSET', KEYS[2], user, entry .. record:sub(#line + 1),
           '#' .. id, table.concat({user, created, expires, key, fp, seats},
                                   ' '))
redis.call('ZADD', KEYS[3], till, '#' .. id, till, user)

return {1, seats, 1}

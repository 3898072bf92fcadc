-- Reads the state of every seat when it has changed, after setting free what
-- has run out.  A bounded number of holds is looked at in a call.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
-- ARGV  1 lowest version of the epoch  2 version the caller has
--       3 prefix of the seat locks     4 how long an ended line stays, ms
-- Reply {1, version, state or false, next, ended, ..}
--          state: 2 bits a seat, seat 0 in the highest bits of the first
--          byte; false when the caller has this version.
--          next: ms until the next hold runs out, 0 when one has, a day at
--          the most
--          ended: lines "user id created expires seats" of expired holds
--       {-1, version}  not loaded, or another epoch (0: nothing there)

local epoch = tonumber(ARGV[1])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

-- A lock lives through the millisecond of its end, by a clock that this script
-- read a moment ago: only what ended before that is looked at.

local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now - 2,
                       'LIMIT', 0, 128)
local reply, freed = {1, false, false, 86400000}, {}

-- Frees seats without a lock; false when a lock of the hold is still there.

local function free(seats, id)
    local over = true
    for seat in seats:gmatch('%d+') do
        local lock, at = redis.call('GET', ARGV[3] .. seat), '#' .. seat
        if not lock then
            local state = redis.call('BITFIELD', KEYS[2], 'GET', 'u2', at)
            if state[1] == 1 then
                redis.call('BITFIELD', KEYS[2], 'SET', 'u2', at, '0')
                freed[#freed + 1] = seat
            end
        elseif lock:find(':' .. id .. ':', 1, true) then
            over = false
        end
    end
    return over
end

for _, who in ipairs(due) do
    local record = redis.call('HGET', KEYS[3], who)

    if not record then
        redis.call('ZREM', KEYS[4], who)

    elseif who:sub(1, 1) == '#' then
        -- An order's hold whose time is over and that nobody has settled.
        local seats = record:match('^%S+ %S+ %S+ %S+ %S+ (%S+)')
        if free(seats, who:sub(2)) then
            redis.call('HDEL', KEYS[3], who)
            redis.call('ZREM', KEYS[4], who)
        end

    else
        local line = record:match('[^\n]+')
        local id, created, expires, flag, key, fp, seats =
            line:match('^(%S+) (%S+) (%S+) (%S) (%S+) (%S+) (%S+)')

        if flag ~= 'H' then
            redis.call('HDEL', KEYS[3], who)
            redis.call('ZREM', KEYS[4], who)

        elseif free(seats, id) then
            redis.call('HSET', KEYS[3], who,
                table.concat({id, created, expires, 'X', key, fp, seats}, ' ')
                .. record:sub(#line + 1))
            redis.call('ZADD', KEYS[4], now + ARGV[4], who)
            reply[#reply + 1] = table.concat({who, id, created, expires,
                                              seats}, ' ')
        end
    end
end

if #freed > 0 then
    version = redis.call('INCR', KEYS[1])
    redis.call('PUBLISH', KEYS[1], string.format('%d', version) .. ' 0:'
               .. table.concat(freed, ','))
end

local first = redis.call('ZRANGE', KEYS[4], 0, 0, 'WITHSCORES')
if first[2] then
    reply[4] = math.min(reply[4], math.max(0, first[2] - now))
end

reply[2] = string.format('%d', version)
if reply[2] ~= ARGV[2] then
    reply[3] = redis.call('GET', KEYS[2])
end

return reply

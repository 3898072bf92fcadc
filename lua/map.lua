-- Reads the state of every seat when it has changed, after setting free what
-- has run out.  A bounded number of holds is looked at in a call.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
-- ARGV  1 lowest version of the epoch  2 version the caller has
--       3 prefix of the seat locks     4 how long an ended line stays, ms
-- Reply {1, version, state or false, ended, ..}
--          state: 2 bits a seat, seat 0 in the highest bits of the first
--          byte; false when the caller has this version.
--          ended: lines "user id created expires seats" of expired holds
--       {-1, version}  not loaded, or another epoch (0: nothing there)

local epoch = tonumber(ARGV[1])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local due = redis.call('ZRANGEBYSCORE', KEYS[4], '-inf', now, 'LIMIT', 0, 128)
local reply, freed = {1, false, false}, {}

local function free(seats)
    for seat in seats:gmatch('%d+') do
        if redis.call('EXISTS', ARGV[3] .. seat) == 0 then
            local at = '#' .. seat
            local state = redis.call('BITFIELD', KEYS[2], 'GET', 'u2', at)
            if state[1] == 1 then
                redis.call('BITFIELD', KEYS[2], 'SET', 'u2', at, '0')
                freed[#freed + 1] = seat
            end
        end
    end
end

for _, who in ipairs(due) do
    local record = redis.call('HGET', KEYS[3], who)

    if not record then
        redis.call('ZREM', KEYS[4], who)

    elseif who:sub(1, 1) == '#' then
        -- An order's hold whose time is over and that nobody has settled.
        free(record:match('(%S+)$'))
        redis.call('HDEL', KEYS[3], who)
        redis.call('ZREM', KEYS[4], who)

    else
        local line = record:match('[^\n]+')
        local id, created, expires, flag, key, fp, seats =
            line:match('^(%S+) (%S+) (%S+) (%S) (%S+) (%S+) (%S+)')

        if flag == 'H' then
            free(seats)
            redis.call('HSET', KEYS[3], who,
                table.concat({id, created, expires, 'X', key, fp, seats}, ' ')
                .. record:sub(#line + 1))
            redis.call('ZADD', KEYS[4], now + ARGV[4], who)
            reply[#reply + 1] = table.concat({who, id, created, expires,
                                              seats}, ' ')
        else
            redis.call('HDEL', KEYS[3], who)
            redis.call('ZREM', KEYS[4], who)
        end
    end
end

if #freed > 0 then
    version = redis.call('INCR', KEYS[1])
    redis.call('PUBLISH', KEYS[1], version .. ' 0:'
               .. table.concat(freed, ','))
end

reply[2] = string.format('%d', version)
if reply[2] ~= ARGV[2] then
    reply[3] = redis.call('GET', KEYS[2])
end

return reply

-- Holds all the seats asked for, or none.  A user has one live hold in a show:
-- a new one replaces it.  With a hold id to change, that hold gets the new
-- seats and more time instead, up to its cap.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
--       5.. seat_lock:{show}:<seat>, one for each seat asked for
-- ARGV  1 lowest version of the epoch     2 user          3 new hold id
--       4 ttl, ms   5 cap, ms after creation              6 hold id to change, ''
--       7 idempotency key, hashed, ''     8 fingerprint of the payload
--       9 prefix of the seat locks       10.. seats, ascending
-- Reply {1, entry}           held
--       {2, entry}           the same request came before: its answer
--       {3, entry}           the user holds exactly these seats already
--       {0, seat, state, ..} refused: seats in conflict with their state
--       {-1, version}        not loaded, or another epoch (0: nothing there)
--       {-2}                 the key was used with another payload
--       {-3}                 no such hold to change
--       {-4}                 the hold to change belongs to an order
--       {-5}                 the hold to change has ended
--
-- hold:{show} has a field for each user: a line for each of the last answers,
-- the newest first, "id created expires flag key fingerprint seats".  Flags:
-- H held, O in an order, R released, X expired.  Keys are remembered as long
-- as these lines.

local epoch, user, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local key = ARGV[7]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local seats = table.concat(ARGV, ',', 10)

local version = redis.call('INCR', KEYS[1])

if version < epoch or version >= epoch + 1e9 then
    if version == 1 then
        redis.call('DEL', KEYS[1])
    else
        redis.call('DECR', KEYS[1])
    end
    return {-1, version - 1}
end

-- Every refusal below takes its version back: nothing has changed.

local function refuse(...)
    redis.call('DECR', KEYS[1])
    return {...}
end

local record = redis.call('HGET', KEYS[3], user)
local created, mine, old = now, nil, nil

if record then
    if key ~= '' then
        local from = record:find(' ' .. key .. ' ', 1, true)
        if from then
            for line in record:gmatch('[^\n]+') do
                local k, fp = line:match('^%S+ %S+ %S+ %S (%S+) (%S+) ')
                if k == key then
                    if fp ~= ARGV[8] then
                        return refuse(-2)
                    end
                    return refuse(2, line)
                end
            end
        end
    end

    local line = record:match('[^\n]+')
    local i, c, e, flag, s = line:match('^(%S+) (%S+) (%S+) (%S) %S+ %S+ (%S+)')
    local live = flag == 'H' and tonumber(e) > now

    if ARGV[6] ~= '' then
        if i ~= ARGV[6] then
            return refuse(redis.call('HEXISTS', KEYS[3], '#' .. ARGV[6]) == 1
                          and -4 or -3)
        end
        if flag == 'O' then
            return refuse(-4)
        end
        if not live then
            return refuse(-5)
        end
        id, created = i, tonumber(c)

    elseif live and s == seats then
        return refuse(3, line)
    end

    if live then
        mine, old = user .. ':' .. i .. ':', s
    end

elseif ARGV[6] ~= '' then
    return refuse(redis.call('HEXISTS', KEYS[3], '#' .. ARGV[6]) == 1
                  and -4 or -3)
end

-- Take the seats in the map; the answer is what they were before.  A seat
-- that was held counts as free when its lock has run out.

local n = #ARGV
local take = {'BITFIELD', KEYS[2]}
for i = 10, n do
    local at = #take
    take[at + 1], take[at + 2] = 'SET', 'u2'
    take[at + 3], take[at + 4] = '#' .. ARGV[i], '1'
end

local before = redis.call(unpack(take))
local conflicts

for i = 1, #before do
    local state = before[i]
    if state == 1 then
        local lock = redis.call('GET', KEYS[4 + i])
        if not lock or mine and lock:sub(1, #mine) == mine then
            state = 0
        end
    end
    if state ~= 0 then
        conflicts = conflicts or {0}
        conflicts[#conflicts + 1] = ARGV[9 + i]
        conflicts[#conflicts + 1] = state
    end
end

if conflicts then
    for i = 1, #before do
        take[2 + i * 4] = before[i]
    end
    redis.call(unpack(take))
    return refuse(unpack(conflicts))
end

local expires = now + ARGV[4]
if expires > created + ARGV[5] then
    expires = created + ARGV[5]
end
local ttl = expires - now
if ttl < 1 then
    for i = 1, #before do
        take[2 + i * 4] = before[i]
    end
    redis.call(unpack(take))
    return refuse(-5)
end

-- Nothing can fail from here on.

local delta = ' 1:' .. seats

if old then
    local asked, freed = {}, {}
    for i = 10, n do
        asked[ARGV[i]] = true
    end
    for seat in old:gmatch('%d+') do
        if not asked[seat] then
            -- it may have run out in this very millisecond
            local lock = redis.call('GET', ARGV[9] .. seat)
            if lock and lock:sub(1, #mine) == mine then
                redis.call('DEL', ARGV[9] .. seat)
                redis.call('BITFIELD', KEYS[2], 'SET', 'u2', '#' .. seat, '0')
                freed[#freed + 1] = seat
            end
        end
    end
    if #freed > 0 then
        delta = delta .. ' 0:' .. table.concat(freed, ',')
    end
end

local lock = user .. ':' .. id .. ':' .. now
for i = 5, #KEYS do
    redis.call('SET', KEYS[i], lock, 'PX', ttl)
end

local entry = id .. ' ' .. created .. ' ' .. expires .. ' H '
              .. (key == '' and '-' or key) .. ' ' .. ARGV[8] .. ' ' .. seats

if record then
    -- the newest three of the older lines stay
    local last = 0
    for _ = 1, 3 do
        last = record:find('\n', last + 1, true)
        if not last then break end
    end
    record = entry .. '\n' .. (last and record:sub(1, last - 1) or record)
else
    record = entry
end

redis.call('HSET', KEYS[3], user, record)
redis.call('ZADD', KEYS[4], expires, user)
redis.call('PUBLISH', KEYS[1], version .. delta)

return {1, entry}

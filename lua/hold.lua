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

-- Redis turns each number that it is given into a text by way of a double,
-- which costs as much as a small command: times stay texts where they can.

local call, format = redis.call, string.format
local epoch, user, id = tonumber(ARGV[1]), ARGV[2], ARGV[3]
local key = ARGV[7]
local time = call('TIME')
local created = time[1] .. ('00000' .. time[2]):sub(-6, -4)
local now = tonumber(created)
local seats = table.concat(ARGV, ',', 10)

local version = call('INCR', KEYS[1])

if version < epoch or version >= epoch + 1e9 then
    if version == 1 then
        call('DEL', KEYS[1])
    else
        call('DECR', KEYS[1])
    end
    return {-1, version - 1}
end

-- Every refusal below takes its version back: nothing has changed.

local function refuse(...)
    call('DECR', KEYS[1])
    return {...}
end

local record = call('HGET', KEYS[3], user)
local ttl, mine, old = ARGV[4], nil, nil

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
            if call('HEXISTS', KEYS[3], '#' .. ARGV[6]) == 1 then
                return refuse(-4)
            end
            -- an older line is a hold that a later one has replaced
            return refuse(record:find('\n' .. ARGV[6] .. ' ', 1, true)
                          and -5 or -3)
        end
        if flag == 'O' then
            return refuse(-4)
        end
        if not live then
            return refuse(-5)
        end
        id, created = i, c

        -- a hold gets no older than its cap
        if now + ttl > c + ARGV[5] then
            ttl = format('%d', c + ARGV[5] - now)
            if tonumber(ttl) < 1 then
                return refuse(-5)
            end
        end
    end

    -- One that has run out and was not swept yet is swept here: its line, and
    -- with it the sweep's knowledge of its seats, is about to go.
    if flag == 'H' then
        mine, old = user .. ':' .. i .. ':', s
    end

    if live then
        -- the same seats again: the same hold, unless a lock of it was lost
        if ARGV[6] == '' and s == seats then
            local whole = true
            for k = 5, #KEYS do
                local lock = call('GET', KEYS[k])
                whole = whole and lock and lock:sub(1, #mine) == mine
            end
            if whole then
                return refuse(3, line)
            end
        end
    end

elseif ARGV[6] ~= '' then
    return refuse(call('HEXISTS', KEYS[3], '#' .. ARGV[6]) == 1
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

local before = call(unpack(take))
local conflicts

for i = 1, #before do
    local state = before[i]
    if state == 1 then
        local lock = call('GET', KEYS[4 + i])
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
    call(unpack(take))
    return refuse(unpack(conflicts))
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
            local lock = call('GET', ARGV[9] .. seat)
            if not lock or lock:sub(1, #mine) == mine then
                local at = '#' .. seat
                call('DEL', ARGV[9] .. seat)
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
end

local lock = user .. ':' .. id .. ':' .. format('%d', now)
local expires = format('%d', now + ttl)

-- A key lives through the millisecond that PXAT names, a hold ends before it.

local ends = format('%d', now + ttl - 1)

for i = 5, #KEYS do
    call('SET', KEYS[i], lock, 'PXAT', ends)
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

call('HSET', KEYS[3], user, record)
call('ZADD', KEYS[4], expires, user)
call('PUBLISH', KEYS[1], format('%d', version) .. delta)

return {1, entry}

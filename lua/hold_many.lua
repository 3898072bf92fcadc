-- Holds seats for several users of one show at once: what hold.lua does, for
-- those to whom the simple case applies.  A crowd's holds share the clock, the
-- version, the map, the index and the delta.
--
-- KEYS  1 version:{show}  2 state:{show}  3 hold:{show}  4 expiry:{show}
--       5.. seat_lock:{show}:<seat>, of the first request, the second, ...
-- ARGV  1 lowest version of the epoch  2 ttl, ms
--       3.. for each request: user, new hold id, idempotency key or '-',
--           fingerprint or '-', number of seats, seats ("17,18", ascending)
-- Reply {1, created, expires, answer, ..}, an answer for each request:
--          1                   held
--          0                   not simple: ask hold.lua
--          {i, state, ..}      refused: its i-th seat, from 1, has that state
--       {-1, version}  not loaded, or another epoch (0: nothing there)
--
-- Not simple is a user who has a record in the show, or asks twice, and a seat
-- whose lock has run out or is wanted by another of these requests.

local call, format = redis.call, string.format
local epoch, ttl = tonumber(ARGV[1]), ARGV[2]
local version = call('INCR', KEYS[1])

if version < epoch or version >= epoch + 1e9 then
    if version == 1 then
        call('DEL', KEYS[1])
    else
        call('DECR', KEYS[1])
    end
    return {-1, version - 1}
end

local time = call('TIME')
local created = time[1] .. ('00000' .. time[2]):sub(-6, -4)
local expires = format('%d', tonumber(created) + ttl)
local ends = format('%d', tonumber(created) + ttl - 1)   -- see hold.lua
local reply = {1, created, expires}

local n = (#ARGV - 2) / 6
local users = {'HMGET', KEYS[3]}
for r = 1, n do
    users[r + 2] = ARGV[6 * r - 3]
end

local records, seen = call(unpack(users)), {}
local take = {'BITFIELD', KEYS[2]}

for r = 1, n do
    local user = users[r + 2]
    if records[r] or seen[user] then
        reply[r + 3] = 0
    else
        seen[user] = true
        for seat in ARGV[6 * r + 2]:gmatch('%d+') do
            local at = #take
            take[at + 1], take[at + 2] = 'SET', 'u2'
            take[at + 3], take[at + 4] = '#' .. seat, '1'
        end
    end
end

local before = #take > 2 and call(unpack(take)) or {}
local locks, taken, lost = 4, 0, {}
local held, index, all = {'HSET', KEYS[3]}, {'ZADD', KEYS[4]}, {}

for r = 1, n do
    local at = 6 * r - 4
    local count = tonumber(ARGV[at + 5])

    if reply[r + 3] ~= 0 then
        local answer = 1

        for i = 1, count do
            local state = before[taken + i]
            if state == 1 and not call('GET', KEYS[locks + i]) then
                answer = 0
                break
            elseif state ~= 0 then
                if answer == 1 then
                    answer = {}
                end
                answer[#answer + 1] = i
                answer[#answer + 1] = state
            end
        end

        if answer == 1 then
            local user, id, seats = ARGV[at + 1], ARGV[at + 2], ARGV[at + 6]
            local lock = user .. ':' .. id .. ':' .. created
            for i = 1, count do
                call('SET', KEYS[locks + i], lock, 'PXAT', ends)
            end

            local to = #held
            held[to + 1] = user
            held[to + 2] = id .. ' ' .. created .. ' ' .. expires .. ' H '
                           .. ARGV[at + 3] .. ' ' .. ARGV[at + 4] .. ' '
                           .. seats
            index[to + 1], index[to + 2] = expires, user
            all[#all + 1] = seats
        else
            lost[#lost + 1] = taken
            lost[#lost + 1] = count
        end

        reply[r + 3] = answer
        taken = taken + count
    end

    locks = locks + count
end

-- Give back, last first: a seat may have been taken twice above.

if #lost > 0 then
    local back = {'BITFIELD', KEYS[2]}
    for i = #lost - 1, 1, -2 do
        for k = lost[i] + lost[i + 1], lost[i] + 1, -1 do
            local to = #back
            back[to + 1], back[to + 2] = 'SET', 'u2'
            back[to + 3], back[to + 4] = take[4 * k + 1], before[k]
        end
    end
    call(unpack(back))
end

if #all > 0 then
    call(unpack(held))
    call(unpack(index))
    call('PUBLISH', KEYS[1], format('%d', version) .. ' 1:'
         .. table.concat(all, ','))
else
    call('DECR', KEYS[1])
end

return reply

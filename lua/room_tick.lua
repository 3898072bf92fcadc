-- The turn of a node in a waiting room: what happened there goes into the log,
-- it gets numbers to give, and what happened elsewhere.
--
-- KEYS  1 room:{name}  2 room_log:{name}  3 room_nodes:{name}
-- ARGV  1 node  2 last entry of the log that it has, "0-0" for none
--       3 numbers it wants  4 its open block, by the number it began with, or -
--       5 first number of it not told yet  6 ids from there on, 8 bytes each
--       7 first number not told of the block it has left  8 ids of that
--       9 end of that, 0: there is none
--       10 numbers of places that are over, 8 bytes each, little-endian
--       11 numbers of passes that were fetched, likewise
--       12 1: may be the leader, 0: not, -1: goes away
--       13 cursor from which 14 counts: bits of the places that it has seen
--       15 entries of the log at the most
--       16 epoch that it has, "" for none  17 ceiling, as PostgreSQL has it
--       18 sale that it has  19 numbers of passes that were spent
--       20 number from which on none was given, as far as it knows
-- Reply {1, settings.., state.., entries, seen}, see ngx_bo_room_tick.c
--       {-1} there is no room: make it
--
-- A node that is silent for 3 s loses its block: it has not given a number of
-- it for 1.5 s by then.  Nobody knows which ones it gave last; who has one
-- shows it.  The log is what makes all nodes agree, so whatever it says is
-- said in one order.  It is kept for longer than a ticket is good.

local GONE, SEEN, LEASE, HISTORY = 3000, 10000, 1500, 26 * 3600 * 1000
local LOST = 30000

local room = redis.call('HMGET', KEYS[1], 'epoch', 'next', 'ceiling',
                        'cursor', 'phase', 'opens', 'lfirst', 'lend',
                        'leader', 'until', 'fence', 'granted', 'sale',
                        'base', 'born')
local epoch = room[1]

if not epoch then
    return {-1}
end

local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local node = ARGV[1]
local fresh = ARGV[16] ~= epoch

local function int(n)
    return string.format('%d', n)
end

local next = tonumber(room[2])
local ceiling = math.max(tonumber(room[3]), tonumber(ARGV[17]))

if ceiling ~= tonumber(room[3]) then
    redis.call('HSET', KEYS[1], 'ceiling', int(ceiling))
end

-- A replica that was promoted, or a log that lost its tail, is behind the
-- nodes: no number is given twice, and nobody is admitted again.
local cursor, base = tonumber(room[4]), tonumber(room[14])
local reached = tonumber(ARGV[13])

if not fresh and room[13] == ARGV[18] then
    if tonumber(ARGV[20]) > next then
        next = tonumber(ARGV[20])
        ceiling = math.max(ceiling, next)
        redis.call('HSET', KEYS[1], 'next', int(next), 'ceiling', int(ceiling))
    end
    -- a cursor at base is that of a node which has not heard of any grant
    if reached > cursor and (room[12] or reached ~= base) then
        cursor = reached
        redis.call('HSET', KEYS[1], 'cursor', ARGV[13])
    end
end

local function add(kind, from, data)
    redis.call('XADD', KEYS[2], '*', 'n', node, 'k', kind, 'f',
               int(tonumber(from)), 'd', data)
end

-- Redis has lost the cursor, and the nodes have it; nobody is passed over by
-- one that knows less.
if not room[12] and room[13] == ARGV[18] and reached < cursor then
    cursor = reached
    redis.call('HSET', KEYS[1], 'cursor', ARGV[13], 'start', ARGV[13])
end

-- Its blocks as Redis has them: the open one, and the one it is leaving.
local mine = redis.call('HGET', KEYS[3], node .. ':b') or ''
local b = {}

for n in mine:gmatch('%d+') do
    b[#b + 1] = tonumber(n)
end

local id, first, last = b[2] or 0, b[3] or 0, b[4] or 0
local id2, first2, last2 = b[5] or 0, b[6] or 0, b[7] or 0
local told = tonumber(ARGV[5]) + #ARGV[6] / 8

-- Who has left is out before he is in again: of two places of one person the
-- other nodes keep the first.
if #ARGV[10] > 0 then
    add('L', 0, ARGV[10])
end

if #ARGV[6] > 0 then
    add('J', ARGV[5], ARGV[6])
end

if tonumber(ARGV[9]) > 0 then
    if #ARGV[8] > 0 then
        add('J', ARGV[7], ARGV[8])
    end
    add('U', tonumber(ARGV[7]) + #ARGV[8] / 8, ARGV[9])
    id2, first2, last2 = 0, 0, 0
end

if last > 0 and id == tonumber(ARGV[4]) then
    first = told
    -- of the one before it knows less than was lent, for an answer was lost
    if last2 > first2 then
        add('U', first2, int(last2))
        id2, first2, last2 = 0, 0, 0
    end
elseif last2 > 0 and id2 == tonumber(ARGV[4]) then
    -- the answer that lent it another block never came
    add('U', first, int(last))
    id, first, last = id2, told, last2
    id2, first2, last2 = 0, 0, 0
else
    if last > first then
        add('X', first, int(last))
    end
    id, first, last = 0, 0, 0
end

if #ARGV[11] > 0 then
    add('C', 0, ARGV[11])
end

if #ARGV[19] > 0 then
    add('S', 0, ARGV[19])
end

-- The lobby ends when the room opens, by the clock or by hand.
local phase, opens = room[5], tonumber(room[6] or 0)
local lfirst, llast = tonumber(room[7] or -1), tonumber(room[8] or -1)

if phase == 'LOBBY' and opens > 0 and now >= opens then
    phase = 'OPEN'
    redis.call('HSET', KEYS[1], 'phase', phase)
end

if phase == 'LOBBY' and lfirst < 0 then
    lfirst = next
    redis.call('HSET', KEYS[1], 'lfirst', int(lfirst))
elseif phase ~= 'LOBBY' and lfirst >= 0 and llast < 0 then
    llast = next
    redis.call('HSET', KEYS[1], 'lend', int(llast))
end

local want = math.min(tonumber(ARGV[3]), ceiling - next)
local role = ARGV[12]

if role == '-1' then
    if last > first then
        add('U', first, int(last))
    end
elseif want > 0 then
    -- nobody who comes after the lobby has a number of it
    if last == next and last > 0 and first >= llast then
        last = next + want
    else
        if last > first then
            id2, first2, last2 = id, first, last
        end
        id, first, last = next, next, next + want
    end
    next = next + want
    redis.call('HSET', KEYS[1], 'next', int(next))
end

-- Who is there, whom they have seen, and below which all is known.
if role == '-1' then
    redis.call('HDEL', KEYS[3], node .. ':b', node .. ':s')
else
    redis.call('HSET', KEYS[3],
               node .. ':b', string.format('%d %d %d %d %d %d %d', now, id,
                                           first, last, id2, first2, last2),
               node .. ':s', string.format('%d %s ', now, ARGV[13]) .. ARGV[14])
end

local nodes = redis.call('HGETALL', KEYS[3])
local known, seen, count = next, {}, 0

for i = 1, #nodes, 2 do
    local name, kind = nodes[i]:match('^(.-):(.)$')
    local at = tonumber(nodes[i + 1]:match('^%d+'))
    local age = math.abs(now - at)

    if kind == 'b' then
        local f, e, f2, e2 = nodes[i + 1]:match(
            '^%d+ %d+ (%d+) (%d+) %d+ (%d+) (%d+)')
        if age > GONE then
            redis.call('HDEL', KEYS[3], nodes[i])
            add('X', f, e)
            add('X', f2, e2)
        else
            count = count + 1
            if tonumber(e) > tonumber(f) then
                known = math.min(known, tonumber(f))
            end
            if tonumber(e2) > tonumber(f2) then
                known = math.min(known, tonumber(f2))
            end
        end
    elseif age > SEEN then
        redis.call('HDEL', KEYS[3], nodes[i])
    elseif name ~= node then
        seen[#seen + 1] = nodes[i + 1]:match('^%d+ (.*)$')
    end
end

-- One node admits.  Whoever takes over begins with nothing in its bucket.
local leader, till = room[9] or '', tonumber(room[10] or 0)
local fence = tonumber(room[11] or 0)

if leader ~= '' and (now > till or till - now > 2 * LEASE
                     or (leader == node and role ~= '1')) then
    leader = ''
    redis.call('HSET', KEYS[1], 'leader', '')
end

if role == '1' and (leader == '' or leader == node) then
    if leader == '' then
        fence = fence + 1
    end
    leader = node
    redis.call('HSET', KEYS[1], 'leader', node, 'fence', fence,
               'until', int(now + LEASE))
end

-- Redis has lost who waits below base, and nobody who knew it leads: they lose
-- their places, and the room goes on.
if leader == '' and cursor < base
   and now - math.max(till, tonumber(room[15])) > LOST then
    add('G', cursor, int(base) .. ' '
                     .. string.rep('\255', math.ceil((base - cursor) / 8)))
    redis.call('HSET', KEYS[1], 'cursor', int(base), 'granted', '1')
    cursor = base
end

redis.call('XTRIM', KEYS[2], 'MINID', '~', int(now - HISTORY))

local log = redis.call('XRANGE', KEYS[2],
                       fresh and '-' or '(' .. ARGV[2], '+', 'COUNT', ARGV[15])
local entries = {}

for i = 1, #log do
    local e = log[i][2]
    entries[i] = {log[i][1], e[2], e[4], e[6], e[8]}
end

return {1, redis.call('HMGET', KEYS[1], 'sale', 'key', 'phase', 'rate',
                      'capacity', 'message', 'show', 'opens', 'settings',
                      'base', 'start', 'commitment', 'drawn', 'epoch',
                      'ceiling', 'lfirst', 'lend', 'seed', 'born'),
        {next, known, id, first, last, leader == node and fence or 0, count,
         #log < tonumber(ARGV[15]) and 1 or 0, cursor},
        entries, seen}

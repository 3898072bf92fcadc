-- Makes a waiting room, or brings it to other settings.
--
-- KEYS  1 room:{name}  2 room_log:{name}  3 room_nodes:{name}
-- ARGV  1 epoch, for a room that is not there  2 sale  3 key  4 seed
--       5 commitment  6 first number, for a room that is not there  7 ceiling
--       8 phase  9 rate  10 capacity  11 opens, ms  12 message  13 show
--       14 number of the settings  15 cursor, for a room that is not there
-- Reply 1: they are these, or newer ones

local now = redis.call('HMGET', KEYS[1], 'epoch', 'settings', 'sale', 'next',
                       'phase')

local function set()
    redis.call('HSET', KEYS[1], 'phase', ARGV[8], 'rate', ARGV[9],
               'capacity', ARGV[10], 'opens', ARGV[11], 'message', ARGV[12],
               'show', ARGV[13], 'settings', ARGV[14])
end

-- Settings count on through all sales: what comes late undoes nothing.
if now[1] and tonumber(now[2]) >= tonumber(ARGV[14]) then
    return 1
end

-- Another sale: everybody inside is out, and the numbers go on.
if not now[1] or now[3] ~= ARGV[2] then
    local first = now[1] and now[4] or ARGV[6]
    local cursor = now[1] and first or ARGV[15]
    local time = redis.call('TIME')
    redis.call('DEL', KEYS[1], KEYS[2], KEYS[3])
    redis.call('HSET', KEYS[1], 'epoch', ARGV[1], 'sale', ARGV[2],
               'key', ARGV[3], 'seed', ARGV[4], 'commitment', ARGV[5],
               'next', first, 'base', first, 'cursor', cursor,
               'start', cursor,
               'born', time[1] .. string.format('%03d',
                                                math.floor(time[2] / 1000)),
               'ceiling', ARGV[7])
    set()
    return 1
end

-- Another lobby, another draw.
if ARGV[8] == 'LOBBY' and now[5] ~= 'LOBBY' then
    redis.call('HDEL', KEYS[1], 'lfirst', 'lend', 'drawn')
end

set()

return 1

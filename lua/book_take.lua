-- Takes messages of a show's stream for a handler: its own that it has not
-- acknowledged, or those that a dead one has left, and new ones.
--
-- KEYS  1 bookings:{show}
-- ARGV  1 lowest version of the epoch: not looked at
--       2 consumer   3 messages at most
--       4 after how many ms a message is taken from another, '' for not now
--       5 '1': own messages only, which were given before
--       6 '1': a stream without messages is taken away
-- Reply {1, waiting, age, id, fields, id, fields, ..}
--       waiting: messages in the stream, given or not
--       age: ms since the oldest of them came

local call = redis.call
local waiting = call('XLEN', KEYS[1])

if waiting == 0 then
    if ARGV[6] == '1' then
        call('DEL', KEYS[1])
    end
    return {1, 0, 0}
end

local first = call('XRANGE', KEYS[1], '-', '+', 'COUNT', 1)[1]
local time = call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local reply = {1, waiting,
               math.max(0, now - tonumber(first[1]:match('^%d+')))}

local function read(from)
    return redis.pcall('XREADGROUP', 'GROUP', 'persist', ARGV[2], 'COUNT',
                       ARGV[3], 'STREAMS', KEYS[1], from)
end

local function add(entries)
    for _, entry in ipairs(entries) do
        -- a message that was deleted has no fields
        if entry and entry[2] then
            reply[#reply + 1] = entry[1]
            reply[#reply + 1] = entry[2]
        end
    end
end

local got = read(ARGV[5] == '1' and '0' or '>')

if got and got.err then
    -- the first who looks; what is there already counts, too
    call('XGROUP', 'CREATE', KEYS[1], 'persist', '0')
    got = read('>')
end

if got and got.err then
    return got
end

if ARGV[4] ~= '' then
    add(call('XAUTOCLAIM', KEYS[1], 'persist', ARGV[2], ARGV[4], '0-0',
             'COUNT', ARGV[3])[2])
end

if got then
    add(got[1][2])
end

return reply

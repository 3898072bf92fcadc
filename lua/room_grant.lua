-- The leader of a waiting room admits, or draws the lobby's order.
--
-- KEYS  1 room:{name}  2 room_log:{name}
-- ARGV  1 node  2 fence that it leads by  3 G or D  4 from  5 to  6 data
--       G: the cursor goes from .. to; data: bits of those who are skipped
--       D: the ranks of from .. to-1 are drawn; data: key, digest of the ids
--       7 last entry of the log that it has
-- Reply 1, or 0 when it does not lead any more, the cursor is elsewhere, or
--       somebody may have left whom it has drawn

local room = redis.call('HMGET', KEYS[1], 'leader', 'fence', 'cursor', 'lend',
                        'drawn')

if room[1] ~= ARGV[1] or room[2] ~= ARGV[2] then
    return 0
end

if ARGV[3] == 'G' then
    if room[3] ~= ARGV[4] then
        return 0
    end
    redis.call('HSET', KEYS[1], 'cursor', ARGV[5], 'granted', '1')
else
    local last = redis.call('XREVRANGE', KEYS[2], '+', '-', 'COUNT', 1)[1]
    if room[4] ~= ARGV[5] or room[5] or (last and last[1] ~= ARGV[7]) then
        return 0
    end
    redis.call('HSET', KEYS[1], 'drawn', '1')
end

redis.call('XADD', KEYS[2], '*', 'n', ARGV[1], 'k', ARGV[3], 'f', ARGV[4],
           'd', ARGV[5] .. ' ' .. ARGV[6])

return 1

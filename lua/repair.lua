-- Repairs seats that differ from PostgreSQL, which has the last word.  The
-- caller has seen each difference twice, some time apart.
--
-- KEYS  1 version:{show}  2 state:{show}
-- ARGV  1 lowest version of the epoch  2 prefix of the seat locks
--       3.. seat, what it is, what it should be: 2 sold, 0 not sold
-- Reply {1, repaired}  how many seats still differed
--       {-1, version}  not loaded, or another epoch

local epoch = tonumber(ARGV[1])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local changed = {}

for i = 3, #ARGV, 3 do
    local seat, is, should = ARGV[i], tonumber(ARGV[i + 1]), ARGV[i + 2]
    local state = redis.call('BITFIELD', KEYS[2], 'GET', 'u2', '#' .. seat)
    if state[1] == is then
        redis.call('DEL', ARGV[2] .. seat)
        redis.call('BITFIELD', KEYS[2], 'SET', 'u2', '#' .. seat, should)
        changed[#changed + 1] = should .. ':' .. seat
    end
end

if #changed > 0 then
    version = redis.call('INCR', KEYS[1])
    redis.call('PUBLISH', KEYS[1], string.format('%d', version) .. ' '
               .. table.concat(changed, ' '))
end

return {1, #changed}

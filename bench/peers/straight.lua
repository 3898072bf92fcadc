-- The straightforward script: what one writes at first, and what works.  Every
-- thing has a key of its own.
--
-- KEYS  1 epoch:{show}  2 version:{show}  3 holds:{show}  4 hold:{show}:<id>
--       5 user_hold:{show}:<user>  6.. seat_lock:{show}:<label>
-- ARGV  1 epoch  2 user  3 hold id  4 ttl, ms  5 now, ms  6.. labels
-- Reply {1, expires, ms} held, {0, label, ..} for a conflict,
--       {-1} for another epoch

if redis.call('GET', KEYS[1]) ~= ARGV[1] then
    return {-1}
end

local locks = {}
for i = 6, #KEYS do
    locks[#locks + 1] = KEYS[i]
end

local conflicts = {0}
local found = redis.call('MGET', unpack(locks))

for i, lock in ipairs(found) do
    if lock and string.match(lock, '^([^:]+)') ~= ARGV[2] then
        conflicts[#conflicts + 1] = ARGV[5 + i]
    end
end

if #conflicts > 1 then
    return conflicts
end

local value = ARGV[2] .. ':' .. ARGV[3] .. ':' .. ARGV[5]
for _, key in ipairs(locks) do
    redis.call('SET', key, value, 'PX', ARGV[4])
end

local seats = table.concat(ARGV, ',', 6)
local expires = tonumber(ARGV[5]) + tonumber(ARGV[4])

redis.call('HSET', KEYS[4], 'user', ARGV[2], 'seats', seats,
           'created', ARGV[5], 'expires', expires)
redis.call('PEXPIRE', KEYS[4], ARGV[4])
redis.call('SET', KEYS[5], ARGV[3], 'PX', ARGV[4])
redis.call('ZADD', KEYS[3], expires, ARGV[3])

local version = redis.call('INCR', KEYS[2])
redis.call('PUBLISH', KEYS[2], version .. ' 1:' .. seats)

return {1, expires}

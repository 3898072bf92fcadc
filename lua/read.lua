-- Reads a user's hold, or what an idempotency key of his was answered.
--
-- KEYS  1 version:{show}  2 hold:{show}
-- ARGV  1 lowest version of the epoch  2 user  3 hold id, '' to look for a key
--       with a key: 4 the key, hashed  5 fingerprint of the payload
-- Reply {1, entry, now}  its newest line and Redis's clock, ms
--       {2, entry}       the line that was answered with this key
--       {-1, version}    not loaded, or another epoch (0: nothing there)
--       {-2}             the key was used with another payload
--       {-3}             no such hold, or key, of this user

local epoch = tonumber(ARGV[1])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local record = redis.call('HGET', KEYS[2], ARGV[2])

if not record then
    return {-3}
end

if ARGV[3] == '' then
    for line in record:gmatch('[^\n]+') do
        local key, fp = line:match('^%S+ %S+ %S+ %S (%S+) (%S+) ')
        if key == ARGV[4] then
            return fp == ARGV[5] and {2, line} or {-2}
        end
    end
    return {-3}
end

for line in record:gmatch('[^\n]+') do
    if line:sub(1, #ARGV[3] + 1) == ARGV[3] .. ' ' then
        local time = redis.call('TIME')
        local now = time[1] * 1000 + math.floor(time[2] / 1000)

        -- An older line of a hold was ended by the one that replaced it.
        if line ~= record:match('[^\n]+') then
            line = line:gsub('^(%S+ %S+ %S+) H', '%1 R')
        end
        return {1, line, tostring(now)}
    end
end

return {-3}

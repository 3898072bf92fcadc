-- Reads a user's hold.
--
-- KEYS  1 version:{show}  2 hold:{show}
-- ARGV  1 lowest version of the epoch  2 user  3 hold id
-- Reply {1, entry, now}  its newest line and Redis's clock, ms
--       {-1, version}    not loaded, or another epoch (0: nothing there)
--       {-3}             no such hold of this user

local epoch = tonumber(ARGV[1])
local version = tonumber(redis.call('GET', KEYS[1]) or 0)

if version < epoch or version >= epoch + 1e9 then
    return {-1, version}
end

local record = redis.call('HGET', KEYS[2], ARGV[2])

if record then
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
end

return {-3}

-- What an idempotency key of a user was answered by book.lua.
--
-- KEYS  1 booking_key:{show}:<hash of user and idempotency key>
-- ARGV  1 lowest version of the epoch: not looked at
--       2 fingerprint of the payload
-- Reply {2, answer}  see book.lua
--       {-2}         the key was used with another payload
--       {-3}         it was not used, or is forgotten

local used = redis.call('GET', KEYS[1])

if not used then
    return {-3}
end

local fingerprint, answer = used:match('^(%S+) (.*)')

if fingerprint ~= ARGV[2] then
    return {-2}
end

return {2, answer}

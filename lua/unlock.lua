-- Lets go of a lock, unless it ran out and somebody else has it by now.
--
-- KEYS  1 the lock
-- ARGV  1 what its owner wrote into it
-- Reply 1 it is free, 0 it was not his

if redis.call('GET', KEYS[1]) == ARGV[1] then
    return redis.call('DEL', KEYS[1])
end

return 0

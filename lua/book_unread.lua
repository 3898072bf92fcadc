-- A message that nobody can read goes to a stream of its own, as it is, and is
-- handled no more.
--
-- KEYS  1 bookings:{show}   2 unread:{show}
-- ARGV  1 message id
-- Reply 1 it went there, 0 it is gone

local call = redis.call
local entry = call('XRANGE', KEYS[1], ARGV[1], ARGV[1])[1]

if entry then
    call('XADD', KEYS[2], 'MAXLEN', '~', 10000, '*', 'id', entry[1],
         unpack(entry[2]))
end

redis.pcall('XACK', KEYS[1], 'persist', ARGV[1])
call('XDEL', KEYS[1], ARGV[1])

return entry and 1 or 0

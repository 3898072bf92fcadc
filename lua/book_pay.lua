-- Completes a booking: notes the payment, and appends the message that has it
-- confirmed.  It stands behind the booking's own message in the same stream.
--
-- KEYS  1 booking:{show}:<booking id>  2 bookings:{show}
-- ARGV  1 lowest version of the epoch: a booking outlives it, not looked at
--       2 user   3 booking id   4 payment
--       5 idempotency key, hashed       6 fingerprint of the payload
-- Reply {1, booking}  on its way; booking is "status created expires amount
--                     currency method seats"
--       {2, booking}  the same request came before
--       {3, booking}  that payment is on its way already
--       {-2}          the key was used with another payload
--       {-3}          nothing is known here: ask PostgreSQL
--       {-4}          another payment is on its way

local b = redis.call('HMGET', KEYS[1], 's', 'u', 'c', 'e', 'a', 'y', 'm', 'n',
                     'k', 'p', 'pk', 'pf')

if b[2] ~= ARGV[2] or b[1] ~= 'PENDING' and b[1] ~= 'COMPLETING' then
    return {-3}
end

local booking = table.concat({'COMPLETING', b[3], b[4], b[5], b[6], b[7],
                              b[8]}, ' ')

if b[9] == ARGV[5] then
    return {-2}
end

if b[11] == ARGV[5] then
    if b[12] == ARGV[6] then
        return {2, booking}
    end
    return {-2}
end

if b[1] == 'COMPLETING' then
    if b[10] == ARGV[4] then
        return {3, booking}
    end
    return {-4}
end

redis.call('HSET', KEYS[1], 's', 'COMPLETING', 'p', ARGV[4], 'pk', ARGV[5],
           'pf', ARGV[6])
redis.call('XADD', KEYS[2], '*', 't', 'complete', 'b', ARGV[3], 'u', ARGV[2],
           'p', ARGV[4])

return {1, booking}

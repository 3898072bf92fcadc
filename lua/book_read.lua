-- Reads a booking that PostgreSQL does not know yet.
--
-- KEYS  1 booking:{show}:<booking id>
-- ARGV  1 lowest version of the epoch: not looked at  2 user
-- Reply {1, booking}  "status created expires amount currency method seats
--                     reason", reason is "-" when there is none
--       {-3}          no such booking of this user

local b = redis.call('HMGET', KEYS[1], 's', 'u', 'c', 'e', 'a', 'y', 'm', 'n',
                     'r')

if b[2] ~= ARGV[2] then
    return {-3}
end

return {1, table.concat({b[1], b[3], b[4], b[5], b[6], b[7], b[8],
                         b[9] or '-'}, ' ')}

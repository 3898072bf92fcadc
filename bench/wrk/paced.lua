-- Writes POST /holds of two seats as lines for pace.c.
--
--   lua5.1 paced.lua DIR WALK RUN REQUESTS PATH
--
-- The others as in holds.lua.

local common = dofile(arg[1] .. '/common.lua')
local next_pair = common.walker(arg[2], 0, 1)

for n = 1, tonumber(arg[4]) do
    local show, labels = next_pair()

    io.write('POST ', arg[5], '\tx-user-id: u', arg[3], '.', n,
             '\tIdempotency-Key: ', arg[3], '-', n, '\t{"showId":"', show,
             '","seatIds":[', labels, ']}\n')
end

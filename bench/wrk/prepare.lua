-- Writes holds as commands of Redis, for "redis-cli --pipe".
--
--   lua5.1 prepare.lua DIR WALK RUN HOLDS FIRST_NO SHA EPOCHS
--
-- SHA     of lua/hold.lua, loaded
-- EPOCHS  file with a line for each show: its id, and the lowest version of
--         its epoch
-- The others as in orders.lua.

local common = dofile(arg[1] .. '/common.lua')
local walk, run, holds = arg[2], tonumber(arg[3]), tonumber(arg[4])
local first_no, sha = tonumber(arg[5]), arg[6]

local epochs = {}
for line in io.lines(arg[7]) do
    local show, base = line:match('^(%S+) (%S+)$')
    epochs[show] = base
end


local function command(words)
    local out = {'*', #words, '\r\n'}
    for _, word in ipairs(words) do
        out[#out + 1] = '$' .. #word .. '\r\n' .. word .. '\r\n'
    end
    io.write(table.concat(out))
end


for step = 0, holds - 1 do
    local number, pair = common.place(walk, step)
    local show = common.uuid(number)
    local lock = 'seat_lock:{' .. show .. '}:'
    local a, b = tostring(pair * 2), tostring(pair * 2 + 1)

    command {
        'EVALSHA', sha, '6', 'version:{' .. show .. '}',
        'state:{' .. show .. '}', 'hold:{' .. show .. '}',
        'expiry:{' .. show .. '}', lock .. a, lock .. b,
        epochs[show] or error('no epoch of ' .. show), 'o' .. run .. '.' .. step,
        common.hold_id(run, common.show_no(first_no, number), step),
        '300000', '600000', '', '', '-', lock, a, b
    }
end

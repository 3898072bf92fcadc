-- POST /holds of two seats.
--
--   wrk ... -s holds.lua URL -- DIR WALK RUN THREADS [count]
--
-- DIR   of common.lua          WALK  spread, one, warm-spread or warm-one
-- RUN   makes users and keys different from those of another run
-- count the answers are counted by status, too

local common

function setup(thread)
    if not common then
        common = dofile(wrk_dir() .. '/common.lua')
    end
    common.setup(thread)
end


-- setup() has no arguments; the script's own directory leads to common.lua.
function wrk_dir()
    return debug.getinfo(1, 'S').source:match('^@(.*)/') or '.'
end


function init(args)
    common = dofile(args[1] .. '/common.lua')

    local run = args[3]
    local next_pair = common.walker(args[2], thread_no, tonumber(args[4]))
    local path = wrk.path
    local n = 0

    function request()
        local show, labels = next_pair()

        n = n + 1

        local user = 'u' .. run .. '.' .. thread_no .. '.' .. n

        return common.post(path, user, run .. '-' .. thread_no .. '-' .. n,
                           '{"showId":"' .. show .. '","seatIds":[' .. labels
                           .. ']}')
    end

    if args[5] == 'count' then
        response = common.count
    end
end


function done(summary, latency)
    common.report(summary, latency)
end

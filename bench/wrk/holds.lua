-- POST /holds of two seats.
--
--   wrk ... -s holds.lua URL -- DIR WALK RUN THREADS [count] [pause=MS]
--
-- DIR   of common.lua          WALK  spread, one, warm-spread or warm-one
-- RUN   makes users and keys different from those of another run
-- count the answers are counted by status, too
-- pause of each connection between an answer and its next request

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

    for i = 5, #args do
        local pause = args[i]:match('^pause=([%d.]+)$')

        if args[i] == 'count' then
            response = common.count

        elseif pause then
            pause = tonumber(pause)
            -- whole milliseconds are all that wrk can wait: mix two of them
            local low = math.floor(pause)
            local part = pause - low

            function delay()
                return math.random() < part and low + 1 or low
            end
        end
    end
end


function done(summary, latency)
    common.report(summary, latency)
end

-- POST /holds that change one show without end: each user moves from one pair
-- of seats to another and back, so that every hold changes four seats.
--
--   wrk ... -s churn.lua URL -- DIR SHOW PAUSE
--
-- SHOW   id of the show, a hall of rows A to Q with seats 6 to 15 in the middle
-- PAUSE  ms of each connection between an answer and its next request

local common

function setup(thread)
    if not common then
        common = dofile(wrk_dir() .. '/common.lua')
    end
    common.setup(thread)
end


function wrk_dir()
    return debug.getinfo(1, 'S').source:match('^@(.*)/') or '.'
end


local rows = {'A', 'B', 'C', 'D', 'E', 'F', 'G', 'H', 'J', 'K', 'L', 'M', 'N',
              'P', 'Q'}

function init(args)
    common = dofile(args[1] .. '/common.lua')

    local show, pause, path, n = args[2], tonumber(args[3]), wrk.path, 0

    -- two users a row, of one thread each
    function request()
        n = n + 1

        local row, side = rows[n % #rows + 1], thread_no % 2
        local turn = math.floor(n / #rows) % 2
        local seat = 6 + side * 4 + turn * 2

        return common.post(path, 'churn' .. row .. side, os.time() .. '-'
                           .. thread_no .. '-' .. n,
                           string.format('{"showId":"%s","seatIds":["%s%d",'
                                         .. '"%s%d"]}', show, row, seat, row,
                                         seat + 1))
    end

    function delay()
        return pause
    end
end


response = nil

function done(summary, latency)
    common.report(summary, latency)
end

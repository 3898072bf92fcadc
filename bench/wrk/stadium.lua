-- A stadium sold out: hold, order and payment of all its pairs of seats.  One
-- request for a hold in 16 comes too late for its seats.
--
--   wrk ... -s stadium.lua URL -- DIR RUN THREADS
--
-- URL ends in /api/v1.  Ends by itself when nothing is left.

local common

local SHOW, PAIRS = 5016, 25000

function setup(thread)
    common = common or dofile(wrk_dir() .. '/common.lua')
    common.setup(thread)
end


function wrk_dir()
    return debug.getinfo(1, 'S').source:match('^@(.*)/') or '.'
end


function init(args)
    common = dofile(args[1] .. '/common.lua')

    local run, all = args[2], tonumber(args[3])
    local show = common.uuid(SHOW)
    local path = wrk.path
    local pair, n, done_pairs, mine = thread_no, 0, 0, 0
    local todo, first, last = {}, 1, 0

    for _ = thread_no, PAIRS - 1, all do
        mine = mine + 1
    end

    local function hold(at)
        n = n + 1
        return common.post(path .. '/holds', 's' .. thread_no .. '.' .. n,
                           run .. '-' .. thread_no .. '-' .. n,
                           '{"showId":"' .. show .. '","seatIds":['
                           .. common.stadium_pair(at) .. ']}')
    end

    local started

    function request()
        started = started or common.now()

        if first <= last then
            local text = todo[first]
            todo[first] = nil
            first = first + 1
            return text
        end

        if pair >= PAIRS or n % 16 == 15 then
            return hold(thread_no)
        end

        pair = pair + all
        return hold(pair - all)
    end

    local function later(text)
        last = last + 1
        todo[last] = text
    end

    local function order(hold_id, user)
        later(common.post(path .. '/orders', user, 'o' .. hold_id,
                          '{"holdId":"' .. hold_id .. '","paymentMethod":'
                          .. '"UPI","customer":{"name":"Asha Rao",'
                          .. '"email":"asha@example.org"}}'))
    end

    local function confirm(order_id, user)
        later(common.post(path .. '/orders/' .. order_id
                          .. '/confirm-payment', user, 'c' .. order_id,
                          '{"paymentId":"mock-ok-' .. order_id .. '"}'))
    end

    function response(status, headers, body)
        common.count(status)

        if status == 201 then
            local user = body:match('"userId":"([^"]+)"')
            local order_id = body:match('"orderId":"([^"]+)"')

            if order_id then
                confirm(order_id, user)
            else
                order(body:match('"holdId":"([^"]+)"'), user)
            end

        elseif status == 200 then
            done_pairs = done_pairs + 1
            if done_pairs == mine then
                common.finish(thread_no, all, started)
            end
        end
    end
end


function done(summary, latency)
    common.report(summary, latency)
end

-- Orders of holds that prepare.lua has made: POST /orders, and for each answer
-- POST /orders/{id}/confirm-payment.
--
--   wrk ... -s orders.lua URL -- DIR WALK RUN THREADS HOLDS FIRST_NO [pause=MS]
--
-- DIR      of common.lua             WALK  spread or one
-- RUN      a number, as given to prepare.lua
-- HOLDS    how many it has made; when they are used up, the thread ends
-- FIRST_NO show_no of the first show of the benchmark
-- pause    of each connection before a request, whole milliseconds

local common

function setup(thread)
    common = common or dofile(wrk_dir() .. '/common.lua')
    common.setup(thread)
end


function wrk_dir()
    return debug.getinfo(1, 'S').source:match('^@(.*)/') or '.'
end


function init(args)
    common = dofile(args[1] .. '/common.lua')

    local walk, run = args[2], tonumber(args[3])
    local step, all, holds = thread_no, tonumber(args[4]), tonumber(args[5])
    local first_no = tonumber(args[6])
    local path = wrk.path
    local created, first, last = {}, 1, 0
    local pause = args[7] and tonumber(args[7]:match('^pause=(%d+)$'))

    if pause then
        function delay()
            return pause
        end
    end

    -- An answer to a creation is followed by the confirmation, so that each
    -- connection has as many of these as of those.

    local function confirm()
        local order = created[first]
        created[first] = nil
        first = first + 1
        return common.post(path .. '/' .. order.id .. '/confirm-payment',
                           order.user, 'c' .. order.id,
                           '{"paymentId":"mock-ok-' .. order.id .. '"}')
    end

    local function create()
        local show = common.place(walk, step)
        local user = 'o' .. run .. '.' .. step
        local id = common.hold_id(run, common.show_no(first_no, show), step)

        step = step + all

        return common.post(path, user, 'o' .. id,
                           '{"holdId":"' .. id .. '","paymentMethod":"CARD",'
                           .. '"customer":{"name":"Asha Rao",'
                           .. '"email":"asha@example.org",'
                           .. '"phone":"+911234567890"}}')
    end

    local started, finished

    function request()
        started = started or common.now()

        if first <= last then
            return confirm()
        end
        if step >= holds and not finished then
            finished = true
            common.finish(thread_no, all, started)
        end
        return create()
    end

    function response(status, headers, body)
        common.count(status)

        if status == 201 then
            last = last + 1
            created[last] = {
                id = body:match('"orderId":"([^"]+)"'),
                user = body:match('"userId":"([^"]+)"'),
            }
        end
    end
end


function done(summary, latency)
    common.report(summary, latency)
end

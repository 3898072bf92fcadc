-- Seats booked: directly, by POST /holds and POST /orders, or by one POST
-- /create-booking, which is written later.
--
--   wrk ... -s bookings.lua URL -- DIR WALK RUN THREADS MODE
--
-- DIR   of common.lua          WALK  spread or one
-- RUN   makes users and keys different from those of another run
-- MODE  direct or optimistic
--
-- An answer that says 201 or 202 to a booking or an order is one booked: it is
-- counted as status_202.

local common

local buyer = '"paymentMethod":"CARD","customer":{"name":"Asha Rao",'
              .. '"email":"asha@example.org","phone":"+911234567890"}}'

function setup(thread)
    common = common or dofile(wrk_dir() .. '/common.lua')
    common.setup(thread)
end


function wrk_dir()
    return debug.getinfo(1, 'S').source:match('^@(.*)/') or '.'
end


function init(args)
    common = dofile(args[1] .. '/common.lua')

    local run, direct = args[3], args[5] == 'direct'
    local next_pair = common.walker(args[2], thread_no, tonumber(args[4]))
    local held, first, last, n = {}, 1, 0, 0

    function request()
        if first <= last then
            local hold = held[first]
            held[first] = nil
            first = first + 1
            return common.post('/api/v1/orders', hold.user, 'o' .. hold.id,
                               '{"holdId":"' .. hold.id .. '",' .. buyer)
        end

        local show, labels = next_pair()
        n = n + 1

        local user = 'b' .. run .. '.' .. thread_no .. '.' .. n
        local body = '{"showId":"' .. show .. '","seatIds":[' .. labels .. ']'

        if direct then
            return common.post('/api/v1/holds', user, 'h' .. user, body .. '}')
        end
        return common.post('/create-booking', user, 'b' .. user,
                           body .. ',' .. buyer)
    end

    function response(status, headers, body)
        local order = body:find('"orderId"', 1, true)

        if status == 201 and not order then
            last = last + 1
            held[last] = {
                id = body:match('"holdId":"([^"]+)"'),
                user = body:match('"userId":"([^"]+)"'),
            }
        end

        common.count(status == 201 and order and 202 or status)
    end
end


function done(summary, latency)
    common.report(summary, latency)
end

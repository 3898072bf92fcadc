-- Joining a waiting room, and asking how one stands.
--
--   wrk ... -s room.lua URL -- DIR join RUN THREADS        somebody new each time
--   wrk ... -s room.lua URL -- DIR tickets RUN THREADS FILE
--                     the same, and FILE.<thread> gets a user and ticket a line
--   wrk ... -s room.lua URL -- DIR place RUN THREADS FILE
--                     each of them asks once; then the run is over

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

    local mode, run, count, file = args[2], args[3], tonumber(args[4]), args[5]
    local path = wrk.path
    local n = 0

    if mode == 'place' then
        local started = common.now()
        local lines = {}

        for line in io.lines(file .. '.' .. thread_no) do
            lines[#lines + 1] = line
        end

        function request()
            n = n + 1

            if n > #lines then
                common.finish(thread_no, count, started)
                n = #lines
            end

            local user, ticket = lines[n]:match('^(%S+) (%S+)$')

            return 'GET ' .. path .. ' HTTP/1.1\r\nHost: l\r\nx-user-id: '
                   .. user .. '\r\nx-boxoffice-ticket: ' .. ticket
                   .. '\r\n\r\n'
        end

        return
    end

    local user = 'u' .. run .. '.' .. thread_no .. '.'

    function request()
        n = n + 1

        return 'POST ' .. path .. ' HTTP/1.1\r\nHost: l\r\nx-user-id: '
               .. user .. n .. '\r\nContent-Length: 0\r\n\r\n'
    end

    if mode == 'tickets' then
        local out = io.open(file .. '.' .. thread_no, 'w')
        local got = 0

        -- the location of this run says whose answer it is
        function response(status, headers, body)
            local ticket = body:match('"ticket":"([^"]+)"')
            local who = headers['X-Boxoffice-User']

            if ticket and who then
                out:write(who, ' ', ticket, '\n')
                got = got + 1

                if got % 1000 == 0 then
                    out:flush()
                end
            end
        end
    end
end


function done(summary, latency)
    common.report(summary, latency)
end

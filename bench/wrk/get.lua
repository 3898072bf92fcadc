-- GET of one address.
--
--   wrk ... -s get.lua URL -- DIR [If-None-Match]

local common

function setup(thread)
    common = common or dofile(wrk_dir() .. '/common.lua')
    common.setup(thread)
end


function wrk_dir()
    return debug.getinfo(1, 'S').source:match('^@(.*)/') or '.'
end


function init(args)
    if args[2] then
        wrk.headers['If-None-Match'] = args[2]
    end
end


function done(summary, latency)
    common.report(summary, latency)
end

-- What the wrk scripts share: threads, the walk over shows and pairs of seats,
-- requests, and the report, which is one line of JSON.
--
-- A walk never takes a pair twice, but one request in 64 asks again, for
-- another user, for a pair that was taken a moment ago: a conflict.

local M = {}

local threads = {}

-- In setup(): gives each thread its number, from 0.
function M.setup(thread)
    thread:set('thread_no', #threads)
    threads[#threads + 1] = thread
end


local function uuid(no)
    return string.format('00000000-0000-4000-9000-%012d', no)
end

M.uuid = uuid


-- Labels of pair n (from 0) of the layouts, quoted, with a comma.

local function bench_pair(n)
    local row, at = string.char(65 + math.floor(n / 15)), n % 15 * 2
    return string.format('"%s%d","%s%d"', row, at + 1, row, at + 2)
end


local function stadium_pair(n)
    local block = math.floor(n / 625)
    block = block < 16 and 101 + block or 185 + block
    local row, at = string.char(65 + math.floor(n / 25) % 25), n % 25 * 2
    return string.format('"%d-%s%d","%d-%s%d"', block, row, at + 1, block,
                         row, at + 2)
end


M.stadium_pair = stadium_pair


-- The walks.  first and shows: numbers of the shows; pairs: how many of each;
-- label: of a pair; place(i): show (from 0) and pair of step i.

local walks = {
    -- over 1,000 shows, each show one pair at a time; pair 0 is for warm-up
    spread = {first = 1, shows = 1000, pairs = 300, label = bench_pair,
              place = function (i)
                  return i % 1000, 1 + math.floor(i / 1000) % 299
              end},
    -- a stadium until it is sold out, then the next one
    one = {first = 5001, shows = 16, pairs = 25000, label = stadium_pair,
           place = function (i)
               return math.floor(i / 24999) % 16, 1 + i % 24999
           end},
    -- pair 0 of every show, again and again
    ['warm-spread'] = {first = 1, shows = 1000, label = bench_pair,
                       place = function (i) return i % 1000, 0 end},
    ['warm-one'] = {first = 5001, shows = 16, label = stadium_pair,
                    place = function (i) return i % 16, 0 end},
}


-- walker(name, thread, threads): a function that gives, call by call, the id of
-- a show, two labels, and whether they were taken before.
function M.walker(name, thread, count)
    local walk = walks[name] or error('no such walk: ' .. name)
    local ids, labels, n = {}, {}, 0

    for i = 0, walk.shows - 1 do
        ids[i] = uuid(walk.first + i)
    end

    for i = 0, (walk.pairs or 1) - 1 do
        labels[i] = walk.label(i)
    end

    local again_show, again_pair

    return function ()
        local step = n * count + thread
        n = n + 1

        if n % 64 == 0 and n > 100 then
            return ids[again_show], labels[again_pair], true
        end

        local show, pair = walk.place(step)

        if n % 64 == 24 then
            again_show, again_pair = show, pair
        end

        return ids[show], labels[pair], false
    end
end


-- Steps of a walk by number, for scripts that prepared it elsewhere.
function M.place(name, i)
    local walk = walks[name]
    local show, pair = walk.place(i)
    return walk.first + show, pair
end


-- show_no of a show by its number; they were made in this order.
function M.show_no(first_no, number)
    return first_no + (number > 5000 and number - 5001 + 1000 or number - 1)
end


-- The id of a hold, in the form of the server's own (see bo_id.h): show_no is
-- bits 66 to 97, step the last 30.
function M.hold_id(run, show_no, step)
    local high = math.floor(show_no / 4)
    local low = show_no % 4 * 2^30 + step
    return string.format('0199%04x-0000-8000-%04x-%04x%04x%04x', run,
                         32768 + math.floor(high / 65536), high % 65536,
                         math.floor(low / 65536), low % 65536)
end


function M.post(path, user, key, body)
    return 'POST ' .. path .. ' HTTP/1.1\r\nHost: localhost\r\n'
           .. 'Content-Type: application/json\r\nx-user-id: ' .. user
           .. '\r\nIdempotency-Key: ' .. key .. '\r\nContent-Length: '
           .. #body .. '\r\n\r\n' .. body
end


-- In init(): counts answers by status in globals "status_NNN".  It makes wrk
-- itself slower, since each answer then goes through Lua.
function M.count(status)
    local name = 'status_' .. status
    _G[name] = (_G[name] or 0) + 1
end


local function statuses()
    local sum = {}

    for _, thread in ipairs(threads) do
        for status = 200, 599 do
            local n = thread:get('status_' .. status)
            if n then
                sum[status] = (sum[status] or 0) + n
            end
        end
    end

    local list = {}
    for status, n in pairs(sum) do
        list[#list + 1] = string.format('"%d":%d', status, n)
    end

    return '{' .. table.concat(list, ',') .. '}'
end


-- What LuaJIT, which wrk has in it, calls of the C library; prepare.lua runs in
-- plain Lua and needs none of it.
local ffi

local function libc()
    if not ffi then
        ffi = require 'ffi'
        ffi.cdef [[
            struct bench_time { long seconds; long nanoseconds; };
            int clock_gettime(int clock, struct bench_time *now);
            int setenv(const char *name, const char *value, int overwrite);
            int getpid(void);
            int kill(int pid, int signal);
        ]]
    end
    return ffi.C
end


-- Microseconds of the monotonic clock.
function M.now()
    local c = libc()
    local now = ffi.new('struct bench_time')
    c.clock_gettime(1, now)
    return tonumber(now.seconds) * 1e6 + tonumber(now.nanoseconds) / 1e3
end


-- For a thread that has nothing left to do.  wrk sleeps until its time is up
-- unless a signal wakes it: the last thread sends it.  Threads have nothing in
-- common but the process, so its environment tells who is done.
function M.finish(thread_no, count, started)
    spent_us = M.now() - started
    libc().setenv('BENCH_DONE_' .. thread_no, '1', 1)
    wrk.thread:stop()

    for i = 0, count - 1 do
        if not os.getenv('BENCH_DONE_' .. i) then
            return
        end
    end

    libc().kill(libc().getpid(), 2)
end


-- How long it took those who finished, else how long wrk was told to run.
local function duration(summary)
    local longest = 0

    for _, thread in ipairs(threads) do
        local us = thread:get('spent_us')
        if not us then
            return summary.duration
        end
        longest = math.max(longest, us)
    end

    return longest
end


-- In done(): microseconds throughout.
function M.report(summary, latency)
    local e = summary.errors

    io.write(string.format(
        '{"requests":%d,"us":%d,"bytes":%d,"refused":%d,"broken":%d,'
        .. '"mean":%.1f,"p50":%d,"p90":%d,"p99":%d,"p999":%d,"max":%d,'
        .. '"statuses":%s}\n',
        summary.requests, duration(summary), summary.bytes, e.status,
        e.connect + e.read + e.write + e.timeout, latency.mean,
        latency:percentile(50), latency:percentile(90),
        latency:percentile(99), latency:percentile(99.9), latency.max,
        statuses()))
end


return M

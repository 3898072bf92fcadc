-- POST /holds in Lua: validation, one script, an answer like the module's.
--
-- "shows" and "layouts" come from a file that the benchmark writes: there is no
-- PostgreSQL here, which is in this peer's favour.

local cjson = require 'cjson.safe'
local redis = require 'redis'

local M = {}

local TTL, CAP = '300000', '600000'
local match, format, concat = string.match, string.format, table.concat
local floor, random = math.floor, math.random

local catalogue, redis_port, sha
local epochs = {}


function M.init(dir, port, shas)
    catalogue = dofile(dir .. '/catalogue.lua')
    redis_port, sha = port, shas
    math.randomseed(ngx.time() + ngx.worker.pid())
end


local function uuid()
    return format('%04x%04x-%04x-4%03x-%04x-%04x%04x%04x', random(0, 65535),
                  random(0, 65535), random(0, 65535), random(0, 4095),
                  random(32768, 49151), random(0, 65535), random(0, 65535),
                  random(0, 65535))
end


local function iso(ms)
    local seconds = floor(ms / 1000)
    return os.date('!%Y-%m-%dT%H:%M:%S', seconds)
           .. format('.%03dZ', ms - seconds * 1000)
end


local function answer(status, body)
    ngx.status = status
    ngx.header['Content-Type'] = 'application/json'
    ngx.header['Cache-Control'] = 'no-store'
    ngx.print(cjson.encode(body))
    return ngx.exit(ngx.HTTP_OK)
end


local function refuse(status, code, message, details)
    return answer(status, {error = {code = code, message = message,
                                    timestamp = iso(ngx.now() * 1000),
                                    requestId = ngx.var.request_id,
                                    details = details}})
end


-- What a client may have sent: everything is looked at.
local function parse()
    local headers = ngx.req.get_headers(20)
    local user, key = headers['x-user-id'], headers['idempotency-key']

    if type(user) ~= 'string' or not match(user, '^[%w._@|=+-]+$')
       or #user > 64
    then
        return nil, 401, 'unauthorized', 'Who are you?'
    end

    if type(key) ~= 'string' or #key > 255 then
        return nil, 400, 'idempotency_key_missing',
               'Idempotency-Key is missing.'
    end

    ngx.req.read_body()
    local text = ngx.req.get_body_data()
    local body = text and cjson.decode(text)

    if type(body) ~= 'table' or type(body.showId) ~= 'string'
       or type(body.seatIds) ~= 'table'
    then
        return nil, 400, 'invalid_json', 'The body is not what was expected.'
    end

    local show = catalogue.shows[body.showId]
    if not show then
        return nil, 404, 'show_not_found', 'There is no such show.'
    end

    local n = #body.seatIds
    if n < 1 or n > 10 then
        return nil, 422, 'too_many_seats', 'From 1 to 10 seats.'
    end

    local layout, seats, seen = catalogue.layouts[show], {}, {}
    for i = 1, n do
        local no = layout[body.seatIds[i]]
        if not no or seen[no] then
            return nil, 404, 'seat_not_found', 'There is no such seat.'
        end
        seen[no] = true
        seats[i] = no
    end

    table.sort(seats)
    return {show = body.showId, seats = seats, labels = body.seatIds,
            user = user, key = ngx.md5(key),
            fingerprint = ngx.md5('POST\n' .. ngx.var.uri .. '\n' .. text)}
end


local function held(hold, id, created, expires)
    return answer(201, {holdId = id, showId = hold.show, userId = hold.user,
                        seatIds = hold.labels, quantity = #hold.labels,
                        status = 'HELD', createdAt = iso(created),
                        expiresAt = iso(expires)})
end


local function conflict(labels)
    return refuse(409, 'seat_held', 'Somebody else has these seats.',
                  {conflicts = labels})
end


-- (a) the module's own script, with the very same arguments

local function same_words(hold, id)
    local show = '{' .. hold.show .. '}'
    local lock = 'seat_lock:' .. show .. ':'
    local n = #hold.seats
    local words = {'EVALSHA', sha.hold, tostring(4 + n), 'version:' .. show,
                   'state:' .. show, 'hold:' .. show, 'expiry:' .. show}

    for i = 1, n do
        words[7 + i] = lock .. hold.seats[i]
    end

    local at = 7 + n
    words[at + 1] = epochs[hold.show] or '1000000000'
    words[at + 2] = hold.user
    words[at + 3] = id
    words[at + 4] = TTL
    words[at + 5] = CAP
    words[at + 6] = ''
    words[at + 7] = hold.key
    words[at + 8] = hold.fingerprint
    words[at + 9] = lock

    for i = 1, n do
        words[at + 9 + i] = tostring(hold.seats[i])
    end

    return words
end


function M.same()
    local hold, status, code, message = parse()
    if not hold then
        return refuse(status, code, message)
    end

    local reply, err = redis.command(redis_port, same_words(hold, uuid()))

    if reply and reply[1] == -1 and reply[2] >= 1e9 then
        epochs[hold.show] = format('%d', floor(reply[2] / 1e9) * 1e9)
        reply, err = redis.command(redis_port, same_words(hold, uuid()))
    end

    if not reply then
        ngx.log(ngx.ERR, 'redis: ', err)
        return refuse(503, 'unavailable', 'Try again.')
    end

    if reply[1] >= 1 then
        local id, created, expires = match(reply[2], '^(%S+) (%S+) (%S+)')
        return held(hold, id, tonumber(created), tonumber(expires))
    end

    if reply[1] == 0 then
        local names, labels = catalogue.labels[catalogue.shows[hold.show]], {}
        for i = 2, #reply, 2 do
            labels[#labels + 1] = names[tonumber(reply[i])]
        end
        return conflict(labels)
    end

    return refuse(503, 'unavailable', 'Try again.')
end


-- (b) the straightforward script

function M.straight()
    local hold, status, code, message = parse()
    if not hold then
        return refuse(status, code, message)
    end

    local show, id = '{' .. hold.show .. '}', uuid()
    local now = floor(ngx.now() * 1000)
    local n = #hold.labels
    local words = {'EVALSHA', sha.straight, tostring(5 + n), 'epoch:' .. show,
                   'version:' .. show, 'holds:' .. show,
                   'hold:' .. show .. ':' .. id,
                   'user_hold:' .. show .. ':' .. hold.user}

    for i = 1, n do
        words[8 + i] = 'seat_lock:' .. show .. ':' .. hold.labels[i]
    end

    local at = 8 + n
    words[at + 1] = '1'
    words[at + 2] = hold.user
    words[at + 3] = id
    words[at + 4] = TTL
    words[at + 5] = format('%d', now)

    for i = 1, n do
        words[at + 5 + i] = hold.labels[i]
    end

    local reply, err = redis.command(redis_port, words)

    if not reply then
        ngx.log(ngx.ERR, 'redis: ', err)
        return refuse(503, 'unavailable', 'Try again.')
    end

    if reply[1] == 1 then
        return held(hold, id, now, reply[2])
    end

    if reply[1] == 0 then
        table.remove(reply, 1)
        return conflict(reply)
    end

    return refuse(503, 'unavailable', 'Try again.')
end


return M

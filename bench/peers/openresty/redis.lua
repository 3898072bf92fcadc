-- Redis over pooled cosockets: one connection for each request under way, as
-- lua-resty-redis does it.

local tcp = ngx.socket.tcp
local concat = table.concat
local tonumber, sub, byte = tonumber, string.sub, string.byte

local M = {}


local function read(sock)
    local line, err = sock:receive()
    if not line then
        return nil, err
    end

    local kind, rest = byte(line), sub(line, 2)

    if kind == 36 then              -- $
        local n = tonumber(rest)
        if n < 0 then
            return false
        end
        local data
        data, err = sock:receive(n + 2)
        return data and sub(data, 1, n), err
    end

    if kind == 42 then              -- *
        local list = {}
        for i = 1, tonumber(rest) do
            local item
            item, err = read(sock)
            if item == nil then
                return nil, err
            end
            list[i] = item
        end
        return list
    end

    if kind == 58 then              -- :
        return tonumber(rest)
    end

    if kind == 43 then              -- +
        return rest
    end

    return nil, rest
end


-- command(port, words): the reply, or nil and an error.
function M.command(port, words)
    local sock = tcp()
    sock:settimeouts(1000, 1000, 1000)

    local ok, err = sock:connect('127.0.0.1', port, {pool_size = 256})
    if not ok then
        return nil, err
    end

    local out, n = {'*' .. #words .. '\r\n'}, 1
    for i = 1, #words do
        local word = words[i]
        out[n + 1] = '$' .. #word .. '\r\n'
        out[n + 2] = word
        out[n + 3] = '\r\n'
        n = n + 3
    end

    ok, err = sock:send(concat(out))
    if not ok then
        return nil, err
    end

    local reply
    reply, err = read(sock)
    if reply ~= nil then
        sock:setkeepalive(60000, 256)
    end
    return reply, err
end


return M

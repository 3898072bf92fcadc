// POST /holds with Express, in a cluster of two processes.
//
//   node server.mjs PORT REDIS_PORT CATALOGUE POSTGRES_JSON DIRECTORY
//
// and GET /maps/seatmap and /maps/availability from memory, of files of that directory.
//
// /script  one Redis script for a hold: the straightforward one
// /lock    as is often done: a lock in Redis, then a transaction that moves the
//          seats to HELD

import cluster from 'node:cluster';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import express from 'express';
import { Redis } from 'ioredis';
import pg from 'pg';

const [port, redisPort, catalogueFile, postgres, directory]
    = process.argv.slice(2);
const TTL = 300000;
const USER = /^[\w.@|=+-]{1,64}$/;

if (cluster.isPrimary) {
    cluster.fork();
    cluster.fork();
    cluster.on('exit', () => process.exit(1));
    process.on('SIGTERM', () => {
        cluster.removeAllListeners('exit');
        for (const worker of Object.values(cluster.workers)) {
            worker.process.kill();
        }
        process.exit(0);
    });
} else {
    serve();
}

function refuse(res, status, code, message, details) {
    res.status(status).json({ error: {
        code, message, timestamp: new Date().toISOString(),
        requestId: randomUUID(), details,
    } });
}

function serve() {
    const { shows, layouts } = JSON.parse(readFileSync(catalogueFile));
    const labels = Object.fromEntries(Object.entries(layouts)
        .map(([name, list]) => [name, new Set(list)]));
    const memory = Object.fromEntries(['seatmap', 'availability']
        .map((name) => [name, `${directory}/${name}.json`])
        .filter(([, file]) => existsSync(file))
        .map(([name, file]) => [name, readFileSync(file, 'utf8')]));
    const redis = new Redis({ port: Number(redisPort), host: '127.0.0.1',
        enableAutoPipelining: true });
    const pool = new pg.Pool({ ...JSON.parse(postgres), max: 16 });

    redis.defineCommand('straight', {
        lua: readFileSync(new URL('../straight.lua', import.meta.url), 'utf8'),
    });

    const app = express();
    app.disable('x-powered-by');
    app.disable('etag');

    // what Express does by itself, for answers that may be asked for again
    const maps = express();
    maps.disable('x-powered-by');
    app.use('/maps', maps);
    app.use(express.json({ limit: '16kb' }));
    for (const [name, text] of Object.entries(memory)) {
        maps.get(`/${name}`, (req, res) => {
            res.type('application/json').send(text);
        });
    }
    app.use(check);
    app.post('/script/holds', byScript);
    app.post('/lock/holds', byLock);
    app.use((error, req, res, next) => {
        refuse(res, error.status ?? 503, 'failed', error.message);
    });
    app.listen(Number(port), '127.0.0.1', 4096);

    function check(req, res, next) {
        const user = req.get('x-user-id');
        const key = req.get('idempotency-key');
        const { showId, seatIds } = req.body ?? {};

        if (!user || !USER.test(user)) {
            return refuse(res, 401, 'unauthorized', 'Who are you?');
        }
        if (!key || key.length > 255) {
            return refuse(res, 400, 'idempotency_key_missing',
                'Idempotency-Key is missing.');
        }
        if (!Object.hasOwn(shows, showId ?? '')) {
            return refuse(res, 404, 'show_not_found', 'No such show.');
        }
        const known = labels[shows[showId]];
        if (!Array.isArray(seatIds) || seatIds.length < 1
            || seatIds.length > 10 || new Set(seatIds).size !== seatIds.length
            || !seatIds.every((seat) => known.has(seat))) {
            return refuse(res, 422, 'seat_not_found', 'No such seat.');
        }
        req.user = user;
        next();
    }

    function held(req, res, id, now) {
        const { showId, seatIds } = req.body;
        res.status(201).json({
            holdId: id, showId, userId: req.user, seatIds,
            quantity: seatIds.length, status: 'HELD',
            createdAt: new Date(now).toISOString(),
            expiresAt: new Date(now + TTL).toISOString(),
        });
    }

    function conflict(res, conflicts) {
        refuse(res, 409, 'seat_held', 'Somebody else has these seats.',
            { conflicts });
    }

    async function byScript(req, res) {
        const { showId, seatIds } = req.body;
        const id = randomUUID();
        const now = Date.now();
        const show = `{${showId}}`;
        const reply = await redis.straight(5 + seatIds.length,
            `epoch:${show}`, `version:${show}`, `holds:${show}`,
            `hold:${show}:${id}`, `user_hold:${show}:${req.user}`,
            ...seatIds.map((seat) => `seat_lock:${show}:${seat}`),
            '1', req.user, id, TTL, now, ...seatIds);

        if (reply[0] === 1) {
            held(req, res, id, now);
        } else if (reply[0] === 0) {
            conflict(res, reply.slice(1));
        } else {
            refuse(res, 503, 'unavailable', 'Try again.');
        }
    }

    async function byLock(req, res) {
        const { showId, seatIds } = req.body;
        const id = randomUUID();
        const locked = [];

        try {
            for (const seat of [...seatIds].sort()) {
                const key = `booking:{${showId}}:${seat}`;
                if (!await redis.set(key, id, 'PX', 5000, 'NX')) {
                    return conflict(res, [seat]);
                }
                locked.push(key);
            }
            const now = Date.now();
            if (await inTransaction(showId, seatIds, req.user, id)) {
                held(req, res, id, now);
            } else {
                conflict(res, seatIds);
            }
        } finally {
            if (locked.length) {
                await redis.del(...locked);
            }
        }
    }

    async function inTransaction(showId, seatIds, user, id) {
        const client = await pool.connect();

        try {
            await client.query('begin');
            const { rowCount } = await client.query({ name: 'seats', text:
                `update node_seats set status = 'HELD', hold_id = $3,
                     hold_expires_at = now() + interval '5 minutes'
                 where show_id = $1 and label = any($2)
                   and (status = 'AVAILABLE' or (status = 'HELD'
                        and hold_expires_at < now()))`,
                values: [showId, seatIds, id] });
            if (rowCount !== seatIds.length) {
                await client.query('rollback');
                return false;
            }
            await client.query({ name: 'booking', text:
                `insert into node_bookings (booking_id, show_id, user_id,
                     seats, status, expires_at)
                 values ($1, $2, $3, $4, 'PENDING',
                         now() + interval '5 minutes')`,
                values: [id, showId, user, seatIds] });
            await client.query('commit');
            return true;
        } catch (error) {
            await client.query('rollback').catch(() => {});
            throw error;
        } finally {
            client.release();
        }
    }
}

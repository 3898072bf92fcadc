/*
 * The HTTP API.
 *
 * Writes carry an Idempotency-Key.  As long as the outcome is unknown (no
 * answer, 502, 503, 504, "still running"), the same request keeps the same
 * key, also across a reload: whatever the first try did, the next one finds
 * its answer instead of doing it twice.
 */

import { observe } from "./clock.js";
import { local, session, uuid } from "./storage.js";
import { toast } from "./dom.js";

export const BASE = "/api/v1";
const TIMEOUT_MS = 15000;
const RETRIES = 3;
const MAX_WAIT_S = 30;
const MAX_READ_WAIT_S = 2;
const KEY_LIFE_MS = 15 * 60 * 1000;


export class ApiError extends Error {
    constructor(status, code, message, details, retryAfter) {
        super(message);
        this.status = status;
        this.code = code;
        this.details = details || {};
        this.retryAfter = retryAfter;
    }
}


/*
 * Who is booking.  A name made up once and kept: right for development,
 * where the server trusts x-user-id; elsewhere it ignores this header.
 */
export function userId() {
    let id = local.get("boxoffice.user");

    if (!id) {
        id = `guest-${uuid()}`;
        local.set("boxoffice.user", id);
    }

    return id;
}


/* Whether the cookies of a session are there: no script can see those. */
const SIGNED_IN = "boxoffice.signedIn";

let role = null;
let renewing = null;


export function signedIn() {
    return local.get(SIGNED_IN) === true;
}


function setSignedIn(yes) {
    if (yes) {
        local.set(SIGNED_IN, true);

    } else {
        local.remove(SIGNED_IN);
    }
}


/* The role to ask in, for the same servers; elsewhere the session has it. */
export function actAs(name) {
    role = name;
}


/* Who has a session is known by its cookies, and by nothing else. */
export function who() {
    if (signedIn()) {
        return {};
    }

    return role ? { "x-user-id": userId(), "x-user-role": role }
        : { "x-user-id": userId() };
}


function retryAfter(response) {
    const text = response.headers.get("Retry-After");

    if (!text) {
        return null;
    }

    const seconds = /^\d+$/.test(text)
        ? Number(text)
        : (Date.parse(text) - Date.now()) / 1000;

    return Number.isFinite(seconds) ? Math.max(0, seconds) : null;
}


async function failure(response) {
    let error = {};

    try {
        error = (await response.json()).error || {};

    } catch {
        /* not ours: a proxy's page.  The status says enough. */
    }

    return new ApiError(response.status, error.code || "",
        error.message || "", error.details, retryAfter(response));
}


/* Somebody has to wait for their turn first, and comes back here after. */
function toWaitingRoom(room) {
    const to = location.pathname + location.search + location.hash;

    location.assign(`waiting.html?room=${encodeURIComponent(room)}`
        + `&to=${encodeURIComponent(to)}`);
}


async function once(method, path,
    { headers, body, signal, cache, as }) {
    const abort = new AbortController();
    const timer = window.setTimeout(() => abort.abort(), TIMEOUT_MS);
    const cancel = () => abort.abort();

    signal?.addEventListener("abort", cancel);

    try {
        const sent = performance.now();

        const response = await fetch(BASE + path, {
            method, body, headers, signal: abort.signal,
            cache: cache || "no-store",
        });

        observe(response.headers.get("Date"), sent, performance.now());

        if (response.status === 304) {
            return { status: 304, data: null, etag: null };
        }

        if (!response.ok) {
            const error = await failure(response);

            if (error.details.room) {
                toWaitingRoom(error.details.room);
            }

            throw error;
        }

        const text = await response.text();

        return {
            status: response.status,
            data: as === "text" ? text : text ? JSON.parse(text) : null,
            etag: response.headers.get("ETag"),
        };

    } catch (error) {
        if (error instanceof ApiError || signal?.aborted) {
            throw error;
        }

        throw new ApiError(0, "network", "No answer");

    } finally {
        window.clearTimeout(timer);
        signal?.removeEventListener("abort", cancel);
    }
}


/*
 * A session's access token lives for minutes; the next one is fetched once for
 * all requests that miss it.  Rejects with 401 when the session is over.
 */
function renew() {
    renewing ??= account("POST", "/auth/refresh", {}).finally(() => {
        renewing = null;
    });

    return renewing;
}


/*
 * One request and its answer, as it is: no key, and no second try but with a
 * new token.  Rejects with an ApiError; its status is 0 when there was no
 * answer.
 */
export async function exchange(method, path, options) {
    try {
        return await once(method, path, options);

    } catch (error) {
        if (error.code !== "unauthorized" || !signedIn()) {
            throw error;
        }
    }

    try {
        await renew();

    } catch (error) {
        /* 400: the cookie has run out, too, and there is none to send */
        if (error.status === 401 || error.status === 400) {
            setSignedIn(false);

            throw new ApiError(401, "session_over", "", {}, null);
        }

        throw error;
    }

    return once(method, path, options);
}


/*
 * What is done to an account or its session; resolves to the answer's data.
 * These take no key.  Cookies are asked for: scripts see no token.
 */
export async function account(method, path, body) {
    const change = { headers: { "Accept": "application/json",
        "Content-Type": "application/json" }, body: JSON.stringify(body) };

    /* to leave everywhere, one has to be known, unlike on the way in */
    const { data } = await (path.startsWith("/auth/") && !body.everywhere
        ? once(method, path, change) : exchange(method, path, change));

    if (path === "/auth/register" || path === "/auth/login"
        || path === "/auth/reset")
    {
        setSignedIn(true);

    } else if (path === "/auth/logout") {
        setSignedIn(false);
    }

    return data;
}


/*
 * A request that changes nothing: a server that asks for a moment is asked
 * again, without a word, for who reads waits for the answer anyway.
 */
async function patiently(method, path, options) {
    for (let attempt = 1; ; attempt++) {
        try {
            return await exchange(method, path, options);

        } catch (error) {
            const seconds = error.status === 503 ? error.retryAfter : null;

            if (seconds === null || seconds > MAX_READ_WAIT_S
                || attempt >= RETRIES)
            {
                throw error;
            }

            await pause(seconds);
            options.signal?.throwIfAborted();
        }
    }
}


/*
 * GET.  With etag, the answer's status may be 304 and its data null.
 * signal cancels it; cache is that of fetch(), nothing is kept without.
 */
export function read(path, { etag, signal, cache } = {}) {
    const headers = { "Accept": "application/json", ...who() };

    if (etag) {
        headers["If-None-Match"] = etag;
    }

    return patiently("GET", path, { headers, signal, cache });
}


/* A question with a body: nothing is done by it, so it has no key. */
export async function question(path, body, { signal } = {}) {
    const { data } = await patiently("POST", path, { signal,
        headers: { "Accept": "application/json", ...who(),
            "Content-Type": "application/json" },
        body: JSON.stringify(body) });

    return data;
}


/* The text of what is no JSON, such as a picture. */
export async function readText(path) {
    const { data } = await patiently("GET", path, { as: "text",
        headers: who() });

    return data;
}


function unknownOutcome(error) {
    return error.status === 0 || error.status === 502
        || error.status === 503 || error.status === 504
        || (error.status === 409 && error.retryAfter !== null);
}


function worthRetrying(error) {
    return (unknownOutcome(error) || error.status === 429)
        && (error.retryAfter ?? 0) <= MAX_WAIT_S;
}


function keyFor(name) {
    const keys = session.get("boxoffice.keys") || {};
    const now = Date.now();

    for (const [other, entry] of Object.entries(keys)) {
        if (Math.abs(now - entry.at) > KEY_LIFE_MS) {
            delete keys[other];
        }
    }

    keys[name] = keys[name] || { key: uuid(), at: now };
    session.set("boxoffice.keys", keys);

    return keys[name].key;
}


function forgetKey(name) {
    const keys = session.get("boxoffice.keys") || {};

    delete keys[name];
    session.set("boxoffice.keys", keys);
}


function pause(seconds) {
    return new Promise((resolve) => {
        window.setTimeout(resolve, seconds * 1000);
    });
}


async function waitToRetry(error, attempt) {
    const seconds = Math.max(1, Math.ceil(error.retryAfter ?? attempt));

    const why = {
        0: "No answer from the box office.",
        429: "You are a little too quick for the box office.",
    }[error.status] || "The box office is very busy.";

    const remove = toast(`${why} Trying again in ${seconds} s `
        + `(${attempt} of ${RETRIES}).`, { ms: 0 });

    await pause(seconds);
    remove();
}


/*
 * POST, PUT, PATCH or DELETE with a JSON body (or none).  Resolves to the answer's
 * data; rejects with an ApiError.  Busy answers and lost connections are
 * tried again up to three times, after as long as the server asks for.
 *
 * version: of the object that is changed, as it was read.  The server refuses
 * (412) when somebody else was faster.
 */
export async function write(method, path, body, version) {
    const text = body === undefined ? undefined : JSON.stringify(body);
    const name = `${method} ${path} ${version ?? ""} ${text || ""}`;
    const headers = {
        "Accept": "application/json",
        ...who(),
        "Idempotency-Key": keyFor(name),
    };

    if (version !== undefined) {
        headers["If-Match"] = `"${version}"`;
    }

    if (text !== undefined) {
        headers["Content-Type"] = "application/json";
    }

    for (let attempt = 1; ; attempt++) {
        try {
            const { data } = await exchange(method, path,
                { headers, body: text });

            forgetKey(name);

            return data;

        } catch (error) {
            if (!unknownOutcome(error)) {
                forgetKey(name);
            }

            if (attempt > RETRIES || !worthRetrying(error)) {
                throw error;
            }

            await waitToRetry(error, attempt);
        }
    }
}

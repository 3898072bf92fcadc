/*
 * What happens to a show's seats while somebody looks: pushed by the server,
 * as server-sent events or over a WebSocket, or asked for where neither gets
 * through.
 *
 * A message has all seats ("seats"), or what has changed since the version
 * that came before ("since").
 */

import { ApiError, read } from "./api.js";
import { local } from "./storage.js";

const POLL_MS = 2000;
const POLL_MAX_MS = 15000;

/* a way that says nothing for so long does not work */
const FIRST_MS = 5000;

/* lost for longer than this is worth telling; a server's reload is not */
const LOST_MS = 3000;
const RETRY_MS = 1000;

/* how often layout and seats are asked for until they are of one time */
const FITTING = 5;

const WAYS = ["events", "websocket", "poll"];


function showPath(showId, what) {
    return `/shows/${encodeURIComponent(showId)}/${what}`;
}


function pause(ms) {
    return new Promise((resolve) => {
        window.setTimeout(resolve, ms);
    });
}


/*
 * What a seat map is made of: the layout, and the seats as they are.  After a
 * change of prices or seats one of them may be of before it for a moment, here
 * or at the server: both are asked for again until they fit.  cache: as fetch()
 * has it, of the first question for the layout.
 */
export async function readMap(showId, cache = "default") {
    for (let left = FITTING; ; left--) {
        const [layout, availability] = await Promise.all([
            read(showPath(showId, "layout"),
                { cache: left === FITTING ? cache : "no-cache" }),
            read(showPath(showId, "availability")),
        ]);

        if (layout.data.revision === availability.data.revision) {
            return [layout.data, availability.data];
        }

        if (left === 0) {
            throw new ApiError(503, "unavailable", "The map has changed");
        }

        await pause(RETRY_MS);
    }
}


/* Each way begins when it is made, and calls heard() and lost() until stop(). */

class Events {
    constructor(live) {
        const url = `/api/v1${showPath(live.showId, "events")}`
            + `?since=${live.version}`;

        this.source = new EventSource(url);

        for (const type of ["availability", "delta"]) {
            this.source.addEventListener(type, (event) => {
                live.heard(JSON.parse(event.data));
            });
        }

        this.source.onopen = () => live.opened();
        this.source.onerror = () => {
            live.lost(this.source.readyState === EventSource.CLOSED);
        };
    }

    stop() {
        this.source.close();
    }
}


class Socket {
    constructor(live) {
        const url = new URL(`/api/v1${showPath(live.showId, "events")}`
            + `?since=${live.version}`, window.location.href);

        url.protocol = url.protocol.replace("http", "ws");

        this.socket = new WebSocket(url);
        this.socket.onopen = () => live.opened();
        this.socket.onmessage = (event) => live.heard(JSON.parse(event.data));
        this.socket.onclose = () => live.lost(true);
    }

    stop() {
        this.socket.onclose = null;
        this.socket.close();
    }
}


class Polling {
    constructor(live) {
        this.live = live;
        this.failures = 0;
        this.visible = () => this.again(0);
        document.addEventListener("visibilitychange", this.visible);
        this.again(POLL_MS);
    }

    stop() {
        this.stopped = true;
        window.clearTimeout(this.timer);
        this.abort?.abort();
        document.removeEventListener("visibilitychange", this.visible);
    }

    again(ms) {
        window.clearTimeout(this.timer);

        if (document.visibilityState === "visible" && !this.stopped) {
            this.timer = window.setTimeout(() => this.poll(), ms);
        }
    }

    async poll() {
        const { live } = this;

        /* one at a time: an older answer must not overwrite a newer one */
        this.abort?.abort();
        this.abort = new AbortController();

        const { signal } = this.abort;

        try {
            const { data } = await read(`${showPath(live.showId,
                "availability")}?since=${live.version}`, { signal });

            this.failures = 0;
            live.opened();
            live.heard(data);

        } catch (error) {
            if (signal.aborted) {
                return;
            }

            /* a mistake of this page, not of the server */
            if (error.status === undefined) {
                console.error(error);
            }

            this.failures++;
            live.lost(false);
        }

        this.again(Math.min(POLL_MAX_MS,
            POLL_MS * 2 ** Math.min(this.failures, 3)));
    }
}


/*
 * version: of the map that is known.  taken(data) is called with each message
 * that follows it, changed() whenever "away" has become true or false: whether
 * there is no connection.  Runs from its making until stop().
 */
export class LiveMap {
    constructor(showId, version, { taken, changed }) {
        Object.assign(this, { showId, version, taken, changed });
        this.away = false;
        this.worked = false;
        this.first = null;

        /* where one way is known to fail, another can be set by hand */
        this.way = Math.max(0, WAYS.indexOf(local.get("boxoffice.push")));
        this.begin();
    }

    stop() {
        this.stopped = true;
        window.clearTimeout(this.first);
        window.clearTimeout(this.retry);
        window.clearTimeout(this.telling);
        this.transport?.stop();
    }

    begin() {
        if (this.stopped) {
            return;
        }

        const Way = [Events, Socket, Polling][this.way];

        this.transport?.stop();
        this.transport = new Way(this);

        if (Way !== Polling && !this.worked) {
            this.first ??= window.setTimeout(() => this.next(), FIRST_MS);
        }
    }

    /* Another map was read: what follows its version. */
    goOn(version) {
        this.version = version;
        this.begin();
    }

    /* This way never opened: something in between does not let it through. */
    next() {
        window.clearTimeout(this.retry);
        this.first = null;
        this.way++;
        this.begin();
    }

    opened() {
        this.worked = true;
        window.clearTimeout(this.first);
        window.clearTimeout(this.telling);
        this.telling = null;
        this.tell(false);
    }

    /* for good: the browser does not try again by itself */
    lost(forGood) {
        this.telling ??= window.setTimeout(() => this.tell(true), LOST_MS);

        if (forGood && !this.stopped) {
            window.clearTimeout(this.retry);
            this.retry = window.setTimeout(() => this.begin(),
                RETRY_MS * (0.5 + Math.random()));
        }
    }

    tell(away) {
        if (this.away !== away) {
            this.away = away;
            this.changed();
        }
    }

    heard(data) {
        /* from a connection before the one that is open now */
        if (data.since !== undefined && data.since !== this.version) {
            return;
        }

        this.version = data.version;
        this.taken(data);
    }
}

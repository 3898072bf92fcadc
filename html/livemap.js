/*
 * A show's seat map, asked for again and again while somebody looks at it.
 */

import { read } from "./api.js";

const POLL_MS = 2000;
const POLL_MAX_MS = 15000;


export function mapPath(showId) {
    return `/shows/${encodeURIComponent(showId)}/seatmap`;
}


/*
 * etag: of the map that is known.  taken(data) is called with each newer
 * map, polled() after every attempt; "failures" counts those in a row that
 * got no answer.  Runs from its making until stop().
 */
export class LiveMap {
    constructor(showId, etag, { taken, polled }) {
        Object.assign(this, { etag, taken, polled });
        this.path = mapPath(showId);
        this.failures = 0;
        this.stopped = false;
        this.visible = () => this.soon();
        document.addEventListener("visibilitychange", this.visible);
        this.again(POLL_MS);
    }

    stop() {
        this.stopped = true;
        window.clearTimeout(this.timer);
        this.abort?.abort();
        document.removeEventListener("visibilitychange", this.visible);
    }

    /* Now rather than in a while: something is known to have changed. */
    soon() {
        this.again(0);
    }

    again(ms) {
        window.clearTimeout(this.timer);

        if (document.visibilityState === "visible" && !this.stopped) {
            this.timer = window.setTimeout(() => this.poll(), ms);
        }
    }

    async poll() {
        const begun = performance.now();

        /* one at a time: an older answer must not overwrite a newer one */
        this.abort?.abort();
        this.abort = new AbortController();

        const { signal } = this.abort;

        try {
            await this.ask(signal);
            this.failures = 0;

        } catch (error) {
            if (signal.aborted) {
                return;
            }

            /* a mistake of this page, not of the server */
            if (error.status === undefined) {
                console.error(error);
            }

            this.failures++;
        }

        this.polled();

        /*
         * A stadium's map is megabytes: wait longer where fetching and
         * drawing it takes long, so that the page stays quick.
         */
        const took = performance.now() - begun;

        this.again(Math.min(POLL_MAX_MS,
            Math.max(POLL_MS * 2 ** Math.min(this.failures, 3), 3 * took)));
    }

    async ask(signal) {
        const answer = await read(this.path, { etag: this.etag, signal });

        if (answer.status !== 304) {
            this.etag = answer.etag;
            this.taken(answer.data);
        }
    }
}

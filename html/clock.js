/*
 * The server's clock, as seen from here.
 *
 * Deadlines are the server's, and a visitor's clock may be hours off.  Each
 * answer's Date header (whole seconds) says that the server's time lay in
 * [Date, Date + 1 s) at some moment between sending and receiving.  The
 * intersection of these intervals soon is much narrower than a second.  The
 * local side is the monotonic clock, so that setting the wall clock changes
 * nothing.
 */

let low = -Infinity;
let high = Infinity;


/*
 * date: the Date header; sent, received: performance.now() around the
 * exchange, in milliseconds.
 */
export function observe(date, sent, received) {
    const server = Date.parse(date || "");

    if (Number.isNaN(server)) {
        return;
    }

    const lo = server - received;
    const hi = server + 1000 - sent;

    if (lo > high || hi < low) {
        /* a clock was set, or this machine slept: what was known is void */
        low = lo;
        high = hi;
        return;
    }

    low = Math.max(low, lo);
    high = Math.min(high, hi);
}


/* The server's time now, in Unix milliseconds. */
export function serverNow() {
    if (low === -Infinity) {
        return Date.now();
    }

    return performance.now() + (low + high) / 2;
}

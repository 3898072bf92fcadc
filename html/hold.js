/*
 * The visitor's holds, one a show.  Their ids are kept in the browser, so
 * that a reload finds them; what they hold is always asked of the server.
 */

import { read, write } from "./api.js";
import { local } from "./storage.js";
import { serverNow } from "./clock.js";

const KEY = "boxoffice.holds";


function remember(hold) {
    const ids = local.get(KEY) || {};

    ids[hold.showId] = hold.holdId;
    local.set(KEY, ids);

    return hold;
}


/* Another one may have taken its place, perhaps in another tab. */
export function forgetHold({ showId, holdId }) {
    const ids = local.get(KEY) || {};

    if (ids[showId] === holdId) {
        delete ids[showId];
        local.set(KEY, ids);
    }
}


/* The shows with a hold that may still live. */
export function heldShows() {
    return Object.keys(local.get(KEY) || {});
}


/* The live hold in a show, or null. */
export async function loadHold(showId) {
    const holdId = (local.get(KEY) || {})[showId];

    if (!holdId) {
        return null;
    }

    try {
        const { data } = await read(`/holds/${holdId}`);

        if (data.status === "HELD"
            && Date.parse(data.expiresAt) > serverNow())
        {
            return data;
        }

    } catch (error) {
        if (error.status !== 404 && error.status !== 410) {
            throw error;
        }
    }

    forgetHold({ showId, holdId });

    return loadHold(showId);
}


export async function createHold(showId, seatIds) {
    return remember(await write("POST", "/holds", { showId, seatIds }));
}


/* The best n seats together, of a category or, with "", of any. */
export async function holdBest(showId, n, category) {
    const bestAvailable = { count: n };

    if (category) {
        bestAvailable.category = category;
    }

    return remember(await write("POST", "/holds", { showId, bestAvailable }));
}


export async function changeHold(hold, seatIds) {
    return remember(await write("PUT", `/holds/${hold.holdId}`, { seatIds }));
}


/* Gone already is as good as released. */
export async function releaseHold(hold) {
    try {
        await write("DELETE", `/holds/${hold.holdId}`);

    } catch (error) {
        if (error.status !== 404 && error.status !== 410) {
            throw error;
        }
    }

    forgetHold(hold);
}

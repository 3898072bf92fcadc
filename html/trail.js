/* What a seat page leads back to: the page its show was chosen at. */

import { session } from "./storage.js";

const TRAIL = "boxoffice.trail";


/* titles: of the movies that can be chosen there; text: of the link back. */
export function leaveTrail(titles, address, text) {
    session.set(TRAIL, { titles, address, text });
}


/* {address, text}, or null: this movie was not chosen there. */
export function trail(title) {
    const last = session.get(TRAIL);

    return last?.titles?.includes(title) ? last : null;
}

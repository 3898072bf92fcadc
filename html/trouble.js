/* What was refused, with all that is wrong: shows in the way, mistakes. */

import { h } from "./dom.js";
import { dayTime, time } from "./format.js";
import { explain } from "./words.js";


/* each with the show that it is in the way of */
function clashes(list, timezone) {
    return h("ul", { class: "clashes" }, list.map((each) => h("li", {},
        h("strong", {}, dayTime(each.startsAt, timezone)), ": ",
        h("a", { href: `#/shows/${each.showId}` }, each.movieTitle),
        `, ${time(each.showStartsAt, timezone)} to `
            + time(each.showEndsAt, timezone))));
}


/*
 * error: an ApiError.  name(text): the text with people's names for fields of
 * the document; timezone: of times.  Nodes that say it.
 */
export function trouble(error, { name = (text) => text, timezone } = {}) {
    const { clashes: shows, mistakes } = error.details || {};

    return [
        h("p", {}, explain(error)),
        shows?.length > 0 && clashes(shows, timezone),
        mistakes?.length > 0 && h("ul", { class: "clashes" },
            mistakes.map(({ field, problem }) => h("li", {},
                h("strong", {}, name(field)), ` ${name(problem)}`))),
    ].filter(Boolean);
}

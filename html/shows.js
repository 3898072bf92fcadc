/* The list of shows, and what other views need to know about one. */

import { read } from "./api.js";
import { query } from "./catalogue.js";
import { buttonLink, h } from "./dom.js";
import { count, day, dayTime, priceRange, seatList, time } from "./format.js";
import { heldShows, loadHold } from "./hold.js";
import { countdown } from "./countdown.js";
import { more } from "./more.js";
import { poster } from "./poster.js";

const known = new Map();


/*
 * One show; the same answer serves what is drawn at about the same time.  Not
 * more: a show may be moved, and nobody is to see the old time.
 */
export function showInfo(showId) {
    let promise = known.get(showId);

    if (!promise) {
        promise = read(`/shows/${encodeURIComponent(showId)}`)
            .then(({ data }) => data);
        known.set(showId, promise);

        const forget = () => known.get(showId) === promise
            && known.delete(showId);

        promise.then(() => window.setTimeout(forget, 1000), forget);
    }

    return promise;
}


export function where(show) {
    return `${show.theatreName}, ${show.screenName}`;
}


export function when(show) {
    return dayTime(show.startsAt, show.timezone);
}


function card(show) {
    const open = show.status === "SCHEDULED";
    const text = h("span", { class: "text" },
        h("strong", {}, show.movieTitle),
        h("span", {}, where(show)),
        h("span", { class: "muted" },
            open
                ? `${count(show.seats, "seat")} · ${priceRange(show.minPrice,
                    show.maxPrice, show.currency)}`
                : "Cancelled"));
    const at = h("time", { dateTime: show.startsAt },
        time(show.startsAt, show.timezone));

    return h("li", { "data-day": day(show.startsAt, show.timezone) },
        open
            ? h("a", { class: "show", href: `#/shows/${show.showId}` },
                poster(show.movieTitle), text, at)
            : h("div", { class: "show closed" }, poster(show.movieTitle),
                text, at));
}


/* A list with one part a day, for cards in their order. */
function addDays(el, cards) {
    for (const each of cards) {
        const name = each.dataset.day;
        let list = el.lastElementChild?.querySelector("ul");

        if (el.lastElementChild?.dataset.day !== name) {
            list = h("ul", { class: "shows" });
            el.append(h("section", { "data-day": name },
                h("h2", {}, name), list));
        }

        list.append(each);
    }
}


/* "You hold A1, A2": the way back to an interrupted booking. */
async function holdBanner(showId, stops) {
    const hold = await loadHold(showId);

    if (!hold) {
        return null;
    }

    const show = await showInfo(showId);
    const banner = h("div", { class: "banner" });
    const clock = countdown({ ...hold, what: "Held for you",
        onEnd: () => banner.remove() });

    stops.push(clock.stop);
    banner.append(
        h("p", {}, h("strong", {}, show.movieTitle),
            ` · ${seatList(hold.seatIds)}`),
        clock.el,
        buttonLink(`#/shows/${showId}/checkout`, "Continue"));

    return banner;
}


/* The ways back to all of them: {el, stop}. */
export function holdBanners() {
    const stops = [];
    const el = h("div", {});

    for (const showId of heldShows()) {
        /* an extra: the list is of use without it */
        holdBanner(showId, stops).then(
            (banner) => banner && el.append(banner), () => {});
    }

    return { el, stop: () => stops.forEach((stop) => stop()) };
}


async function showsPage(cursor) {
    const { data } = await read(`/shows${query({ cursor })}`);

    return { items: data.items.map(card), cursor: data.nextCursor };
}


export async function showsView() {
    const first = await showsPage();
    const days = h("div", { class: "days" });
    const list = { append: (...cards) => addDays(days, cards) };
    const banners = holdBanners();

    list.append(...first.items);

    return {
        title: "Shows",
        el: h("div", {},
            h("h1", {}, "All shows"), banners.el, days,
            first.items.length === 0
                && h("p", { class: "muted" }, "No shows are on sale now."),
            more(list, "More shows", first.cursor, showsPage)),
        destroy: banners.stop,
    };
}

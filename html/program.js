/* The shows of a day, or of a theatre, a screen or a movie, and their sales. */

import { read } from "./api.js";
import { query } from "./catalogue.js";
import { buttonLink, h } from "./dom.js";
import { calendarDay, count, dayTime, money } from "./format.js";
import { more } from "./more.js";
import { onTheClock } from "./zone.js";


function item(show) {
    const off = show.status === "CANCELLED";
    const open = show.pending > 0 ? `, ${show.pending} unpaid` : "";

    return h("li", {},
        h("a", { href: `#/shows/${show.showId}` }, show.movieTitle),
        h("span", {}, off ? "Called off"
            : `${show.sold} of ${count(show.seats, "seat")} sold${open}`),
        h("span", { class: "muted" },
            `${dayTime(show.startsAt, show.timezone)} · `
            + `${show.theatreName}, ${show.screenName}`),
        h("span", { class: "muted" }, money(show.amount, show.currency)));
}


function dayAfter(date, n) {
    return new Date(Date.parse(date) + n * 86400000).toISOString()
        .slice(0, 10);
}


/* Which day: it is in the address. */
function chooser(date) {
    const input = h("input", { type: "date", id: "day", value: date,
        onchange: () => {
            if (input.value) {
                window.location.hash = `#/shows${query({
                    date: input.value })}`;
            }
        } });

    return h("nav", { class: "row-actions day", "aria-label": "Days" },
        h("label", { for: "day" }, "Day"), input,
        buttonLink(`#/shows?date=${dayAfter(date, -1)}`, "Day before",
            "quiet small"),
        buttonLink(`#/shows?date=${dayAfter(date, 1)}`, "Day after",
            "quiet small"));
}


/* What the shows are of, when they are of something. */
function subject({ theatreId, screenId, movieId }, [first]) {
    if (!first) {
        return "";
    }

    return theatreId ? first.theatreName
        : screenId ? `${first.theatreName}, ${first.screenName}`
            : movieId ? first.movieTitle : "";
}


export async function programView({ date, theatreId, screenId, movieId }) {
    const of = { theatreId, screenId, movieId };
    const all = Boolean(theatreId || screenId || movieId);

    /* of nothing but a day, the day that it is for who looks */
    const day = date || (all ? undefined : onTheClock(new Date(),
        Intl.DateTimeFormat().resolvedOptions().timeZone).slice(0, 10));

    const load = async (cursor) => {
        const { data } = await read(`/admin/shows${query({ ...of, date: day,
            limit: 50, cursor })}`);

        return { items: data.items.map(item), cursor: data.nextCursor,
            shows: data.items };
    };

    const first = await load();
    const name = subject(of, first.shows);
    const list = h("ul", { class: "rows program" }, first.items);

    return {
        title: "Shows",
        el: h("div", {},
            h("div", { class: "list-head" },
                h("h1", {}, day ? `Shows of ${calendarDay(day)}` : "Shows"),
                buttonLink(`#/shows/new${query({ screenId, movieId })}`,
                    "New shows")),
            all ? h("p", {}, name && `${name} · `,
                h("a", { href: "#/shows" }, "The shows of today"))
                : chooser(day),
            first.items.length > 0 ? list
                : h("p", { class: "muted none" }, "There are none."),
            more(list, "More shows", first.cursor, load)),
    };
}

/* A movie: what it is, its days, and its shows by theatre. */

import { announce, busy, h, toast } from "./dom.js";
import { facts, movie, movieDays, movieShows, query } from "./catalogue.js";
import { Days, showTimes } from "./days.js";
import { factList } from "./facts.js";
import { calendarDay, count } from "./format.js";
import { more } from "./more.js";
import { poster } from "./poster.js";
import { leaveTrail } from "./trail.js";
import { explain } from "./words.js";

/* --- what it is ------------------------------------------------------- */


/* "leadActor" -> "Lead actor" */
function words(name) {
    const text = name.replace(/([a-z])([A-Z])/g, "$1 $2")
        .replace(/[_-]+/g, " ").trim().toLowerCase();

    return text.charAt(0).toUpperCase() + text.slice(1);
}


/*
 * A value of metadata, which has no fixed form, as text; "" for what is not
 * for people, such as addresses and deeper things.
 */
function text(value) {
    if (Array.isArray(value)) {
        return value.map(text).filter(Boolean).join(", ");
    }

    if (typeof value === "object" && value !== null) {
        return typeof value.name === "string"
            ? text(value.name) + (typeof value.role === "string"
                ? ` (${value.role})` : "")
            : "";
    }

    if (typeof value === "boolean") {
        return value ? "Yes" : "No";
    }

    const plain = String(value ?? "");

    return /^(https?:|data:|\/)/i.test(plain) ? "" : plain;
}


export function metadata(object) {
    const items = Object.entries(object || {})
        .map(([name, value]) => [words(name), text(value)])
        .filter(([, value]) => value !== "");

    return items.length > 0 && factList(items);
}


function about(film) {
    const rating = typeof film.rating === "number"
        && `Rated ${film.rating.toLocaleString()} of 10`;

    return h("div", { class: "about" },
        poster(film.title, film.thumbnailUrl, "large"),
        h("div", {},
            h("p", { class: "muted" }, [...facts(film), rating]
                .filter(Boolean).join(" · ")),
            (film.about || "").split(/\n+/).filter(Boolean)
                .map((part) => h("p", {}, part)),
            metadata(film.metadata)));
}


/* --- its shows --------------------------------------------------------- */


function distance(meters) {
    return meters < 950 ? `${Math.round(meters / 100) * 100} m`
        : `${(meters / 1000).toLocaleString(undefined,
            { maximumFractionDigits: meters < 9500 ? 1 : 0 })} km`;
}


function theatre(place) {
    const far = typeof place.distanceMeters === "number"
        && `${distance(place.distanceMeters)} away`;

    return h("li", { class: "theatre" },
        h("h3", {}, h("a", { href: `#/theatres/${place.theatreId}` },
            place.name)),
        h("p", { class: "muted" }, [place.address || place.city, far]
            .filter(Boolean).join(" · ")),
        showTimes(place.shows, place.timezone));
}


/* --- the page ----------------------------------------------------------- */


class MoviePage {
    constructor(film, dates, date) {
        this.film = film;
        this.asked = 0;
        this.near = null;
        this.days = dates.length > 0
            && new Days(dates, (day) => this.address(day));
        this.shows = h("div", {});
        this.heading = h("h2", { id: "shows-of" });
        this.nearest = h("button", { class: "button quiet small",
            type: "button", "aria-pressed": "false",
            hidden: !navigator.geolocation,
            onclick: () => this.locate() }, "Nearest first");
        this.el = h("div", { class: "movie-page" },
            h("a", { class: "back", href: "#/" }, "All movies"),
            h("h1", {}, film.title), about(film), this.program());
        this.choose(date);
    }

    destroy() {
        this.asked++;
    }

    address(date) {
        return `#/movies/${this.film.movieId}${query({ date })}`;
    }

    program() {
        if (!this.days) {
            return h("p", { class: "notice" },
                "There are no shows of it just now.");
        }

        return h("section", { "aria-labelledby": "shows-of" },
            this.days.el,
            h("div", { class: "shows-head" }, this.heading, this.nearest),
            this.shows);
    }

    /* date: one of dates; anything else is the first */
    choose(date) {
        this.date = this.days ? this.days.choose(date) : undefined;

        leaveTrail([this.film.title], this.address(this.date),
            "Other shows of it");
    }

    update({ movieId, date }) {
        if (movieId !== this.film.movieId || !this.days) {
            return false;
        }

        this.days.keepFocus(() => this.choose(date));
        this.fill();

        return true;
    }

    page(cursor) {
        return movieShows(this.film.movieId, { date: this.date,
            near: this.near, cursor });
    }

    /* The shows of the day; only the last answer counts. */
    async fill() {
        const asked = ++this.asked;
        let content;

        if (!this.date) {
            return;
        }

        try {
            content = this.content(await this.page());

        } catch (error) {
            content = [h("p", { class: "notice error" }, explain(error))];
            announce(explain(error), true);
        }

        if (asked === this.asked) {
            this.heading.textContent = calendarDay(this.date);
            this.shows.replaceChildren(...content);
        }
    }

    content({ theatres, nextCursor }) {
        const list = h("ul", { class: "theatres" }, theatres.map(theatre));
        const shows = theatres.reduce((n, each) => n + each.shows.length, 0);

        announce(`${calendarDay(this.date)}: ${count(shows, "show")} in `
            + `${count(theatres.length, "theatre")}.`);

        if (theatres.length === 0) {
            return [h("p", { class: "notice" },
                "All shows of this day have begun.")];
        }

        return [list, more(list, "More theatres", nextCursor,
            async (cursor) => {
                const data = await this.page(cursor);

                return { items: data.theatres.map(theatre),
                    cursor: data.nextCursor };
            })];
    }

    /* Three decimals are a hundred meters: the server needs no more. */
    async locate() {
        if (this.near) {
            this.near = null;

        } else {
            await busy(this.nearest, "One moment…", async () => {
                try {
                    const { coords } = await new Promise((done, failed) => {
                        navigator.geolocation.getCurrentPosition(done, failed,
                            { maximumAge: 300000, timeout: 15000 });
                    });

                    this.near = `${coords.latitude.toFixed(3)},`
                        + coords.longitude.toFixed(3);

                } catch {
                    toast("Where you are is not known here, or not told to "
                        + "this page.", { kind: "error" });
                }
            });
        }

        this.nearest.setAttribute("aria-pressed", String(this.near !== null));
        await this.fill();
    }
}


export async function movieView({ movieId, date }) {
    const [film, dates] = await Promise.all([
        movie(movieId), movieDays(movieId)]);
    const page = new MoviePage(film, dates, date);

    await page.fill();

    return { title: film.title, el: page.el,
        update: (next) => page.update(next),
        destroy: () => page.destroy() };
}

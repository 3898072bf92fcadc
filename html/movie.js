/* A movie: what it is, its days, and its shows by theatre. */

import { announce, busy, h, toast } from "./dom.js";
import { facts, movie, movieDays, movieShows, query } from "./catalogue.js";
import { calendarDay, count, money, time } from "./format.js";
import { more } from "./more.js";
import { poster } from "./poster.js";
import { session } from "./storage.js";
import { explain } from "./words.js";

/* so many days have a link, the others are in a list */
const LINKS = 10;

/* What a seat page leads back to: the movie it was chosen at. */
const TRAIL = "boxoffice.trail";


export function trail(title) {
    const last = session.get(TRAIL);

    return last?.title === title ? last.address : null;
}


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

    return items.length > 0 && h("dl", { class: "facts" },
        items.map(([name, value]) => h("div", {},
            h("dt", {}, name), h("dd", {}, value))));
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


function showLink(show, timezone) {
    return h("li", {},
        h("a", { class: "show-time", href: `#/shows/${show.showId}` },
            h("time", { dateTime: show.startsAt },
                time(show.startsAt, timezone)), " ",
            h("span", {}, show.screenName), " ",
            show.minPrice !== null && h("span", { class: "muted" },
                (show.minPrice === show.maxPrice ? "" : "from ")
                + money(show.minPrice, show.currency))));
}


function theatre(place) {
    const far = typeof place.distanceMeters === "number"
        && `${distance(place.distanceMeters)} away`;

    return h("li", { class: "theatre" },
        h("h3", {}, place.name),
        h("p", { class: "muted" }, [place.address || place.city, far]
            .filter(Boolean).join(" · ")),
        h("ul", { class: "times" }, place.shows.map((show) => (
            showLink(show, place.timezone)))));
}


/* --- the page ----------------------------------------------------------- */


class MoviePage {
    constructor(film, dates, date) {
        Object.assign(this, { film, dates });
        this.asked = 0;
        this.near = null;
        this.days = h("ul", { class: "day-links" });
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
        if (this.dates.length === 0) {
            return h("p", { class: "notice" },
                "There are no shows of it just now.");
        }

        return h("section", { "aria-labelledby": "shows-of" },
            h("nav", { "aria-label": "Days" }, this.days),
            this.dates.length > LINKS && this.others(),
            h("div", { class: "shows-head" }, this.heading, this.nearest),
            this.shows);
    }

    /* All days are in it, so that each can be chosen in one place. */
    others() {
        this.select = h("select", { id: "other-day", onchange: () => {
            window.location.hash = this.address(this.select.value);
        } }, this.dates.map((date) => (
            h("option", { value: date }, calendarDay(date)))));

        return h("p", { class: "other-day" },
            h("label", { for: "other-day" }, "Another day"), this.select);
    }

    /* date: one of dates; anything else is the first */
    choose(date) {
        this.date = this.dates.includes(date) ? date : this.dates[0];

        this.days.replaceChildren(...this.dates.slice(0, LINKS).map((day) => (
            h("li", {}, h("a", { href: this.address(day),
                "aria-current": day === this.date ? "date" : null },
            calendarDay(day, "short"))))));

        if (this.select) {
            this.select.value = this.date;
        }

        session.set(TRAIL, { title: this.film.title,
            address: this.address(this.date) });
    }

    update({ movieId, date }) {
        if (movieId !== this.film.movieId || this.dates.length === 0) {
            return false;
        }

        const focused = this.days.contains(document.activeElement);

        this.choose(date);

        if (focused) {
            this.days.querySelector("[aria-current]")?.focus();
        }

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

/* A theatre: where it is, its days, and its shows of a day by movie. */

import { announce, h } from "./dom.js";
import { facts, look, query } from "./catalogue.js";
import { Days, showTimes } from "./days.js";
import { calendarDay, count } from "./format.js";
import { metadata } from "./movie.js";
import { leaveTrail } from "./trail.js";
import { explain } from "./words.js";


function movie(film, timezone) {
    return h("li", { class: "theatre" },
        h("h3", {}, h("a", { href: `#/movies/${film.movieId}` },
            film.title)),
        h("p", { class: "muted" }, facts(film).join(" · ")),
        showTimes(film.shows, timezone));
}


function about(place) {
    const seats = place.screens.reduce((n, each) => n + each.seats, 0);

    return h("div", { class: "about-place" },
        h("p", {}, [place.address, place.city].filter(Boolean)
            .filter((text, i, all) => i === 0 || !all[0].includes(text))
            .join(", ")),
        h("p", { class: "muted" }, place.screens.length > 0
            ? `${count(place.screens.length, "screen")}, `
                + count(seats, "seat") : "No screens"),
        metadata(place.metadata));
}


class TheatrePage {
    constructor(place, program) {
        this.place = place;
        this.asked = 0;
        this.days = program.dates.length > 0
            && new Days(program.dates, (day) => this.address(day));
        this.heading = h("h2", { id: "shows-of" });
        this.shows = h("div", {});
        this.el = h("div", { class: "movie-page" },
            h("a", { class: "back", href: "#/" }, "All movies"),
            h("h1", {}, place.name), about(place),
            this.days ? h("section", { "aria-labelledby": "shows-of" },
                this.days.el,
                h("div", { class: "shows-head" }, this.heading), this.shows)
                : h("p", { class: "notice" },
                    "There are no shows here just now."));
        this.show(program);
    }

    destroy() {
        this.asked++;
    }

    address(date) {
        return `#/theatres/${this.place.theatreId}${query({ date })}`;
    }

    show({ date, movies, timezone }) {
        if (!this.days) {
            return;
        }

        const shown = this.days.choose(date);
        const shows = movies.reduce((n, each) => n + each.shows.length, 0);

        this.heading.textContent = calendarDay(date || shown);
        this.shows.replaceChildren(movies.length > 0
            ? h("ul", { class: "theatres" },
                movies.map((each) => movie(each, timezone)))
            : h("p", { class: "notice" },
                "There are no shows to come on this day."));
        leaveTrail(movies.map(({ title }) => title), this.address(date),
            `Other shows at ${this.place.name}`);
        announce(`${calendarDay(date || shown)}: ${count(shows, "show")}.`);
    }

    /* The same theatre, another day; only the last answer counts. */
    update({ theatreId, date }) {
        if (theatreId !== this.place.theatreId || !this.days) {
            return false;
        }

        const asked = ++this.asked;

        this.days.keepFocus(() => this.days.choose(date));
        programOf(theatreId, date).then((program) => {
            if (asked === this.asked) {
                this.days.keepFocus(() => this.show(program));
            }
        }, (error) => {
            if (asked === this.asked) {
                this.shows.replaceChildren(h("p", { class: "notice error" },
                    explain(error)));
                announce(explain(error), true);
            }
        });

        return true;
    }
}


function programOf(theatreId, date) {
    return look(`/theatres/${encodeURIComponent(theatreId)}/shows`,
        { date: /^\d{4}-\d\d-\d\d$/.test(date) ? date : undefined });
}


export async function theatreView({ theatreId, date }) {
    const [place, program] = await Promise.all([
        look(`/theatres/${encodeURIComponent(theatreId)}`),
        programOf(theatreId, date)]);
    const page = new TheatrePage(place, program);

    return { title: place.name, el: page.el,
        update: (next) => page.update(next),
        destroy: () => page.destroy() };
}

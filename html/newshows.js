/* Putting shows on: each of some times on each of some days, all or none. */

import { read, write } from "./api.js";
import { query } from "./catalogue.js";
import { announce, busy, h, toast } from "./dom.js";
import { makeChooser } from "./choose.js";
import { makeField } from "./fields.js";
import { calendarDay, count } from "./format.js";
import { ALONE } from "./kinds.js";
import { priceFields, pricesOf } from "./show.js";
import { local } from "./storage.js";
import { trouble } from "./trouble.js";

/* what the API takes at once */
const DAYS = 100;

const CURRENCY = "boxoffice.currency";
const WEEK = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];


async function findMovies(text) {
    const { data } = text
        ? await read(`/search${query({ q: text, limit: 20 })}`)
        : await read("/admin/movies?limit=10");

    return (data.movies || data.items).map((each) => ({ id: each.movieId,
        title: each.title, about: [each.language, each.format,
            each.durationMinutes && `${each.durationMinutes} min`]
            .filter(Boolean).join(" · ") }));
}


function placeOf({ theatreId, name, city }) {
    return { id: theatreId, title: name, about: city };
}


async function findTheatres(text) {
    const { data } = text ? await read(`/search${query({ q: text })}`)
        : await read("/admin/theatres?limit=10");

    return (data.theatres || data.items).map(placeOf);
}


class NewShows {
    constructor() {
        this.asked = 0;
        this.movie = makeChooser({ name: "movie", label: "Movie",
            find: findMovies });
        this.theatre = makeChooser({ name: "theatre", label: "Theatre",
            find: findTheatres, chosen: (item) => this.moved(item) });
        this.screen = h("select", { id: "screen",
            onchange: () => this.priced() });
        this.prices = [];
        this.priceBox = h("div", { class: "fields prices" });
        this.fields = this.makeFields();
        this.weekdays = WEEK.map((day, i) => h("input", { type: "checkbox",
            value: String(i), checked: true,
            onchange: () => this.tell() }));
        this.sum = h("p", { class: "muted", role: "status" });
        this.problem = h("div", { class: "notice error", hidden: true,
            tabIndex: -1 });
        this.save = h("button", { class: "button primary", type: "submit" },
            "Put them on");
        this.el = this.build();
        this.tell();
    }

    makeFields() {
        const make = (spec) => makeField(spec, "shows");

        const fields = {
            first: make({ name: "first", label: "First day", type: "date",
                required: true }),
            last: make({ name: "last", label: "Last day", type: "date",
                hint: "Empty for a single day" }),
            times: make({ name: "times", label: "Times", type: "list",
                required: true, hint: "On the clock there, such as 10:00, "
                    + "14:30" }),
            minutes: make({ name: "durationMinutes", label: "Minutes",
                type: "number", min: 1, max: 1440,
                hint: "Else those of the movie" }),
            currency: make({ name: "currency", label: "Currency",
                required: true, max: 3, hint: "Three letters, such as INR" }),
            orphanRule: make({ name: "orphanRule", type: "flag",
                label: "A single seat may be left alone", options: ALONE,
                hint: "By who buys those beside it" }),
        };

        fields.currency.set(local.get(CURRENCY) || "INR");
        fields.orphanRule.set(true);

        return fields;
    }

    build() {
        const { first, last, times, minutes, currency, orphanRule }
            = this.fields;
        const form = h("form", { class: "form new-shows", noValidate: true,
            oninput: () => this.tell(),
            onsubmit: (event) => this.send(event) },
        this.movie.el, this.theatre.el,
        h("div", { class: "field" },
            h("label", { for: "screen" }, "Screen"), this.screen),
        h("div", { class: "fields form" }, first.el, last.el),
        h("fieldset", {}, h("legend", {}, "On these days of the week"),
            h("div", { class: "choices" }, WEEK.map((day, i) => (
                h("label", { class: "choice" }, this.weekdays[i], day))))),
        h("div", { class: "fields form" }, times.el, minutes.el, currency.el,
            orphanRule.el),
        h("fieldset", {}, h("legend", {}, "Prices"), this.priceBox),
        this.sum, this.problem,
        h("div", { class: "actions row-actions" }, this.save));

        currency.el.addEventListener("change", () => this.priced());

        return h("div", { class: "object" },
            h("a", { class: "back", href: "#/shows" }, "Shows"),
            h("h1", {}, "New shows"), form);
    }

    destroy() {
        this.gone = true;
    }

    /* Another theatre: its screens. */
    async moved({ id }, screenId) {
        const asked = ++this.asked;
        const [{ data: place }, { data }] = await Promise.all([
            read(`/theatres/${encodeURIComponent(id)}`),
            read(`/admin/screens${query({ theatreId: id, limit: 100 })}`)]);

        if (asked !== this.asked) {
            return;
        }

        this.timezone = place.timezone;
        this.screen.replaceChildren(...data.items.map((each) => (
            h("option", { value: each.screenId,
                selected: each.screenId === screenId },
            `${each.name} (${count(each.seats, "seat")})`))));
        await this.priced();
    }

    /* Another screen: a price for each of its categories. */
    async priced() {
        const id = this.screen.value;
        const code = this.fields.currency.raw().trim();
        const typed = new Map(this.prices.map((field) => (
            [field.name, field.raw()])));
        const { data } = id ? await read(`/screens/${id}`)
            : { data: { categories: [] } };

        if (id !== this.screen.value) {
            return;
        }

        this.prices = priceFields(Object.fromEntries(data.categories.map(
            ({ category }) => [category, undefined])),
        /^[A-Z]{3}$/.test(code) ? code : "INR");
        this.prices.forEach((field) => field.setRaw(
            typed.get(field.name) ?? ""));
        this.priceBox.replaceChildren(...this.prices.length > 0
            ? this.prices.map(({ el }) => el)
            : [h("p", { class: "muted" }, "Choose a theatre and a screen.")]);
    }

    /* The days that were asked for, as they are called there. */
    days() {
        const first = this.fields.first.raw();
        const last = this.fields.last.raw() || first;
        const week = this.weekdays.filter((box) => box.checked)
            .map((box) => Number(box.value));
        const days = [];

        if (!first) {
            return days;
        }

        for (let at = Date.parse(first); at <= Date.parse(last)
            && days.length <= DAYS; at += 86400000)
        {
            const day = new Date(at);

            if (first === last || week.includes((day.getUTCDay() + 6) % 7)) {
                days.push(day.toISOString().slice(0, 10));
            }
        }

        return days;
    }

    tell() {
        const days = this.days().length;
        const times = this.fields.times.value().length;

        this.sum.textContent = days > DAYS
            ? `More than ${DAYS} days: put them on in parts.`
            : `${count(days * times, "show")}: ${count(days, "day")}, `
                + `${count(times, "time")} a day.`;
    }

    /* "dates[1], times[0]" -> "Saturday, 28 November, 10:00" */
    name(text, body) {
        return text
            .replace(/dates\[(\d+)\]/g, (all, i) => (
                calendarDay(body.dates[i])))
            .replace(/times\[(\d+)\]/g, (all, i) => body.times[i])
            .replace(/^durationMinutes$/, "Minutes")
            .replace(/^prices/, "Prices");
    }

    /* The document, or null when something is wrong, which has the focus. */
    body() {
        const { first, last, times, minutes, currency, orphanRule }
            = this.fields;
        const wrong = [this.movie, this.theatre, first, last, times, minutes,
            currency, orphanRule].filter((each) => !each.test());
        const prices = pricesOf(this.prices);

        if (wrong.length > 0) {
            wrong[0].focus();
            return null;
        }

        if (!this.screen.value) {
            this.screen.focus();
            return null;
        }

        const days = this.days();

        if (days.length === 0 || days.length > DAYS) {
            last.wrong(days.length === 0 ? "There is no such day."
                : `At most ${DAYS} days.`);
            last.focus();
            return null;
        }

        return prices && {
            movieId: this.movie.value().id, screenId: this.screen.value,
            dates: days, times: times.value(), currency: currency.value(),
            prices, orphanRule: orphanRule.value(),
            ...minutes.value() === undefined ? {}
                : { durationMinutes: minutes.value() },
        };
    }

    async send(event) {
        event.preventDefault();

        const body = this.body();

        if (body === null) {
            return;
        }

        this.problem.hidden = true;
        await busy(this.save, "One moment…", async () => {
            try {
                const { items } = await write("POST", "/admin/shows", body);

                local.set(CURRENCY, body.currency);
                toast(`${count(items.length, "show")} put on.`);

                if (!this.gone) {
                    window.location.hash = items.length === 1
                        ? `#/shows/${items[0].showId}`
                        : `#/shows${query({ screenId: body.screenId })}`;
                }

            } catch (error) {
                this.failed(error, body);
            }
        });
    }

    failed(error, body) {
        this.problem.replaceChildren(...trouble(error, {
            name: (text) => this.name(text, body),
            timezone: this.timezone }));
        this.problem.hidden = false;
        this.problem.focus();
        announce(this.problem.textContent, true);
    }
}


/* What the address says is chosen already. */
export async function newShowsView({ screenId, movieId }) {
    const page = new NewShows();

    await Promise.all([page.movie.start(), page.theatre.start()]);

    if (movieId) {
        const { data } = await read(
            `/admin/movies/${encodeURIComponent(movieId)}`);

        page.movie.set({ id: data.movieId, title: data.title });
    }

    if (screenId) {
        const { data } = await read(
            `/admin/screens/${encodeURIComponent(screenId)}`);

        page.theatre.set({ id: data.theatreId, title: data.theatreName });
        await page.moved({ id: data.theatreId }, data.screenId);

    } else {
        await page.priced();
    }

    return { title: "New shows", el: page.el,
        destroy: () => page.destroy() };
}

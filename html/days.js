/* The program of a movie or of a theatre: its days, the times of its shows. */

import { h } from "./dom.js";
import { calendarDay, money, time } from "./format.js";

/* so many days have a link, the others are in a list */
const LINKS = 10;


/* dates: at least one; address(date): where its shows are. */
export class Days {
    constructor(dates, address) {
        Object.assign(this, { dates, address });
        this.list = h("ul", { class: "day-links" });
        this.el = h("div", {}, h("nav", { "aria-label": "Days" }, this.list),
            dates.length > LINKS && this.others());
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

    /* Anything that is no date of these is the first one; returns it. */
    choose(date) {
        const chosen = this.dates.includes(date) ? date : this.dates[0];

        this.list.replaceChildren(...this.dates.slice(0, LINKS).map((day) => (
            h("li", {}, h("a", { href: this.address(day),
                "aria-current": day === chosen ? "date" : null },
            calendarDay(day, "short"))))));

        if (this.select) {
            this.select.value = chosen;
        }

        return chosen;
    }

    /* work() draws the links anew: the focus stays among them. */
    keepFocus(work) {
        const focused = this.list.contains(document.activeElement);

        work();

        if (focused) {
            this.list.querySelector("[aria-current]")?.focus();
        }
    }
}


function showTime(show, timezone) {
    return h("li", {},
        h("a", { class: "show-time", href: `#/shows/${show.showId}` },
            h("time", { dateTime: show.startsAt },
                time(show.startsAt, timezone)), " ",
            h("span", {}, show.screenName), " ",
            show.minPrice !== null && h("span", { class: "muted" },
                (show.minPrice === show.maxPrice ? "" : "from ")
                + money(show.minPrice, show.currency))));
}


export function showTimes(shows, timezone) {
    return h("ul", { class: "times" },
        shows.map((show) => showTime(show, timezone)));
}

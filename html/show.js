/*
 * One show, for administrators: what it has sold, its prices, its broken and
 * house seats, calling it off.
 */

import { read, write } from "./api.js";
import { announce, busy, buttonLink, h, toast } from "./dom.js";
import { ask } from "./dialog.js";
import { makeField } from "./fields.js";
import { count, dayTime, money, title } from "./format.js";
import { KindEditor } from "./kindhall.js";
import { readMap } from "./livemap.js";
import { SeatMap } from "./seatmap.js";
import { trouble } from "./trouble.js";
import { explain } from "./words.js";

const ASK_AGAIN_MS = 2000;


/* --- sales ------------------------------------------------------------ */


function row(name, { seats, sold, pending, amount }, currency, tag = "td") {
    return h("tr", {},
        h("th", { scope: "row" }, name),
        ...[sold, pending, seats - sold - pending].map((n) => (
            h(tag, {}, n.toLocaleString()))),
        h(tag, {}, money(amount, currency)));
}


function table(sales) {
    return h("table", { class: "sales" },
        h("caption", { class: "hidden" }, "Seats and money by category"),
        h("thead", {}, h("tr", {}, ["Category", "Sold", "Unpaid", "Free",
            "Taken"].map((text) => h("th", { scope: "col" }, text)))),
        h("tbody", {}, sales.byCategory.map((each) => (
            row(title(each.category), each, sales.currency)))),
        h("tfoot", {}, row("All", sales, sales.currency)));
}


class Sales {
    constructor(show) {
        this.path = `/admin/shows/${show.showId}/sales`;
        this.place = h("div", {});
        this.button = h("button", { class: "button quiet small",
            type: "button", onclick: () => this.renew() }, "Renew");
        this.el = h("section", { "aria-labelledby": "sales" },
            h("div", { class: "list-head" },
                h("h2", { id: "sales" }, "Sales"), this.button),
            this.place);
    }

    async load() {
        const { data } = await read(this.path);

        this.place.replaceChildren(table(data), h("p", { class: "muted" },
            `${count(data.checkedIn, "seat")} checked in.`));

        return data;
    }

    async renew() {
        await busy(this.button, "One moment…", async () => {
            try {
                const { sold, seats } = await this.load();

                announce(`${sold} of ${count(seats, "seat")} sold.`);

            } catch (error) {
                toast(explain(error), { kind: "error" });
            }
        });
    }
}


/* --- prices ----------------------------------------------------------- */


export function priceFields(prices, currency) {
    return Object.entries(prices).map(([category, price]) => {
        const field = makeField({ name: category, label: title(category),
            type: "money", currency, required: true, max: 20 }, "price");

        field.set(price);

        return field;
    });
}


/* {SILVER: 15000, ...}; null: something is wrong, and has the focus */
export function pricesOf(fields) {
    const wrong = fields.filter((field) => !field.test());

    wrong[0]?.focus();

    return wrong.length > 0 ? null : Object.fromEntries(
        fields.map((field) => [field.name, field.value()]));
}


function prices(show, form) {
    const fields = priceFields(show.prices, show.currency);
    const button = h("button", { class: "button primary", type: "submit" },
        "Save the prices");

    const send = async (event) => {
        event.preventDefault();

        const now = pricesOf(fields);

        if (now === null) {
            return;
        }

        await busy(button, "One moment…", async () => {
            try {
                form.took(await write("PUT",
                    `/admin/shows/${show.showId}/prices`, { prices: now },
                    form.object.version));
                toast("These are the prices now.");

            } catch (error) {
                await form.failed(error);
            }
        });
    };

    return h("section", { "aria-labelledby": "prices" },
        h("h2", { id: "prices" }, `Prices in ${show.currency}`),
        h("form", { class: "form fields", noValidate: true, onsubmit: send },
            fields.map(({ el }) => el),
            h("div", { class: "actions row-actions" }, button)));
}


/* --- calling it off --------------------------------------------------- */


class Cancellation {
    constructor(show) {
        this.show = show;
        this.status = h("p", { role: "status" });
        this.el = h("section", { "aria-labelledby": "off" },
            h("h2", { id: "off" }, "Called off"), this.status);
    }

    destroy() {
        this.gone = true;
        window.clearTimeout(this.timer);
    }

    /* until no order is left */
    async follow() {
        let again = true;

        try {
            const { data } = await read(
                `/shows/${this.show.showId}/cancellation`);

            this.tell(data);
            again = data.finishedAt === null;

        } catch (error) {
            this.status.textContent = error.status === 404
                ? "It was not called off here." : explain(error);
            again = error.status !== 404;
        }

        if (again && !this.gone) {
            this.timer = window.setTimeout(() => this.follow(),
                ASK_AGAIN_MS);
        }
    }

    tell(data) {
        this.status.textContent = `By ${data.by}, `
            + `${dayTime(data.cancelledAt, this.show.timezone)}. `
            + `${count(data.ordersCancelled, "order")} cancelled, `
            + `${money(data.refunded, data.currency)} refunded`
            + (data.finishedAt === null
                ? `; ${count(data.ordersLeft, "order")} to go.` : ".");
    }
}


function callOff(show, form) {
    const button = h("button", { class: "button danger", type: "button",
        onclick: async () => {
            if (!await ask("Call this show off?", "Nobody can book it any "
                + "more, every order is cancelled, and all that was paid "
                + "goes back. This cannot be undone.", "Call it off",
            "Keep it on"))
            {
                return;
            }

            await busy(button, "One moment…", async () => {
                try {
                    await write("POST", `/shows/${show.showId}/cancel`, {});
                    toast("The show is called off.");
                    form.again();

                } catch (error) {
                    await form.failed(error);
                }
            });
        } }, "Call the show off");

    return h("section", { "aria-label": "Calling it off" }, button);
}


/* What is below the form of a show; see form.js. */
export async function showParts(show, form) {
    const open = show.status === "SCHEDULED"
        && Date.parse(show.startsAt) > Date.now();
    const off = show.status === "CANCELLED" && new Cancellation(show);
    const sales = new Sales(show);

    await sales.load();

    if (off) {
        form.parts.push(off);
        off.follow();
    }

    return [
        h("p", { class: "row-actions links" },
            open && buttonLink(`#/shows/${show.showId}/seats`,
                "Broken and house seats", "quiet"),
            open && buttonLink(`index.html#/shows/${show.showId}`,
                "As customers see it", "quiet"),
            !open && buttonLink(`#/audit?objectId=${show.showId}`,
                "Who changed it", "quiet")),
        off && off.el,
        sales.el,
        open && prices(show, form),
        open && callOff(show, form),
    ].filter(Boolean);
}


/* --- its seats --------------------------------------------------------- */


export async function showSeatsView({ id }) {
    const path = `/admin/shows/${encodeURIComponent(id)}`;
    const [{ data: show }, answers] = await Promise.all([read(path),
        readMap(id)]);
    const problem = h("div", { class: "notice error", hidden: true,
        tabIndex: -1 });
    let { version } = show;

    const editor = new KindEditor(new SeatMap(...answers), { path, sold: true,
        version: () => version,
        saved: (now) => {
            version = now.version;
            problem.hidden = true;
        },
        failed: (error) => {
            problem.replaceChildren(...trouble(error));
            problem.hidden = false;
            problem.focus();
            announce(problem.textContent, true);
        } });

    return {
        title: `Seats of ${show.movieTitle}`,
        el: h("div", { class: "object" },
            h("a", { class: "back", href: `#/shows/${show.showId}` },
                "The show"),
            h("h1", {}, "Broken and house seats"),
            h("p", { class: "muted" }, `${show.movieTitle} · `
                + `${dayTime(show.startsAt, show.timezone)} · `
                + `${show.theatreName}, ${show.screenName}`),
            h("p", {}, "Of this show only. Who holds such a seat loses it; "
                + "seats that are sold stay."),
            problem, editor.el),
        destroy: () => editor.destroy(),
    };
}

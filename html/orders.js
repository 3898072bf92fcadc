/* A visitor's orders, one order, and its ticket. */

import { read } from "./api.js";
import { query } from "./catalogue.js";
import { buttonLink, h } from "./dom.js";
import { countdown } from "./countdown.js";
import { count, money, seatList } from "./format.js";
import { giveBack } from "./giveback.js";
import { more } from "./more.js";
import { Payment } from "./payment.js";
import { hue } from "./poster.js";
import { showInfo, when, where } from "./shows.js";

const states = {
    PAYMENT_PENDING: "Waiting for payment",
    CONFIRMED: "Booked",
    FAILED: "Payment declined",
    EXPIRED: "Expired",
    CANCELLED: "Cancelled",
};


function badge(order) {
    return h("span", { class: `badge ${order.status.toLowerCase()}` },
        states[order.status] || order.status);
}


function live(order) {
    return order.status === "CONFIRMED" || order.status === "PAYMENT_PENDING";
}


/* The page with a code for each seat. */
function ticketsOf(order) {
    return `ticket.html?order=${encodeURIComponent(order.orderId)}`;
}


/* --- the list -------------------------------------------------------- */


function orderItem(order, show) {
    const li = h("li", { class: "order" });

    const fill = (now) => {
        const cancel = live(now) && h("button", {
            class: "button quiet small", type: "button",
            "aria-label": `Cancel ${show.movieTitle}, `
                + seatList(now.seatIds),
            onclick: async () => {
                const after = await giveBack(now, show);

                if (after) {
                    fill(after);
                    li.querySelector("a").focus();
                }
            },
        }, "Cancel");

        li.replaceChildren(
            h("div", { class: "text" },
                h("a", { href: `#/orders/${now.orderId}` },
                    show.movieTitle),
                h("span", {}, `${when(show)} · ${where(show)}`),
                h("span", { class: "muted" },
                    `${seatList(now.seatIds)} · `
                    + money(now.amount, now.currency))),
            badge(now),
            now.status === "CONFIRMED" && h("a", {
                class: "button quiet small", href: ticketsOf(now),
                "aria-label": `Tickets of ${show.movieTitle}, `
                    + seatList(now.seatIds),
            }, "Tickets") || "",
            cancel || "");
    };

    fill(order);

    return li;
}


async function ordersPage(cursor) {
    const { data } = await read(`/orders${query({ cursor })}`);

    return { cursor: data.nextCursor,
        items: await Promise.all(data.items.map(async (order) => (
            orderItem(order, await showInfo(order.showId))))) };
}


export async function ordersView() {
    const first = await ordersPage();
    const list = h("ul", { class: "orders" }, first.items);

    return {
        title: "My orders",
        el: h("div", { class: "narrow" }, h("h1", {}, "My orders"),
            first.items.length > 0 ? list : h("div", { class: "empty-state" },
                h("p", {}, "You have not booked anything yet."),
                buttonLink("#/", "See what is on")),
            more(list, "Older orders", first.cursor, ordersPage)),
    };
}


/* --- one order ------------------------------------------------------- */


function ticket(order, show) {
    const el = h("article", { class: "ticket", "aria-label": "Ticket" },
        h("div", { class: "main" },
            h("p", { class: "admit" }, "Admit "
                + count(order.seatIds.length, "person", "people")),
            h("h2", {}, show.movieTitle),
            h("dl", {},
                h("div", {}, h("dt", {}, "When"), h("dd", {}, when(show))),
                h("div", {}, h("dt", {}, "Where"), h("dd", {}, where(show))),
                h("div", {},
                    h("dt", {}, order.seatIds.length === 1 ? "Seat"
                        : "Seats"),
                    h("dd", { class: "seat-ids" },
                        seatList(order.seatIds))))),
        h("div", { class: "stub" },
            h("p", { class: "label" }, "Ticket code"),
            h("p", { class: "code" }, order.ticketCode || ""),
            h("p", { class: "label" },
                `Paid ${money(order.amount, order.currency)}`)));

    el.style.setProperty("--hue", hue(show.movieTitle));

    return el;
}


class OrderPage {
    constructor(order, show) {
        this.show = show;
        this.body = h("div", {});
        this.heading = h("h1", {});
        this.el = h("div", { class: "narrow order-page" },
            h("a", { class: "back", href: "#/orders" }, "My orders"),
            this.heading, this.body);
        this.fill(order);
    }

    destroy() {
        this.gone = true;
        this.clock?.stop();
        this.payment?.destroy();
    }

    /* Show the order as it is now. */
    fill(order) {
        this.order = order;
        this.clock?.stop();
        this.clock = null;
        this.payment?.destroy();
        this.payment = null;

        const [heading, ...content] = {
            CONFIRMED: () => this.confirmed(),
            PAYMENT_PENDING: () => this.pending(),
            FAILED: () => this.over("The payment was declined",
                "No money was taken, and the seats are free again."),
            EXPIRED: () => this.over("The time to pay is over",
                "The seats are free again."),
            CANCELLED: () => this.over("This booking is cancelled",
                order.confirmedAt
                    ? "The seats are free again, and your payment is "
                        + "refunded as far as the terms say."
                    : "The seats are free again."),
        }[order.status]();

        this.heading.textContent = heading;
        this.body.replaceChildren(...content);
    }

    line() {
        const { order, show } = this;

        return h("div", { class: "card" },
            h("p", {}, h("strong", {}, show.movieTitle), h("br"),
                `${when(show)} · ${where(show)}`),
            h("p", {}, `${seatList(order.seatIds)} · `
                + money(order.amount, order.currency)),
            badge(order));
    }

    cancelButton() {
        return h("button", { class: "button quiet", type: "button",
            onclick: async () => {
                const after = await giveBack(this.order, this.show);

                if (after && !this.gone) {
                    this.change(after);
                }
            } }, "Cancel the booking");
    }

    confirmed() {
        return ["Enjoy the show",
            ticket(this.order, this.show),
            h("div", { class: "actions row-actions" },
                buttonLink(ticketsOf(this.order), "Tickets for the door"),
                h("button", { class: "button quiet", type: "button",
                    onclick: () => window.print() }, "Print"),
                this.cancelButton())];
    }

    over(heading, text) {
        return [heading, h("p", {}, text), this.line(),
            h("div", { class: "actions row-actions" },
                buttonLink(`#/shows/${this.order.showId}`,
                    "Choose seats again"))];
    }

    pending() {
        this.payment = new Payment(this.order, (now) => this.change(now));
        this.payment.begin();
        this.clock = countdown({ ...this.order, what: "Time to pay",
            onEnd: () => this.ended() });

        return ["Waiting for payment", this.line(), this.clock.el,
            this.payment.el,
            h("div", { class: "actions row-actions" }, this.cancelButton())];
    }

    change(order) {
        this.fill(order);
        this.heading.focus();
    }

    /* The server expires orders a moment after their time. */
    async ended() {
        try {
            const { data } = await read(`/orders/${this.order.orderId}`);

            if (this.gone) {
                return;
            }

            if (data.status !== "PAYMENT_PENDING") {
                this.change(data);
                return;
            }

        } catch {
            /* asked again below */
        }

        window.setTimeout(() => this.gone || this.ended(), 1500);
    }
}


export async function orderView({ orderId }) {
    const { data } = await read(`/orders/${encodeURIComponent(orderId)}`);
    const page = new OrderPage(data, await showInfo(data.showId));

    return { title: page.heading.textContent, el: page.el,
        destroy: () => page.destroy() };
}

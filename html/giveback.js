/*
 * Giving seats of an order back: which ones, and what that brings now and
 * later.  The server decides; what is shown is its quote.
 */

import { ApiError, read, write } from "./api.js";
import { busy, h, toast } from "./dom.js";
import { count, dayTime, money, seatList } from "./format.js";
import { when } from "./shows.js";
import { explain } from "./words.js";


function quotePath(order, seatIds) {
    const all = seatIds.length === order.seatIds.length;

    return `/orders/${order.orderId}/refund-quote`
        + (all ? "" : `?seatIds=${seatIds.map(encodeURIComponent).join(",")}`);
}


/* What a quote says, as paragraphs. */
function quoteText(quote, show) {
    if (!quote.cancellable) {
        return [h("p", {}, "By the terms of the theatre this cannot be "
            + "cancelled any more.")];
    }

    const back = money(quote.amount, quote.currency);

    return [
        h("p", { class: "quote-now" }, quote.amount === quote.price
            ? `You get back all of it: ${back}.`
            : `You get back ${back} of ${money(quote.price,
                quote.currency)}.`),
        h("ul", { class: "quote-steps" }, quote.steps.map((step) => h("li", {},
            `Until ${dayTime(step.until, show.timezone)}: `
            + money(step.amount, quote.currency)))),
    ];
}


class GiveBack {
    constructor(order, show, resolve) {
        this.order = order;
        this.show = show;
        this.resolve = resolve;
        this.paid = order.status === "CONFIRMED";
        this.asked = 0;
        this.after = null;

        this.boxes = order.seatIds.map((seatId) => h("input", {
            type: "checkbox", value: seatId, checked: true,
            onchange: () => this.chosen(),
        }));

        this.quote = h("div", { class: "quote", role: "status" });
        this.problem = h("p", { class: "notice error", role: "alert",
            hidden: true });
        this.yes = h("button", { class: "button danger", type: "submit" });

        this.dialog = h("dialog", { class: "dialog",
            "aria-labelledby": "give-back-title" },
        h("form", { onsubmit: (event) => this.send(event) },
            h("h2", { id: "give-back-title" }, "Cancel this booking?"),
            h("p", {}, `${show.movieTitle}, ${when(show)}: `
                + `${seatList(order.seatIds)}. Seats that you give back go `
                + "on sale at once."),
            this.paid && this.boxes.length > 1 && this.choices(),
            this.quote, this.problem,
            h("div", { class: "actions" },
                h("button", { class: "button quiet", type: "button",
                    onclick: () => this.dialog.close() }, "Keep it"),
                this.yes)));

        this.dialog.addEventListener("close", () => {
            this.dialog.remove();
            this.resolve(this.after);
        });

        document.body.append(this.dialog);
        this.dialog.showModal();
        this.chosen();
    }

    choices() {
        return h("fieldset", { class: "give-back" },
            h("legend", {}, "Seats to give back"),
            h("div", { class: "choices" }, this.boxes.map((box) => (
                h("label", { class: "choice" }, box, box.value)))));
    }

    seats() {
        return this.boxes.filter((box) => box.checked)
            .map((box) => box.value);
    }

    ready(text, ok) {
        this.yes.textContent = text;
        this.yes.toggleAttribute("disabled", !ok);
    }

    /* Another choice: ask what it would bring.  Only the last answer counts. */
    async chosen() {
        const seats = this.seats();
        const all = seats.length === this.boxes.length;
        const text = all ? "Cancel the booking"
            : `Give back ${count(seats.length, "seat")}`;
        const asked = ++this.asked;

        this.problem.hidden = true;
        this.ready(text, !this.paid);

        if (!this.paid) {
            return;
        }

        if (seats.length === 0) {
            this.quote.replaceChildren(
                h("p", {}, "Choose the seats that you give back."));
            return;
        }

        try {
            const { data } = await read(quotePath(this.order, seats));

            if (asked === this.asked) {
                this.quote.replaceChildren(...quoteText(data, this.show));
                this.ready(text, data.cancellable);
            }

        } catch (error) {
            if (asked === this.asked) {
                this.quote.replaceChildren();
                this.failed(error);
                this.ready(text, !(error instanceof ApiError)
                    || error.status >= 500 || error.status === 0);
            }
        }
    }

    failed(error) {
        this.problem.textContent = explain(error);
        this.problem.hidden = false;
    }

    async send(event) {
        event.preventDefault();

        const seats = this.seats();
        const all = seats.length === this.boxes.length;

        await busy(this.yes, "One moment…", async () => {
            try {
                this.after = await write("POST",
                    `/orders/${this.order.orderId}/cancel`,
                    all ? {} : { seatIds: seats });

                toast(this.done(this.after));
                this.dialog.close();

            } catch (error) {
                this.failed(error);
            }
        });
    }

    done({ status, refund }) {
        const what = status === "CANCELLED" ? "The booking is cancelled."
            : `${seatList(refund.seatIds)} given back.`;

        return refund && refund.amount > 0
            ? `${what} ${money(refund.amount, refund.currency)} will be `
                + "refunded."
            : what;
    }
}


/* Resolves to the order as it is then, or null when nothing was done. */
export function giveBack(order, show) {
    return new Promise((resolve) => new GiveBack(order, show, resolve));
}

/*
 * Paying for an order: what its gateway needs, by the method that was chosen,
 * and waiting for the gateway's word.
 *
 * The development gateway takes no money and answers what the visitor chooses.
 * Of any other one this page shows the UPI code and link; who pays by it is
 * told here as soon as the server knows, which finds out by itself.
 */

import { exchange, read, who, write } from "./api.js";
import { announce, busy, h } from "./dom.js";
import { money } from "./format.js";
import { session, uuid } from "./storage.js";
import { explain } from "./words.js";

const ASK_AGAIN_MS = 3000;


/*
 * The payment of an order keeps its id until the order is settled: pressing
 * the button again after a lost answer must not look like a second payment.
 */
function mockId(orderId, verdict) {
    const key = `boxoffice.payment.${orderId}.${verdict}`;
    let id = session.get(key);

    if (!id) {
        id = `mock-${verdict}-${uuid()}`;
        session.set(key, id);
    }

    return id;
}


/*
 * Resolves to the order as it is then, paid or not; rejects when its payment
 * is still open.
 */
async function confirm(order, paymentId) {
    const path = `/orders/${order.orderId}`;

    try {
        return await write("POST", `${path}/confirm-payment`, { paymentId });

    } catch (error) {
        /* declined, too late, or paid already: the order says which */
        const { data } = await read(path);

        if (data.status === "PAYMENT_PENDING") {
            throw error;
        }

        return data;
    }
}


/* Asked once, for "not yet" is an answer here and no reason to try again. */
async function ask(order, paymentId) {
    const { data } = await exchange("POST",
        `/orders/${order.orderId}/confirm-payment`, {
            headers: { ...who(), "Accept": "application/json",
                "Content-Type": "application/json",
                "Idempotency-Key": uuid() },
            body: JSON.stringify({ paymentId }) });

    return data;
}


/*
 * order: one that waits for its payment; settled(order) is called when it does
 * not any more.  Begins with begin(), and asks until destroy().
 */
export class Payment {
    constructor(order, settled) {
        Object.assign(this, { order, settled });
        this.status = h("p", { class: "pay-status", role: "status" });
        this.problem = h("p", { class: "notice error", hidden: true });
        this.place = h("div", { class: "pay-place" });
        this.el = h("section", { class: "pay", "aria-label": "Payment" },
            this.place, this.status, this.problem);
    }

    destroy() {
        this.gone = true;
        window.clearTimeout(this.timer);
    }

    async begin() {
        this.problem.hidden = true;

        try {
            this.payment = await write("POST",
                `/orders/${this.order.orderId}/pay`, {});

        } catch (error) {
            if (error.code === "order_ended") {
                await this.look();
                return;
            }

            this.failed(error);
            this.place.replaceChildren(this.button("Try again",
                () => this.begin()));
            return;
        }

        if (this.payment.status) {
            this.done(this.payment);    // it costs nothing: it is the order

        } else if (!this.gone) {
            this.show();
            this.again();
        }
    }

    button(text, work) {
        const button = h("button", { class: "button primary", type: "button",
            onclick: () => busy(button, "One moment…", work) }, text);

        return button;
    }

    show() {
        const mock = this.payment.paymentId.startsWith("mock-");

        this.place.replaceChildren(...[
            this.payment.upiIntent && this.upi(),
            mock ? this.mock() : this.elsewhere(),
        ].filter(Boolean));
    }

    /* The code for another screen, the link for this one. */
    upi() {
        const sum = money(this.payment.amount, this.payment.currency);

        return h("figure", { class: "upi" },
            h("img", { src: "data:image/svg+xml,"
                + encodeURIComponent(this.payment.upiQr),
            alt: `QR code to pay ${sum} by UPI` }),
            h("figcaption", {},
                h("p", {}, "Scan the code with a UPI app, or pay on this "
                    + "phone:"),
                h("a", { class: "button quiet", href: this.payment.upiIntent },
                    "Open a UPI app")));
    }

    elsewhere() {
        this.say("Waiting for the gateway to say that it is paid…");

        return h("div", { class: "actions row-actions" },
            this.button("I have paid", async () => {
                try {
                    this.done(await ask(this.order, this.payment.paymentId));

                } catch (error) {
                    this.failed(error);
                    await this.look();
                }
            }));
    }

    mock() {
        const radio = (value, text, checked) => (
            h("label", { class: "choice" },
                h("input", { type: "radio", name: "gateway", value,
                    checked }), text));
        const button = h("button", { class: "button primary",
            type: "submit" },
        `Pay ${money(this.payment.amount, this.payment.currency)}`);

        return h("form", { class: "form", noValidate: true,
            onsubmit: (event) => {
                const { value } = event.target.elements.gateway;

                event.preventDefault();
                busy(button, "One moment…", () => this.play(value));
            } },
        h("fieldset", { class: "gateway" },
            h("legend", {}, "Development gateway"),
            h("p", { class: "muted" }, "No money moves. Choose what the "
                + "gateway answers:"),
            radio("ok", "The payment goes through", true),
            radio("slow", "It goes through, and takes its time", false),
            radio("declined", "The payment is declined", false)),
        h("div", { class: "actions row-actions" }, button));
    }

    async play(verdict) {
        this.problem.hidden = true;
        this.say("Waiting for the gateway's word…");

        try {
            this.done(await confirm(this.order,
                mockId(this.order.orderId, verdict)));

        } catch (error) {
            this.say("");
            this.failed(error);
        }
    }

    say(text) {
        this.status.textContent = text;
    }

    failed(error) {
        this.problem.textContent = explain(error);
        this.problem.hidden = false;
        announce(this.problem.textContent, true);
    }

    done(order) {
        if (!this.gone && order.status !== "PAYMENT_PENDING") {
            this.destroy();
            this.settled(order);
        }
    }

    /* It may be paid elsewhere, or over. */
    async look() {
        try {
            const { data } = await read(`/orders/${this.order.orderId}`);

            this.done(data);

        } catch {
            /* asked again */
        }
    }

    again() {
        window.clearTimeout(this.timer);
        this.timer = window.setTimeout(async () => {
            if (document.visibilityState === "visible") {
                await this.look();
            }

            if (!this.gone) {
                this.again();
            }
        }, ASK_AGAIN_MS);
    }
}

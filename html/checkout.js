/* From a hold to an order, which is paid on its own page. */

import { read, signedIn, write } from "./api.js";
import { announce, busy, buttonLink, h, toast } from "./dom.js";
import { countdown } from "./countdown.js";
import { forgetHold, loadHold, releaseHold } from "./hold.js";
import { count, money, seatList } from "./format.js";
import { readMap } from "./livemap.js";
import { navigate } from "./router.js";
import { session } from "./storage.js";
import { SeatMap } from "./seatmap.js";
import { showInfo, when, where } from "./shows.js";
import { explain } from "./words.js";

/* what was typed for a hold, until it is an order or another hold's */
const TYPED = "boxoffice.typed";
const METHODS = [["UPI", "UPI"], ["CARD", "Card"], ["WALLET", "Wallet"]];


function field({ id, label, type, autocomplete, hint, check }) {
    const error = h("span", { class: "field-error", id: `${id}-error`,
        hidden: true });
    const input = h("input", { id, type, autocomplete, maxLength: 200,
        "aria-describedby": hint ? `${id}-hint ${id}-error` : `${id}-error`,
        "aria-required": hint ? null : "true" });

    const test = () => {
        const text = check(input.value.trim());

        error.textContent = text;
        error.hidden = text === "";
        input.setAttribute("aria-invalid", String(text !== ""));

        return text === "";
    };

    /* once it was wrong, say at once when it is right */
    input.addEventListener("input", () => error.hidden || test());

    return {
        input, test,
        el: h("div", { class: "field" },
            h("label", { for: id }, label),
            hint && h("span", { class: "muted", id: `${id}-hint` }, hint),
            input, error),
    };
}


function customerFields() {
    return {
        name: field({ id: "name", label: "Name", type: "text",
            autocomplete: "name",
            check: (v) => (v ? "" : "Please enter your name.") }),
        email: field({ id: "email", label: "Email", type: "email",
            autocomplete: "email",
            check: (v) => (/^[^\s@]+@[^\s@]+\.[^\s@]+$/.test(v) ? ""
                : "Please enter an email address, like ada@example.org.") }),
        phone: field({ id: "phone", label: "Phone", type: "tel",
            autocomplete: "tel", hint: "Optional, with the country code",
            check: (v) => (v === "" || /^\+?[0-9 ()-]{6,20}$/.test(v) ? ""
                : "Please enter a phone number, like +91 98765 43210.") }),
    };
}


function methodFields() {
    const el = h("fieldset", {},
        h("legend", {}, "How do you want to pay?"),
        h("div", { class: "choices" }, METHODS.map(([value, text], i) => (
            h("label", { class: "choice" },
                h("input", { type: "radio", name: "method", value,
                    checked: i === 0 }), text)))));

    return {
        el,
        value: () => el.querySelector("input:checked").value,
        set: (value) => {
            for (const input of el.querySelectorAll("input")) {
                input.checked = input.value === value;
            }
        },
    };
}


class Checkout {
    constructor(show, hold, amount, currency, me) {
        Object.assign(this, { show, hold, amount, currency });
        this.order = null;
        this.build();
        this.fill(me);
    }

    /* As it was left; else who is signed in. */
    fill(me) {
        const typed = session.get(TYPED);
        const mine = typed?.holdId === this.hold.holdId ? typed : null;

        for (const [name, { input }] of Object.entries(this.customer)) {
            input.value = mine?.[name] ?? me?.[name] ?? "";
        }

        if (mine) {
            this.method.set(mine.method);
        }
    }

    keep() {
        const values = Object.entries(this.customer)
            .map(([name, { input }]) => [name, input.value]);

        session.set(TYPED, { holdId: this.hold.holdId,
            method: this.method.value(), ...Object.fromEntries(values) });
    }

    destroy() {
        this.gone = true;
        this.clock.stop();
    }

    build() {
        this.customer = customerFields();
        this.method = methodFields();
        this.problem = h("p", { class: "notice error", hidden: true });
        this.submit = h("button", { class: "button primary", type: "submit" },
            this.onward());
        this.form = h("form", { class: "form", noValidate: true,
            oninput: () => this.keep(),
            onsubmit: (event) => {
                event.preventDefault();
                this.send();
            } },
        h("h2", {}, "Your details"),
        Object.values(this.customer).map(({ el }) => el),
        this.method.el, this.problem, this.submit);
        this.clock = countdown({ ...this.hold, what: "Held for you",
            onEnd: () => this.ended() });
        this.content = h("div", { class: "columns" }, this.form,
            this.summary());
        this.el = h("div", { class: "checkout" },
            h("a", { class: "back", href: this.address() }, "Change seats"),
            h("h1", {}, "Checkout"), this.content);
    }

    onward() {
        return `Go on to pay ${money(this.amount, this.currency)}`;
    }

    address() {
        return `#/shows/${this.show.showId}`;
    }

    summary() {
        this.drop = h("button", { class: "button quiet", type: "button",
            onclick: () => this.release() }, "Release seats");

        return h("aside", { class: "panel", "aria-label": "Your booking" },
            h("h2", {}, this.show.movieTitle),
            h("p", { class: "where" }, this.time = h("span", {},
                when(this.show)), h("br"), where(this.show)),
            this.clock.el,
            h("p", { class: "seats-line" },
                h("span", {}, count(this.hold.seatIds.length, "seat")),
                h("strong", {}, seatList(this.hold.seatIds))),
            h("p", { class: "total" }, h("span", {}, "Total"),
                this.sum = h("strong", { class: "sum" },
                    money(this.amount, this.currency))),
            h("div", { class: "actions" },
                buttonLink(this.address(), "Change seats", "quiet"),
                this.drop));
    }

    say(text) {
        this.problem.textContent = text;
        this.problem.hidden = false;
        announce(text, true);
    }

    body() {
        const customer = {
            name: this.customer.name.input.value.trim(),
            email: this.customer.email.input.value.trim(),
        };
        const phone = this.customer.phone.input.value.trim();

        if (phone) {
            customer.phone = phone;
        }

        /* the time that is on the page: for another one nothing is ordered */
        return { holdId: this.hold.holdId, startsAt: this.show.startsAt,
            paymentMethod: this.method.value(), customer };
    }

    async send() {
        const wrong = Object.values(this.customer)
            .filter((each) => !each.test());

        if (wrong.length > 0) {
            wrong[0].input.focus();
            return;
        }

        this.problem.hidden = true;
        await busy(this.submit, "One moment…", () => this.book());
        this.submit.textContent = this.onward();
    }

    async book() {
        try {
            this.order = this.order || await this.createOrder();

        } catch (error) {
            await this.refused(error);
            return;
        }

        forgetHold(this.hold);
        session.remove(TYPED);

        /* "back" must not lead into a form that is done with */
        if (!this.gone) {
            window.location.replace(`#/orders/${this.order.orderId}`);
        }
    }

    async createOrder() {
        try {
            return await write("POST", "/orders", this.body());

        } catch (error) {
            const earlier = error.status === 409 ? await this.earlierOrder()
                : null;

            if (earlier) {
                return earlier;
            }

            throw error;
        }
    }

    /* This hold was ordered before, and the answer to that was lost. */
    async earlierOrder() {
        const { data } = await read("/orders");

        return data.items.find((order) => (
            order.holdId === this.hold.holdId)) || null;
    }

    /* The new time and price, to go on with or to give the seats back. */
    async moved(startsAt) {
        this.show = { ...this.show, startsAt };
        this.time.textContent = when(this.show);
        this.say(`This show now begins ${when(this.show)}. Nothing was booked,`
            + " and you still hold your seats: go on if the new time suits"
            + " you, or release them.");

        try {
            const map = new SeatMap(...await readMap(this.show.showId));

            this.amount = map.total(this.hold.seatIds);
            this.sum.textContent = money(this.amount, this.currency);

        } catch {
            /* the price is told once more before it is paid */
        }
    }

    async refused(error) {
        if (error.code === "show_changed") {
            await this.moved(error.details.startsAt);
            return;
        }

        this.say(explain(error));

        /* is there still something to order? */
        if (error.status === 404 || error.status === 409
            || error.status === 410)
        {
            await this.ended();
        }
    }

    async release() {
        await busy(this.drop, "One moment…", async () => {
            try {
                await releaseHold(this.hold);
                toast("Your seats are released.");
                window.location.hash = this.address();

            } catch (error) {
                this.say(explain(error));
            }
        });
    }

    /* The time is over: the server has the last word. */
    async ended() {
        let hold;

        try {
            hold = await loadHold(this.show.showId);

        } catch {
            window.setTimeout(() => this.gone || this.ended(), 2000);
            return;
        }

        if (this.gone || this.order) {
            return;
        }

        this.clock.stop();

        if (hold && !same(hold, this.hold)) {
            toast("You hold other seats now.");
            navigate();
            return;
        }

        if (hold) {
            this.clock = countdown({ ...hold, what: "Held for you",
                onEnd: () => this.ended() });
            this.content.querySelector(".countdown")
                .replaceWith(this.clock.el);
            return;
        }

        const over = endedPanel(this.show);

        this.content.replaceWith(over);
        this.content = over;
        over.focus();
        announce("Your hold has ended, and the seats are free again.", true);
    }
}


/* What is on the page, or what another tab made of it. */
function same(one, other) {
    return one.holdId === other.holdId
        && one.seatIds.join() === other.seatIds.join();
}


function endedPanel(show) {
    return h("div", { class: "empty-state", tabIndex: -1 },
        h("h2", {}, "No seats are held for you"),
        h("p", {}, "Your hold has ended, or was released, and the seats are "
            + "free again."),
        buttonLink(`#/shows/${show.showId}`, "Choose seats"));
}


/* Who is signed in, if that can be known: one can type it, too. */
async function account() {
    if (!signedIn()) {
        return null;
    }

    try {
        return (await read("/me")).data;

    } catch {
        return null;
    }
}


/* The price shown here is for information; the server computes its own. */
export async function checkoutView({ showId }) {
    const [show, hold, me] = await Promise.all([
        showInfo(showId), loadHold(showId), account(),
    ]);

    if (!hold) {
        return { title: "Checkout", el: h("div", {},
            h("h1", {}, "Checkout"), endedPanel(show)) };
    }

    const map = new SeatMap(...await readMap(showId));
    const page = new Checkout(show, hold, map.total(hold.seatIds),
        map.currency, me);

    return { title: "Checkout", el: page.el, destroy: () => page.destroy() };
}

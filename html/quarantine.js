/*
 * Money and words of gateways that do not fit, and what to do about each: give
 * it back, let it pay an order, or leave it at that.
 */

import { write } from "./api.js";
import { h } from "./dom.js";
import { factList } from "./facts.js";
import { askForm } from "./formdialog.js";
import { moment, money, seatList, title } from "./format.js";
import { pages } from "./pages.js";
import { actButton, settle } from "./settled.js";

const KINDS = {
    CAPTURED: "was paid",
    AUTHORISED: "was promised",
    OPEN: "is to be paid",
    REFUNDED: "was given back",
    REFUND_FAILED: "could not be given back",
};

const WHY = {
    AMOUNT: "It is not the amount that was asked for.",
    CURRENCY: "It is not the currency that was asked for.",
    ORDER: "It names another order than the one that it was asked for.",
    GATEWAY: "Another gateway was asked for it.",
    REFERENCE: "It is that of another payment.",
    REFUND: "It is not what was to be given back.",
    UNKNOWN: "It has the mark of this box office, which knows nothing of it. "
        + "See to it at the gateway.",
};

const NOTE = { name: "note", label: "Note", type: "long", rows: 3, max: 500,
    hint: "Stands in the case and in the audit" };


/* A gateway may name a currency that there is none of. */
function sum(amount, currency) {
    if (amount === null) {
        return "An amount that was not said";
    }

    try {
        return money(amount, currency);

    } catch {
        return `${amount} ${currency || "of no currency"}`;
    }
}


/* What can be decided; the money is that of the case. */
const decisions = {
    refund: {
        text: "Give it back",
        title: (it) => `Give ${sum(it.refundable, it.currency)} back?`,
        about: () => "The gateway is asked to give it back to who paid. This "
            + "cannot be undone.",
        fields: () => [NOTE],
        done: "The money goes back.",
    },

    match: {
        text: "Let it pay an order",
        title: (it) => `Let ${sum(it.refundable, it.currency)} pay an order?`,
        about: () => "The order has to wait for its payment, or to have run "
            + "out with its seats still free. What is more than it costs goes "
            + "back. This cannot be undone.",
        fields: () => [{ name: "orderId", label: "Order", required: true,
            max: 36, hint: "Its id; the one that was begun is filled in" },
        NOTE],
        done: "The order is paid.",
    },

    dismiss: {
        text: "Dismiss",
        title: () => "Is there nothing to do?",
        about: () => "Or it was done elsewhere, such as at the gateway. This "
            + "cannot be undone.",
        fields: () => [{ ...NOTE, required: true,
            hint: "Why: it stands in the case and in the audit" }],
        done: "The case is dismissed.",
    },
};


/* Resolves to the case as it is then, or to null. */
function decide(it, name) {
    const { title: head, about, fields, text } = decisions[name];

    return askForm(head(it), about(), fields(), text,
        (values) => write("POST",
            `/admin/quarantine/${it.caseId}/${name}`, values),
        {
            kind: "danger",
            values: { orderId: it.order?.orderId },
            at: ({ status }) => (status === 404 && name === "match"
                ? "orderId" : null),
            words: ({ status }) => (status === 404 && name === "match"
                ? "There is no such order." : null),
        });
}


function outcome(it) {
    const what = {
        REFUND: "Given back",
        MATCH: `It paid the order ${it.matchedOrderId}`,
        DISMISS: "Dismissed",
    }[it.decision];

    return h("p", { class: "outcome" }, h("strong", {}, what),
        ` by ${it.decidedBy}, ${moment(it.decidedAt)}`,
        it.note && `: ${it.note}`);
}


function facts(it) {
    const of = it.order;

    return factList([
        ["Payment", it.paymentId],
        ["Refund", it.gatewayRefundId],
        ["Told", moment(it.openedAt)],
        ["Order", of && [`${of.orderId}, `,
            h("a", { href: `#/shows/${of.showId}` }, "its show")]],
        ["Ordered", of && `${seatList(of.seatIds)} for `
            + `${sum(of.amount, of.currency)}, by ${of.userId}`],
        ["Its state", of && title(of.status).replace("_", " ")],
    ]);
}


function line(it) {
    const name = sum(it.amount, it.currency);

    const act = (which) => actButton(decisions[which].text, name,
        async () => {
            const now = await decide(it, which);

            if (now) {
                settle(item, line(now), decisions[which].done);
            }
        });

    const item = h("li", {},
        h("span", {}, h("strong", {}, name), ` ${KINDS[it.kind] || it.kind} `
            + `by ${it.gateway}`),
        h("span", {}, WHY[it.why] || it.why),
        facts(it),
        it.status === "OPEN" ? h("div", { class: "row-actions" },
            it.refundable > 0 ? [act("refund"), act("match")]
                : act("dismiss")) : outcome(it));

    return item;
}


export async function quarantineView({ status }) {
    const decided = status === "DECIDED";

    const cases = await pages("/admin/quarantine",
        { status: decided ? "DECIDED" : "OPEN" }, line, {
            none: decided ? "Nothing was decided yet."
                : "Nothing is in doubt.",
            older: "More cases", look: "cases" });
    const link = (href, text, here) => h("a", { class: "button quiet small",
        href, "aria-current": here ? "true" : null }, text);

    return { title: "Quarantine", el: h("div", {},
        h("h1", {}, "Quarantine"),
        h("p", { class: "muted" }, "What a gateway said that does not fit what"
            + " it was asked. Nothing is confirmed by it."),
        h("nav", { class: "row-actions day", "aria-label": "Cases" },
            link("#/quarantine", "Open", !decided),
            link("#/quarantine?status=DECIDED", "Decided", decided)),
        cases) };
}

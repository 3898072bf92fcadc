/*
 * Paying at the development gateway, which takes no money and answers what
 * the visitor chose.
 */

import { read, write } from "./api.js";
import { h } from "./dom.js";
import { session, uuid } from "./storage.js";


/* The choice of its answer; .verdict() is "ok", "slow" or "declined". */
export function gatewayFields() {
    const radio = (value, text, checked) => h("label", { class: "choice" },
        h("input", { type: "radio", name: "gateway", value, checked }), text);

    const el = h("fieldset", { class: "gateway" },
        h("legend", {}, "Development gateway"),
        h("p", { class: "muted" }, "No money moves. Choose what the gateway "
            + "answers:"),
        radio("ok", "The payment goes through", true),
        radio("slow", "It goes through, and takes its time", false),
        radio("declined", "The payment is declined", false));

    return {
        el,
        verdict: () => el.querySelector("input:checked").value,
    };
}


/*
 * The payment of an order keeps its id until the order is settled: pressing
 * the button again after a lost answer must not look like a second payment.
 */
function paymentId(orderId, verdict) {
    const key = `boxoffice.payment.${orderId}.${verdict}`;
    let id = session.get(key);

    if (!id) {
        id = `mock-${verdict}-${uuid()}`;
        session.set(key, id);
    }

    return id;
}


/*
 * Pay for an order.  Resolves to the order as it is then, paid or not;
 * rejects when its payment is still open.
 */
export async function pay(order, verdict) {
    const path = `/orders/${order.orderId}`;

    try {
        return await write("POST", `${path}/confirm-payment`,
            { paymentId: paymentId(order.orderId, verdict) });

    } catch (error) {
        /* declined, too late, or paid already: the order says which */
        const { data } = await read(path);

        if (data.status === "PAYMENT_PENDING") {
            throw error;
        }

        return data;
    }
}

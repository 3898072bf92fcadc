/*
 * The tickets of an order, each with the code that the door reads:
 *
 *     ticket.html?order=ID
 *
 * They are asked for with the name of who asks, like everything else, and
 * drawn from what was answered: an <img> of its own would ask as nobody.
 */

import { read, readText } from "./api.js";
import { announce, buttonLink, h } from "./dom.js";
import { dayTime, money, title } from "./format.js";
import { hue } from "./poster.js";
import { explain } from "./words.js";

const main = document.getElementById("main");
const order = new URLSearchParams(location.search).get("order") || "";
const path = `/orders/${encodeURIComponent(order)}`;


function item(name, value, kind) {
    return h("div", {}, h("dt", {}, name), h("dd", { class: kind }, value));
}


async function qr(seatId) {
    const svg = await readText(
        `${path}/tickets/${encodeURIComponent(seatId)}.svg`);

    return `data:image/svg+xml,${encodeURIComponent(svg)}`;
}


async function pass(all, { seatId, category }, n) {
    const el = h("article", { class: "pass",
        "aria-label": `Ticket for seat ${seatId}` },
    h("div", { class: "text" },
        h("h2", {}, all.movieTitle),
        h("dl", {},
            item("Seat", seatId, "seat-id"),
            item("Category", title(category)),
            item("When", dayTime(all.startsAt, all.timezone)),
            item("Where", `${all.theatreName}, ${all.screenName}`),
            item("Ticket", `${n} of ${all.tickets.length}`),
            item("Order code", all.ticketCode, "ticket-code"),
            item("Order total", money(all.amount, all.currency)))),
    h("div", { class: "qr" },
        h("img", { src: await qr(seatId),
            alt: `QR code of seat ${seatId}, to be scanned at the door` })));

    el.style.setProperty("--hue", hue(all.movieTitle));

    return el;
}


function problem(error) {
    main.replaceChildren(h("div", { class: "narrow" },
        h("h1", {}, "No tickets"),
        h("p", { class: "notice error", id: "problem" }, explain(error)),
        h("div", { class: "actions row-actions" },
            error.status === 409
                ? buttonLink(`index.html#/orders/${order}`, "The order")
                : buttonLink("index.html#/orders", "My orders"))));
    announce(explain(error), true);
}


async function start() {
    try {
        const { data } = await read(`${path}/tickets`);
        const passes = await Promise.all(data.tickets.map((each, i) => (
            pass(data, each, i + 1))));

        document.title = `Tickets: ${data.movieTitle} - Boxoffice`;
        main.replaceChildren(h("div", { class: "narrow" },
            h("h1", {}, "Your tickets"),
            h("p", { class: "page-actions" }, "Each code admits one person, "
                + "once. Show it on your phone, or print it."),
            h("div", { class: "actions row-actions page-actions" },
                h("button", { class: "button primary", type: "button",
                    onclick: () => window.print() }, "Print"),
                buttonLink(`index.html#/orders/${order}`, "The order",
                    "quiet")),
            h("div", { class: "passes" }, passes)));

    } catch (error) {
        problem(error);
    }
}


start();

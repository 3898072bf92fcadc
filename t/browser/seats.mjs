/* What the tests of the seat page have in common. */

import assert from "node:assert/strict";

import { api, BASE, until, visitor } from "./site.mjs";


export function as(user) {
    return { "x-user-id": user };
}


/* The sample's hall of some hundred seats, and its stadium. */
export async function halls() {
    assert.ok(BASE, "BASE_URL is not set");

    const { items } = await api({}, "GET", "/shows?limit=100");
    const open = items.filter((show) => show.status === "SCHEDULED");
    const hall = open.find(
        (show) => show.seats >= 100 && show.seats <= 1000);
    const stadium = open.find((show) => show.seats > 10000);

    assert.ok(hall, "no show of 100 to 1000 seats");
    assert.ok(stadium, "no show of more than 10000 seats");

    return { hall, stadium };
}


function seatmap(show) {
    return api({}, "GET", `/shows/${show.showId}/seatmap`);
}


/*
 * n free seats side by side at the end of a row that is all free: taking
 * them leaves no single seat behind, whatever the house's rule is.
 */
export async function freeSeats(show, n) {
    const rows = new Map();

    for (const seat of (await seatmap(show)).seats) {
        const key = `${seat.section ?? ""} ${seat.row}`;

        rows.set(key, [...rows.get(key) ?? [], seat]);
    }

    for (const seats of rows.values()) {
        seats.sort((a, b) => a.x - b.x);

        const run = seats.slice(0, n);

        if (seats.length >= n + 2
            && seats.every((seat) => seat.status === "AVAILABLE")
            && run.every((seat, i) => seat.x === run[0].x + i))
        {
            return run;
        }
    }

    throw new Error(`no row with ${n} free seats side by side`);
}


async function statusOf(show, seatIds) {
    return new Set((await seatmap(show)).seats
        .filter((seat) => seatIds.includes(seat.seatId))
        .map((seat) => seat.status));
}


export function seatsAre(show, seatIds, status) {
    return until(`${seatIds} ${status}`, async () => {
        const found = await statusOf(show, seatIds);

        return found.size === 1 && found.has(status);
    });
}


/* A person with a browser of their own, who leaves nothing behind. */
export async function person(t, browser, options = {}) {
    let page;
    let user;

    t.after(() => user && giveBack(page, user));
    page = await visitor(t, browser, "", options);
    user = JSON.parse(await page.evaluate(
        () => localStorage.getItem("boxoffice.user")));

    return { page, user, context: page.context() };
}


async function giveBack(page, user) {
    const holds = JSON.parse(await page.evaluate(
        () => localStorage.getItem("boxoffice.holds"))) || {};

    for (const id of Object.values(holds)) {
        await api(as(user), "DELETE", `/holds/${id}`);
    }

    const orders = await api(as(user), "GET", "/orders");

    for (const order of orders.items) {
        if (["CONFIRMED", "PAYMENT_PENDING"].includes(order.status)) {
            await api(as(user), "POST", `/orders/${order.orderId}/cancel`, {});
        }
    }
}


/* How the page follows the map: "events", "websocket" or "poll". */
export async function push(page, way) {
    await page.evaluate((value) => {
        localStorage.setItem("boxoffice.push", JSON.stringify(value));
    }, way);
}


/* The page of a show. */
export async function open(page, show, rest = "") {
    await page.goto(`${BASE}/#/shows/${show.showId}${rest}`);
}


export function seatCell(page, seat) {
    return page.locator(".seat[role=gridcell]").filter({
        has: page.locator(`xpath=self::*[@data-n="${seat.number}"]`),
    }).and(page.locator(`[aria-label*="Row ${seat.row} seat `
        + `${seat.number},"]`)).first();
}


/* Pick seats with the mouse and hold them: ends at the checkout. */
export async function hold(page, show, seats) {
    await open(page, show);

    for (const seat of seats) {
        await seatCell(page, seat).click();
    }

    await page.getByRole("button", { name: /^Hold \d+ seat/ }).click();
    await page.getByRole("heading", { name: "Checkout" }).waitFor();
}


export async function fillIn(page) {
    await page.getByLabel("Name").fill("Ada Example");
    await page.getByLabel("Email").fill("ada@example.org");
    await page.getByLabel("Phone").fill("+44 20 7946 0000");
}


/* From the checkout to the page where an order is paid. */
export async function goToPay(page) {
    await fillIn(page);
    await page.getByRole("button", { name: /^Go on to pay/ }).click();
    await page.getByRole("heading", { name: "Waiting for payment" })
        .waitFor();
}


/* From the checkout to a ticket. */
export async function payFor(page) {
    await goToPay(page);
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.getByRole("heading", { name: "Enjoy the show" }).waitFor();
}


/* Go to a seat with the arrow keys, from wherever the focus is. */
export async function arrowTo(page, seat) {
    const place = () => page.evaluate(() => {
        const { x, y } = document.activeElement.seat;

        return { x, y };
    });

    await page.keyboard.press("Control+Home");

    for (let at = await place(); at.y !== seat.y; at = await place()) {
        assert.ok(at.y < seat.y, "the row was passed");
        await page.keyboard.press("ArrowDown");
    }

    await page.keyboard.press("Home");

    for (let at = await place(); at.x !== seat.x; at = await place()) {
        assert.ok(at.x < seat.x, "the seat was passed");
        await page.keyboard.press("ArrowRight");
    }
}

/*
 * The booking site in a real browser, against a running server.
 *
 *   BASE_URL   the address of the server, with sample shows loaded
 *   CHROMIUM   the browser; /usr/bin/chromium when not set
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 *
 * Every test books as new users, on seats that are free when it begins, and
 * gives back what it took: the server may be shared, and used again.
 */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";

const BASE = process.env.BASE_URL?.replace(/\/$/, "");
const ARTIFACTS = process.env.ARTIFACTS;
const AXE = readFileSync(
    createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const DESKTOP = { width: 1280, height: 860 };
const PHONE = { width: 360, height: 740 };

/* what a page may take to show another user's change */
const LIVE_MS = 6000;

let browser;
let hall;
let stadium;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");

    browser = await launch();

    const { items } = (await api(randomUUID(), "GET", "/shows")).body;
    const open = items.filter((show) => show.status === "SCHEDULED");

    hall = open.find((show) => show.seats >= 100 && show.seats <= 1000);
    stadium = open.find((show) => show.seats > 10000);
    assert.ok(hall, "no show of 100 to 1000 seats");
    assert.ok(stadium, "no show of more than 10000 seats");

    if (ARTIFACTS) {
        mkdirSync(ARTIFACTS, { recursive: true });
    }
});

after(() => browser?.close());


/* --- helpers --------------------------------------------------------- */


/* The API without the page; a busy server is asked again when it says. */
async function api(user, method, where, body) {
    const headers = { "x-user-id": user };

    if (method !== "GET") {
        headers["Idempotency-Key"] = randomUUID();
        headers["Content-Type"] = "application/json";
    }

    let response;

    for (let i = 0; i < 5; i++) {
        response = await fetch(`${BASE}/api/v1${where}`, {
            method, headers, body: body && JSON.stringify(body),
        });

        if (response.status !== 503) {
            break;
        }

        await new Promise((resolve) => setTimeout(resolve,
            1000 * Number(response.headers.get("Retry-After") || 1)));
    }

    const text = await response.text();

    return { status: response.status, body: text ? JSON.parse(text) : null };
}


async function seatmap(show) {
    const { status, body } = await api("guest-map", "GET",
        `/shows/${show.showId}/seatmap`);

    assert.equal(status, 200, `no seat map: ${JSON.stringify(body)}`);

    return body;
}


/*
 * n free seats side by side at the end of a row that is all free: taking
 * them leaves no single seat behind, whatever the house's rule is.
 */
async function freeSeats(show, n) {
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


async function until(what, check, ms = LIVE_MS) {
    const end = Date.now() + ms;

    while (!await check()) {
        assert.ok(Date.now() < end, `not within ${ms} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}


function seatsAre(show, seatIds, status) {
    return until(`${seatIds} ${status}`, async () => {
        const found = await statusOf(show, seatIds);

        return found.size === 1 && found.has(status);
    });
}


/*
 * A person with a browser of their own.  check() fails on anything the
 * console called an error; an answer of 4xx or 5xx is logged there by the
 * browser itself, and is not the page's mistake.
 */
async function person(t, options = {}) {
    const context = await browser.newContext({ viewport: DESKTOP,
        locale: "en-GB", ...options });
    const page = await context.newPage();
    const errors = [];

    page.setDefaultTimeout(15000);
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
        if (message.type() === "error"
            && !(message.text().startsWith("Failed to load resource")
                && message.location().url.includes("/api/")))
        {
            errors.push(`${message.text()} ${message.location().url}`);
        }
    });

    await page.goto(`${BASE}/`);
    await page.locator("h1").waitFor();

    const user = JSON.parse(await page.evaluate(
        () => localStorage.getItem("boxoffice.user")));

    t.after(async () => {
        await page.unrouteAll({ behavior: "ignoreErrors" });
        await giveBack(page, user);
        await context.close();
        assert.deepEqual(errors, [], "errors in the browser's console");
    });

    return { page, user, context };
}


async function giveBack(page, user) {
    const holds = JSON.parse(await page.evaluate(
        () => localStorage.getItem("boxoffice.holds"))) || {};

    for (const id of Object.values(holds)) {
        await api(user, "DELETE", `/holds/${id}`);
    }

    const orders = await api(user, "GET", "/orders");

    for (const order of orders.body.items) {
        if (["CONFIRMED", "PAYMENT_PENDING"].includes(order.status)) {
            await api(user, "POST", `/orders/${order.orderId}/cancel`, {});
        }
    }
}


/* How the page follows the map: "events", "websocket" or "poll". */
async function push(page, way) {
    await page.evaluate((value) => {
        localStorage.setItem("boxoffice.push", JSON.stringify(value));
    }, way);
}


async function open(page, show, rest = "") {
    await page.goto(`${BASE}/#/shows/${show.showId}${rest}`);
}


function seatCell(page, seat) {
    return page.locator(".seat[role=gridcell]").filter({
        has: page.locator(`xpath=self::*[@data-n="${seat.number}"]`),
    }).and(page.locator(`[aria-label*="Row ${seat.row} seat `
        + `${seat.number},"]`)).first();
}


/* Pick seats with the mouse and hold them: ends at the checkout. */
async function hold(page, show, seats) {
    await open(page, show);

    for (const seat of seats) {
        await seatCell(page, seat).click();
    }

    await page.getByRole("button", { name: /^Hold \d+ seat/ }).click();
    await page.getByRole("heading", { name: "Checkout" }).waitFor();
}


async function fillIn(page) {
    await page.getByLabel("Name").fill("Ada Example");
    await page.getByLabel("Email").fill("ada@example.org");
    await page.getByLabel("Phone").fill("+44 20 7946 0000");
}


/* From the checkout to the page where an order is paid. */
async function goToPay(page) {
    await fillIn(page);
    await page.getByRole("button", { name: /^Go on to pay/ }).click();
    await page.getByRole("heading", { name: "Waiting for payment" })
        .waitFor();
}


/* From the checkout to a ticket. */
async function payFor(page) {
    await goToPay(page);
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.getByRole("heading", { name: "Enjoy the show" }).waitFor();
}


async function axe(page, name) {
    /* colours on their way from one to another are not judged */
    await page.evaluate(() => Promise.all(document.getAnimations()
        .filter((each) => each.effect.getComputedTiming().endTime < 5000)
        .map((each) => each.finished.catch(() => {}))));
    await page.evaluate(AXE);

    const found = await page.evaluate(async () => {
        const { violations } = await window.axe.run(document, {
            resultTypes: ["violations"],
            rules: { "target-size": { enabled: true } },
        });

        return violations.flatMap((each) => each.nodes.slice(0, 5).map(
            (node) => `${each.id}: ${node.html.slice(0, 160)} `
                + node.failureSummary));
    });

    assert.deepEqual(found, [], `axe on ${name}`);
}


async function noSideways(page, name) {
    const wide = await page.evaluate(
        () => document.documentElement.scrollWidth);

    /* not innerWidth: a phone makes room for what is too wide */
    const room = page.viewportSize().width;

    assert.ok(wide <= room, `${name} is ${wide} px wide in ${room} px`);
}


async function shot(page, name) {
    if (ARTIFACTS) {
        await page.screenshot({ path: path.join(ARTIFACTS, `${name}.png`) });
    }
}


function seconds(text) {
    const [m, s] = text.split(":").map(Number);

    return 60 * m + s;
}


/* --- by keyboard, and what the other one sees ------------------------- */


/* Tab until the focus is on what the selector names. */
async function tabTo(page, selector, max = 60) {
    for (let i = 0; i < max; i++) {
        await page.keyboard.press("Tab");

        if (await page.evaluate((s) => (
            document.activeElement.matches(s)), selector))
        {
            return;
        }
    }

    assert.fail(`no way to ${selector} by tab`);
}


/* Go to a seat with the arrow keys, from wherever the focus is. */
async function arrowTo(page, seat) {
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


test("seats are held by keyboard alone, and another user sees it",
    async (t) => {
        const a = await person(t);
        const b = await person(t);
        const seats = await freeSeats(hall, 2);
        const ids = seats.map((seat) => seat.seatId);

        await open(b.page, hall);
        await seatCell(b.page, seats[0]).waitFor();

        await a.page.goto(`${BASE}/#/shows`);
        await a.page.locator(".show").first().waitFor();
        await tabTo(a.page, `a[href="#/shows/${hall.showId}"]`);
        await a.page.keyboard.press("Enter");
        await a.page.getByRole("grid").waitFor();
        await tabTo(a.page, ".seat");

        for (const seat of seats) {
            await arrowTo(a.page, seat);
            await a.page.keyboard.press("Space");
        }

        assert.equal(await a.page.locator(
            ".seat[aria-selected=true]").count(), 2);
        await until("the choice is announced", async () => (
            /2 seats/.test(await a.page.locator("#polite").textContent())));
        await shot(a.page, "picked-by-keyboard");

        await tabTo(a.page, ".panel .primary");
        await a.page.keyboard.press("Enter");
        await a.page.getByRole("heading", { name: "Checkout" }).waitFor();
        await until("the focus is on the heading", () => a.page.evaluate(
            () => document.activeElement.textContent === "Checkout"));

        const clock = a.page.getByRole("timer").locator(".digits");
        const first = seconds(await clock.textContent());

        await until("the countdown runs", async () => (
            seconds(await clock.textContent()) < first));
        await seatsAre(hall, ids, "HELD");

        const seen = seatCell(b.page, seats[0]);

        await until("B sees the seat held", async () => (
            /held by someone else/.test(
                await seen.getAttribute("aria-label"))));
        assert.equal(await seen.getAttribute("aria-disabled"), "true");
        await seen.click({ force: true });
        await b.page.locator(".toast", { hasText: "held by someone else" })
            .waitFor();
        assert.equal(await b.page.locator(
            ".seat[aria-selected=true]").count(), 0);
        await shot(b.page, "held-by-another");
        await axe(b.page, "the hall with held seats");
    });


test("who is a moment too late is told which seats are gone", async (t) => {
    const a = await person(t);
    const b = await person(t);
    const seats = await freeSeats(hall, 2);

    /* B's map stays as it is: the server has to say no */
    await push(b.page, "poll");
    await b.page.route("**/availability?since=*", (route) => {
        const since = Number(new URL(route.request().url())
            .searchParams.get("since"));

        return route.fulfill({ json: { since, version: since,
            stale: false } });
    });
    await open(b.page, hall);
    await seatCell(b.page, seats[0]).waitFor();

    for (const seat of seats) {
        await seatCell(b.page, seat).click();
    }

    await hold(a.page, hall, seats.slice(0, 1));

    await b.page.getByRole("button", { name: "Hold 2 seats" }).click();

    const notice = b.page.locator(".panel .notice.error");

    await notice.waitFor();
    assert.match(await notice.textContent(),
        new RegExp(`^${seats[0].seatId}: no longer free`));
    assert.equal(await seatCell(b.page, seats[0])
        .getAttribute("aria-selected"), "false");
    assert.equal(await seatCell(b.page, seats[1])
        .getAttribute("aria-selected"), "true");
    await shot(b.page, "conflict");
    await axe(b.page, "the hall after a conflict");
});


test("a seat that somebody takes meanwhile leaves the choice",
    async (t) => {
        const a = await person(t);
        const b = await person(t);
        const seats = await freeSeats(hall, 2);

        await open(b.page, hall);

        for (const seat of seats) {
            await seatCell(b.page, seat).click();
        }

        await hold(a.page, hall, seats);
        await b.page.locator(".panel .notice.error",
            { hasText: "someone else was quicker" }).waitFor();
        assert.equal(await b.page.locator(
            ".seat[aria-selected=true]").count(), 0);
    });


test("ten seats at most", async (t) => {
    const { page } = await person(t);

    await open(page, hall);
    await page.locator(".grid .seat.available").first().waitFor();

    for (let i = 0; i < 11; i++) {
        await page.locator(".grid .seat.available").first().click();
    }

    await page.locator(".toast", { hasText: "10 seats at most" }).waitFor();
    assert.equal(await page.locator(".seat[aria-selected=true]").count(), 10);
});


/* --- the hold ---------------------------------------------------------- */


test("a reload keeps the hold; seats can be changed and released",
    async (t) => {
        const { page } = await person(t);
        const seats = await freeSeats(hall, 3);
        const ids = seats.map((seat) => seat.seatId);

        await hold(page, hall, seats.slice(0, 2));
        await page.reload();
        await page.getByRole("timer").waitFor();
        await page.locator(".seats-line",
            { hasText: ids.slice(0, 2).join(", ") }).waitFor();

        /* the list of shows leads back, too */
        await page.goto(`${BASE}/#/`);
        await page.locator(".banner").getByRole("link", { name: "Continue" })
            .click();
        await page.getByRole("heading", { name: "Checkout" }).waitFor();

        await page.locator(".panel").getByRole("link",
            { name: "Change seats" }).click();
        await page.locator(".seat[aria-selected=true]").first().waitFor();
        assert.equal(await page.locator(
            ".seat[aria-selected=true]").count(), 2);
        await axe(page, "the hall with a hold");
        await shot(page, "change-seats");
        await seatCell(page, seats[2]).click();
        await page.getByRole("button", { name: "Change to these 3 seats" })
            .click();
        await page.getByRole("heading", { name: "Checkout" }).waitFor();
        await seatsAre(hall, ids, "HELD");

        await page.getByRole("button", { name: "Release seats" }).click();
        await page.locator(".toast", { hasText: "released" }).waitFor();
        await page.getByRole("grid").waitFor();
        await seatsAre(hall, ids, "AVAILABLE");
        assert.equal(await page.getByRole("timer").count(), 0);
    });


test("the countdown follows the server's clock", async (t) => {
    const { page, context } = await person(t);
    const seats = await freeSeats(hall, 1);

    await context.addInitScript(() => {
        const real = Date.now.bind(Date);

        Date.now = () => real() + 3 * 3600 * 1000;
    });
    await page.reload();

    let made = null;

    page.on("response", async (response) => {
        if (response.request().method() === "POST"
            && response.url().endsWith("/holds"))
        {
            made = await response.json();
        }
    });
    await hold(page, hall, seats);

    const left = seconds(await page.getByRole("timer").locator(".digits")
        .textContent());
    const whole = (Date.parse(made.expiresAt) - Date.parse(made.createdAt))
        / 1000;

    assert.ok(Math.abs(left - whole) <= 3,
        `${left} s shown of a hold of ${whole} s`);
});


test("the end of a hold is told", async (t) => {
    const { page, user } = await person(t);
    const seats = await freeSeats(hall, 1);
    let id = null;

    /* the server's hold, with only two seconds left */
    const shorten = async (route) => {
        const response = await route.fetch();
        const body = await response.json();

        id = body.holdId;
        body.expiresAt = new Date(Date.parse(body.createdAt) + 2000)
            .toISOString();
        await route.fulfill({ response, json: body });
    };

    await page.route("**/holds", shorten);
    await page.route("**/holds/*", shorten);
    await hold(page, hall, seats);
    await page.unrouteAll({ behavior: "wait" });
    await api(user, "DELETE", `/holds/${id}`);

    await page.getByRole("heading", { name: "No seats are held for you" })
        .waitFor();
    await until("it is spoken", async () => (
        /hold has ended/.test(
            await page.locator("#assertive").textContent())));
    await axe(page, "the end of a hold");
    await page.getByRole("link", { name: "Choose seats" }).click();
    await page.getByRole("grid").waitFor();
    assert.equal(await page.getByRole("timer").count(), 0);
});


/* --- when the server or the network fails ------------------------------ */


test("a lost answer and a busy server are retried with the same key",
    async (t) => {
        const { page } = await person(t);
        const seats = await freeSeats(hall, 1);
        const keys = [];

        await page.route("**/holds", async (route) => {
            keys.push(route.request().headers()["idempotency-key"]);

            if (keys.length === 1) {
                await route.fulfill({ status: 503,
                    headers: { "Retry-After": "1" },
                    json: { error: { code: "busy", message: "busy" } } });

            } else if (keys.length === 2) {
                /* the server does it, and its answer is lost */
                await route.fetch();
                await route.abort();

            } else {
                await route.continue();
            }
        });

        await open(page, hall);
        await seatCell(page, seats[0]).click();
        await page.getByRole("button", { name: "Hold 1 seat" }).click();
        await page.locator(".toast", { hasText: "Trying again in 1 s" })
            .waitFor();
        await page.getByRole("heading", { name: "Checkout" }).waitFor();
        assert.equal(keys.length, 3);
        assert.ok(keys[0]);
        assert.equal(new Set(keys).size, 1);
    });


test("a key outlives the attempts until the outcome is known", async (t) => {
    const { page } = await person(t);
    const seats = await freeSeats(hall, 1);
    const keys = [];
    let broken = true;

    await page.route("**/holds", async (route) => {
        keys.push(route.request().headers()["idempotency-key"]);

        if (broken) {
            await route.fulfill({ status: 503, headers: { "Retry-After": "1" },
                body: "" });

        } else {
            await route.continue();
        }
    });

    await open(page, hall);
    await seatCell(page, seats[0]).click();
    await page.getByRole("button", { name: "Hold 1 seat" }).click();
    await page.locator(".panel .notice.error").waitFor();
    assert.equal(keys.length, 4, "one try and three more");

    broken = false;
    await page.getByRole("button", { name: "Hold 1 seat" }).click();
    await page.getByRole("heading", { name: "Checkout" }).waitFor();
    assert.equal(keys.length, 5);
    assert.equal(new Set(keys).size, 1);
});


test("a stale map and a lost connection are said", async (t) => {
    const { page } = await person(t);
    const notice = page.locator(".seats-page > .notice");

    await push(page, "poll");
    await page.route("**/availability*", async (route) => {
        const response = await route.fetch();

        await route.fulfill({ response,
            json: { ...await response.json(), stale: true } });
    });
    await open(page, hall);
    await notice.filter({ hasText: "a little behind" }).waitFor();
    await axe(page, "a stale hall");

    await page.unrouteAll({ behavior: "wait" });
    await page.route("**/availability*", (route) => route.abort());
    await notice.filter({ hasText: "No connection" }).waitFor();
    await page.unrouteAll({ behavior: "wait" });
    await page.reload();
    await page.getByRole("grid").waitFor();
    assert.equal(await notice.isVisible(), false);
});


test("where nothing is pushed, the page asks for what changed", async (t) => {
    const { page } = await person(t);
    const asked = [];

    page.on("response", (response) => {
        const url = new URL(response.url());

        if (url.pathname.endsWith("/availability")) {
            asked.push([url.searchParams.get("since"), response.status()]);
        }
    });
    await push(page, "poll");
    await open(page, hall);
    await until("three answers", () => asked.length >= 3, 12000);
    assert.deepEqual(asked[0], [null, 200]);
    assert.ok(asked.slice(1).every(([since, status]) => (
        Number(since) > 0 && status === 200)), JSON.stringify(asked));
});


test("where events do not get through, a WebSocket does", async (t) => {
    const { page } = await person(t);
    const [seat] = await freeSeats(hall, 1);
    const sockets = [];

    page.on("websocket", (socket) => sockets.push(socket.url()));
    await page.route("**/events*", (route) => route.abort());
    await open(page, hall);
    await until("a WebSocket", () => sockets.length > 0, 12000);

    const other = await person(t);

    await hold(other.page, hall, [seat]);
    await until("the hold is seen", async () => (
        /held/.test(await seatCell(page, seat).getAttribute("aria-label"))));
});


/* --- orders ------------------------------------------------------------- */


test("paying gives a ticket; the others see the seats sold; cancelling frees"
    + " them", async (t) => {
    const a = await person(t);
    const b = await person(t);
    const seats = await freeSeats(hall, 2);
    const ids = seats.map((seat) => seat.seatId);

    await open(b.page, hall);
    await hold(a.page, hall, seats);

    /* the form says what is missing, where it is missing */
    await a.page.getByRole("button", { name: /^Go on to pay/ }).click();
    await until("the first wrong field has the focus", () => a.page.evaluate(
        () => document.activeElement.id === "name"));
    assert.equal(await a.page.getByLabel("Email")
        .getAttribute("aria-invalid"), "true");
    await axe(a.page, "the checkout with mistakes");
    await shot(a.page, "checkout-mistakes");

    await payFor(a.page);
    await a.page.locator(".ticket .seat-ids",
        { hasText: ids.join(", ") }).waitFor();
    assert.match(await a.page.locator(".ticket .code").textContent(),
        /^[0-9A-Z-]{8,}$/);
    await axe(a.page, "the ticket");
    await shot(a.page, "ticket");
    await a.page.emulateMedia({ media: "print" });
    assert.equal(await a.page.locator("header.site").isVisible(), false);
    assert.equal(await a.page.locator(".ticket").isVisible(), true);
    await shot(a.page, "ticket-print");
    await a.page.emulateMedia({ media: "screen" });
    await seatsAre(hall, ids, "BOOKED");
    await until("B sees the seat sold", async () => (
        /sold/.test(await seatCell(b.page, seats[0])
            .getAttribute("aria-label"))));

    await a.page.reload();
    await a.page.locator(".ticket").waitFor();

    await a.page.getByRole("link", { name: "My orders" }).first().click();
    await a.page.locator(".order .badge", { hasText: "Booked" }).waitFor();
    await axe(a.page, "the orders");
    await shot(a.page, "orders");

    const cancel = a.page.getByRole("button", { name: /^Cancel / });

    await cancel.click();
    await a.page.getByRole("dialog").waitFor();
    await axe(a.page, "the question before a cancellation");
    await a.page.getByRole("button", { name: "Keep it" }).click();
    await a.page.locator(".order .badge", { hasText: "Booked" }).waitFor();
    await cancel.click();
    await a.page.getByRole("button", { name: "Cancel the booking" }).click();
    await a.page.locator(".order .badge", { hasText: "Cancelled" }).waitFor();
    await seatsAre(hall, ids, "AVAILABLE");
});


test("some seats of an order are given back: the quote, the seat, the rest",
    async (t) => {
        const a = await person(t);
        const b = await person(t);
        const seats = await freeSeats(hall, 3);
        const [first, ...rest] = seats;
        const sum = seats.reduce((n, seat) => n + seat.price, 0);

        await open(b.page, hall);
        await hold(a.page, hall, seats);
        await payFor(a.page);
        await a.page.locator(".ticket").waitFor();
        await a.page.getByRole("link", { name: "My orders" }).first().click();
        await a.page.getByRole("button", { name: /^Cancel / }).click();

        const dialog = a.page.getByRole("dialog");
        const quote = dialog.locator(".quote");
        const { items } = (await api(a.user, "GET", "/orders")).body;
        const ask = (query) => api(a.user, "GET",
            `/orders/${items[0].orderId}/refund-quote${query}`);
        const whole = (await ask("")).body;
        const part = (await ask(`?seatIds=${first.seatId}`)).body;
        const digits = (n) => String(n / 100).replace(/\D/g, "");
        const shown = async () => (await quote.textContent())
            .replace(/[,.\u00a0]/g, "");

        /* the terms of the sample: more than two days before, all of it */
        assert.equal(whole.price, sum);
        assert.equal(whole.amount, sum);
        assert.equal(part.amount, first.price);
        await until("the quote of the whole", async () => (
            (await shown()).includes(digits(sum))));
        assert.equal(await quote.locator("li").count(), whole.steps.length);
        assert.equal(whole.steps.length, 3);
        await axe(a.page, "the question which seats go");
        await shot(a.page, "give-back");

        for (const seat of rest) {
            await dialog.getByLabel(seat.seatId, { exact: true }).uncheck();
        }

        await until("the quote of one seat", async () => (
            (await shown()).includes(digits(first.price))
            && !(await shown()).includes(digits(sum))));
        await dialog.getByLabel(first.seatId, { exact: true }).uncheck();
        await dialog.getByText("Choose the seats that you give back")
            .waitFor();
        assert.equal(await dialog.getByRole("button", { name: "Give back" })
            .isDisabled(), true);
        await dialog.getByLabel(first.seatId, { exact: true }).check();
        await dialog.getByRole("button", { name: "Give back 1 seat" })
            .click();
        await dialog.waitFor({ state: "detached" });
        await a.page.locator(".toast", { hasText: "will be refunded" })
            .waitFor();

        const row = a.page.locator(".order").first();
        const names = rest.map((seat) => seat.seatId).join(", ");

        await row.getByText(names).waitFor();
        await row.locator(".badge", { hasText: "Booked" }).waitFor();
        await until("B sees that one free", async () => (
            /free|available/i.test(await seatCell(b.page, first)
                .getAttribute("aria-label"))));
        assert.match(await seatCell(b.page, rest[0])
            .getAttribute("aria-label"), /sold/);

        await row.getByRole("link").first().click();
        await a.page.locator(".ticket .seat-ids", { hasText: names })
            .waitFor();
        await a.page.getByRole("button", { name: "Cancel the booking" })
            .click();
        await dialog.getByRole("button", { name: "Cancel the booking" })
            .click();
        await a.page.getByRole("heading",
            { name: "This booking is cancelled" }).waitFor();
        await seatsAre(hall, seats.map((seat) => seat.seatId), "AVAILABLE");
    });


test("a declined payment frees the seats", async (t) => {
    const { page } = await person(t);
    const seats = await freeSeats(hall, 2);

    await hold(page, hall, seats);
    await page.getByLabel("Card").check();
    await goToPay(page);
    await page.getByLabel("The payment is declined").check();
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.getByRole("heading", { name: "The payment was declined" })
        .waitFor();
    await axe(page, "a declined payment");
    await shot(page, "declined");
    await seatsAre(hall, seats.map((seat) => seat.seatId), "AVAILABLE");
    await page.getByRole("link", { name: "Choose seats again" }).click();
    await page.getByRole("grid").waitFor();
    assert.equal(await page.getByRole("timer").count(), 0);
});


test("an order whose payment got no answer can be paid from its page",
    async (t) => {
        const { page } = await person(t);
        const seats = await freeSeats(hall, 1);
        const payments = new Set();

        await hold(page, hall, seats);
        await page.route("**/confirm-payment", async (route) => {
            payments.add(route.request().postDataJSON().paymentId);

            /* longer than anybody waits: no retries, the order stands */
            await route.fulfill({ status: 503,
                headers: { "Retry-After": "600" }, body: "" });
        });
        await goToPay(page);
        await page.getByRole("timer").waitFor();
        await page.getByRole("button", { name: /^Pay/ }).click();
        await page.locator(".pay .notice.error").waitFor();
        await axe(page, "an order to be paid");
        await shot(page, "pending");
        await page.unrouteAll({ behavior: "wait" });
        page.on("request", (request) => {
            if (request.url().endsWith("/confirm-payment")) {
                payments.add(request.postDataJSON().paymentId);
            }
        });
        await page.getByRole("button", { name: /^Pay/ }).click();
        await page.getByRole("heading", { name: "Enjoy the show" }).waitFor();
        assert.equal(payments.size, 1, "one payment, one id");
    });


/* --- every view, small and large, light and dark ------------------------ */


for (const [name, options] of [
    ["phone", { viewport: PHONE, isMobile: true, hasTouch: true }],
    ["phone-dark", { viewport: PHONE, isMobile: true, hasTouch: true,
        colorScheme: "dark" }],
    ["desktop", {}],
    ["desktop-dark", { colorScheme: "dark" }],
]) {
    test(`every view fits and is accessible: ${name}`, async (t) => {
        const { page } = await person(t, options);
        const seats = await freeSeats(hall, 2);

        const look = async (view) => {
            await noSideways(page, view);
            await axe(page, view);
            await shot(page, `${name}-${view}`);
        };

        await page.goto(`${BASE}/#/shows`);
        await page.locator(".show").first().waitFor();
        await look("shows");
        await open(page, hall);
        await page.getByRole("grid").waitFor();
        await look("hall");

        for (const seat of seats) {
            await seatCell(page, seat).click();
        }

        await look("picked");
        await page.getByRole("button", { name: "Hold 2 seats" }).click();
        await page.getByRole("heading", { name: "Checkout" }).waitFor();
        await look("checkout");
        await page.locator(".back").click();
        await page.getByRole("timer").waitFor();
        await look("held");
        await page.getByRole("button", { name: "Checkout" }).click();
        await payFor(page);
        await look("ticket");
        await page.goto(`${BASE}/#/orders`);
        await page.locator(".order").first().waitFor();
        await look("orders");
        await open(page, stadium);
        await page.locator(".sections a").first().waitFor();
        await look("stadium");
        await page.locator(".sections a").first().click();
        await page.getByRole("grid").waitFor();
        await look("section");
        await page.goto(`${BASE}/#/shows/${randomUUID()}`);
        await page.getByRole("heading", { name: /^Not / }).waitFor();
        await look("missing");
    });
}


test("on a phone the whole hall can be shown at once", async (t) => {
    const { page } = await person(t, { viewport: PHONE });

    await open(page, hall);
    await page.getByRole("grid").waitFor();

    const zoom = page.getByRole("button", { name: "Show the whole hall" });
    const hidden = () => page.evaluate(() => {
        const box = document.querySelector(".hall-scroll");

        return box.scrollWidth - box.clientWidth;
    });

    assert.ok(await hidden() > 0, "seats are large enough to hit");
    await zoom.click();
    assert.ok(await hidden() <= 0, "all of it is in sight");
    assert.equal(await zoom.getAttribute("aria-pressed"), "true");
    await shot(page, "phone-whole-hall");
});


test("a stadium is chosen by section, quickly and by keyboard", async (t) => {
    const { page } = await person(t);
    const begun = Date.now();

    await open(page, stadium);
    await page.locator(".sections a").first().waitFor();

    const took = Date.now() - begun;

    assert.ok(took < 8000, `the overview took ${took} ms`);

    const nodes = () => page.evaluate(
        () => document.querySelectorAll("*").length);

    assert.ok(await nodes() < 2500, "the overview draws no single seats");

    const name = await page.locator(".sections a strong").nth(7)
        .textContent();

    await tabTo(page, "#find-section");
    await page.keyboard.type(name);
    assert.equal(await page.locator(".sections li:visible").count(), 1);
    await tabTo(page, ".sections a");
    await page.keyboard.press("Enter");
    await page.getByRole("grid").waitFor();
    await page.locator(".way", { hasText: name }).waitFor();
    assert.equal(await page.evaluate(
        () => document.activeElement.textContent), name);
    assert.ok(await nodes() < 2500, "one section is drawn, not the stadium");

    await tabTo(page, ".seat");
    await page.keyboard.press("Space");
    assert.equal(await page.locator(".chip").count(), 1);
    await page.reload();
    await page.locator(".way", { hasText: name }).waitFor();

    /* another section, and the choice stays */
    await page.locator(".grid .seat.available").first().click();
    await page.getByRole("link", { name: "All sections" }).click();
    await page.locator(".sections a").nth(3).click();
    await page.getByRole("grid").waitFor();
    assert.equal(await page.locator(".chip").count(), 1);
});

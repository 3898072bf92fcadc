/*
 * The page of a hall: seats are chosen, held, kept and lost; what others do is
 * seen; answers that are late or do not come.
 *
 *   BASE_URL   the address of the server, with sample shows loaded
 *   CHROMIUM   the browser: see chromium.mjs
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 *
 * Every test books as new users, on seats that are free when it begins, and
 * gives back what it took: the server may be shared, and used again.
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { arrowTo, as, fillIn, freeSeats, halls, hold, open,
    person, push, seatCell, seatsAre } from "./seats.mjs";
import { api, BASE, holdBack, look, picture, tabTo, until } from "./site.mjs";

let browser;
let hall;


before(async () => {
    ({ hall } = await halls());
    browser = await launch();
});

after(() => browser?.close());


function seconds(text) {
    const [m, s] = text.split(":").map(Number);

    return 60 * m + s;
}


test("seats are held by keyboard alone, and another user sees it",
    async (t) => {
        const a = await person(t, browser);
        const b = await person(t, browser);
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
        await picture(a.page, "picked-by-keyboard");

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
        await look(b.page, "held-by-another");
    });


test("who is a moment too late is told which seats are gone", async (t) => {
    const a = await person(t, browser);
    const b = await person(t, browser);
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
    await look(b.page, "conflict");
});


test("a seat that somebody takes meanwhile leaves the choice",
    async (t) => {
        const a = await person(t, browser);
        const b = await person(t, browser);
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
    const { page } = await person(t, browser);

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
        const { page } = await person(t, browser);
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
        await look(page, "change-seats");
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
    const { page, context } = await person(t, browser);
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
    const { page, user } = await person(t, browser);
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
    await api(as(user), "DELETE", `/holds/${id}`);

    await page.getByRole("heading", { name: "No seats are held for you" })
        .waitFor();
    await until("it is spoken", async () => (
        /hold has ended/.test(
            await page.locator("#assertive").textContent())));
    await look(page, "end-of-a-hold");
    await page.getByRole("link", { name: "Choose seats" }).click();
    await page.getByRole("grid").waitFor();
    assert.equal(await page.getByRole("timer").count(), 0);
});


test("there is one request at a time, of what was chosen", async (t) => {
    const { page, user } = await person(t, browser);
    const seats = await freeSeats(hall, 3);
    const held = await holdBack(page, "**/holds");

    await open(page, hall);
    await seatCell(page, seats[0]).click();
    await seatCell(page, seats[1]).click();
    await page.locator(".panel .primary").click();
    await until("it is sent", () => held.sent.length > 0);

    await seatCell(page, seats[2]).click();
    await page.locator(".panel .primary").click({ force: true });
    held.go();
    await page.getByRole("heading", { name: "Checkout" }).waitFor();
    await page.getByRole("timer").waitFor();
    assert.deepEqual(held.sent.map(({ seatIds }) => seatIds),
        [seats.slice(0, 2).map((each) => each.seatId)]);
    await seatsAre(hall, [seats[2].seatId], "AVAILABLE");

    const { [hall.showId]: id } = JSON.parse(await page.evaluate(
        () => localStorage.getItem("boxoffice.holds")));

    assert.deepEqual((await api(as(user), "GET", `/holds/${id}`)).seatIds,
        held.sent[0].seatIds);
});


test("who goes back meanwhile is not led on, and has the hold", async (t) => {
    const { page } = await person(t, browser);
    const [seat] = await freeSeats(hall, 1);
    const held = await holdBack(page, "**/holds");

    await open(page, hall);
    await seatCell(page, seat).click();
    await page.locator(".panel .primary").click();
    await until("it is sent", () => held.sent.length > 0);
    await page.getByRole("link", { name: "All shows" }).click();
    await page.getByRole("heading", { name: "All shows" }).waitFor();

    const answered = page.waitForResponse("**/holds");

    held.go();
    await (await answered).finished();
    await seatsAre(hall, [seat.seatId], "HELD");
    await page.reload();
    await page.locator(".banner").getByRole("link", { name: "Continue" })
        .waitFor();
    assert.match(page.url(), /#\/shows$/);
});


test("a checkout follows what another tab holds", async (t) => {
    const { page, context } = await person(t, browser);
    const seats = await freeSeats(hall, 2);
    const tab = await context.newPage();

    await hold(page, hall, seats.slice(0, 1));
    await tab.goto(`${BASE}/#/shows/${hall.showId}`);
    await tab.getByRole("button", { name: "Release seats" }).click();
    await tab.locator(".toast", { hasText: "released" }).waitFor();
    await hold(tab, hall, seats);
    await tab.close();

    await fillIn(page);
    await page.getByRole("button", { name: /^Go on to pay/ }).click();
    await page.locator(".toast", { hasText: "other seats now" }).waitFor();
    await page.locator(".seats-line", { hasText: seats
        .map((each) => each.seatId).join(", ") }).waitFor();
    await fillIn(page);
    await page.getByRole("button", { name: /^Go on to pay/ }).click();
    await page.getByRole("heading", { name: "Waiting for payment" })
        .waitFor();
});


/* --- when the server or the network fails ------------------------------ */


test("a lost answer and a busy server are retried with the same key",
    async (t) => {
        const { page } = await person(t, browser);
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


test("a hall that the server has to load first is asked for again",
    async (t) => {
        const { page } = await person(t, browser);
        let busy = 2;

        await page.route("**/layout", (route) => busy-- > 0
            ? route.fulfill({ status: 503, headers: { "Retry-After": "1" },
                json: { error: { code: "unavailable", message: "" } } })
            : route.continue());

        await open(page, hall);
        await page.getByRole("grid").waitFor();
        assert.equal(busy, -1, "twice refused, then answered");
    });


test("a key outlives the attempts until the outcome is known", async (t) => {
    const { page } = await person(t, browser);
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
    const { page } = await person(t, browser);
    const notice = page.locator(".seats-page > .notice");

    const late = async (route) => {
        const response = await route.fetch();

        await route.fulfill({ response,
            json: { ...await response.json(), stale: true } });
    };

    /* one route: another one, made while a request is under way, may be lost */
    let way = late;

    await push(page, "poll");
    await page.route("**/availability*", (route) => way(route));
    await open(page, hall);
    await notice.filter({ hasText: "a little behind" }).waitFor();
    await look(page, "stale-hall");

    way = (route) => route.abort();
    await notice.filter({ hasText: "No connection" }).waitFor();
    way = (route) => route.continue();
    await page.reload();
    await page.getByRole("grid").waitFor();
    assert.equal(await notice.isVisible(), false);
});


test("where nothing is pushed, the page asks for what changed", async (t) => {
    const { page } = await person(t, browser);
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
    const { page } = await person(t, browser);
    const [seat] = await freeSeats(hall, 1);
    const sockets = [];

    page.on("websocket", (socket) => sockets.push(socket.url()));
    await page.route("**/events*", (route) => route.abort());
    await open(page, hall);
    await until("a WebSocket", () => sockets.length > 0, 12000);

    const other = await person(t, browser);

    await hold(other.page, hall, [seat]);
    await until("the hold is seen", async () => (
        /held/.test(await seatCell(page, seat).getAttribute("aria-label"))));
});


/* --- orders ------------------------------------------------------------- */

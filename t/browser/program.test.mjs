/*
 * Shows for administrators: put on one or a series, what is in the way, moved,
 * prices, sales, broken seats of a show, calling it off.
 *
 *   BASE_URL   the address of the server, with sample data loaded
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { seatsAre } from "./seats.mjs";
import { admin, api, atHeading, BASE, DESKTOP, look, PHONE, tabTo, until,
    visitor } from "./site.mjs";

const PRICES = { SILVER: 15000, GOLD: 25000 };

let browser;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();
});

after(() => browser?.close());


function open(t, where, options) {
    return visitor(t, browser, `admin.html#/${where}`, options);
}


/* A theatre with one screen, and a movie: nobody else's. */
async function house() {
    const name = `House ${randomUUID()}`;
    const { layoutId } = await admin("POST", "/admin/layouts", { name,
        drawing: "A SILVER 6o\nB GOLD 6o" });
    const { theatreId } = await admin("POST", "/admin/theatres", { name,
        timezone: "Asia/Kolkata", city: "Mysuru" });
    const { screenId } = await admin("POST", "/admin/screens", { theatreId,
        layoutId, name: "Screen 1" });
    const { movieId, title } = await admin("POST", "/admin/movies",
        { title: `Tide ${randomUUID()}`, durationMinutes: 120 });

    return { name, layoutId, theatreId, screenId, movieId, title };
}


async function show({ screenId, movieId }, more = {}) {
    const { items } = await admin("POST", "/admin/shows", { screenId,
        movieId, currency: "INR", prices: PRICES, startsAt: day(5)
            + "T13:00:00Z", ...more });

    return items[0];
}


function day(n) {
    return new Date(Date.now() + n * 86400000).toISOString().slice(0, 10);
}


/* Seats of a show that somebody has paid. */
async function buy(showId, seatIds) {
    const user = { "x-user-id": `buyer-${randomUUID()}` };
    const hold = await api(user, "POST", "/holds", { showId, seatIds });
    const order = await api(user, "POST", "/orders", { holdId: hold.holdId,
        paymentMethod: "CARD", customer: { name: "Ann",
            email: "ann@example.org" } });

    return api(user, "POST", `/orders/${order.orderId}/confirm-payment`,
        { paymentId: `mock-ok-${randomUUID()}` });
}


test("a series is put on by keyboard; what is in the way is told",
    async (t) => {
        const at = await house();
        const page = await open(t, `shows/new?screenId=${at.screenId}`,
            DESKTOP);
        const type = async (selector, text) => {
            await tabTo(page, selector);
            await page.keyboard.type(text);
        };

        await page.getByLabel("Silver").waitFor();
        await look(page, "admin-new-shows");

        /* nothing is sent before it is whole */
        await page.getByRole("button", { name: "Put them on" }).press("Enter");
        assert.deepEqual(await page.locator(".field-error:visible")
            .allTextContents(), ["Please choose a movie.", "This is needed.",
            "This is needed.", "This is needed.", "This is needed."]);

        await type("#choose-movie", at.title);
        await page.keyboard.press("Enter");
        await page.getByRole("radio", { name: at.title }).waitFor();
        await tabTo(page, "[name=choose-movie]");
        await page.keyboard.press("Space");
        await page.getByLabel("First day").fill(day(5));
        await page.getByLabel("Last day").fill(day(11));
        await type("#shows-times", "10:00, 14:30");
        await type("#price-GOLD", "250.50");
        await page.keyboard.press("Shift+Tab");

        /* which comes first is the server's business */
        await page.getByLabel("Silver").fill("150");
        await page.getByText("14 shows: 7 days, 2 times a day.").waitFor();
        await page.keyboard.press("Enter");
        await page.locator(".toast", { hasText: "14 shows put on." })
            .waitFor();
        await page.locator(".program li").nth(13).waitFor();
        assert.equal(await page.locator(".program li").count(), 14);
        await look(page, "admin-shows-of-screen");

        const { items } = await admin("GET",
            `/admin/shows?screenId=${at.screenId}`);
        const one = await admin("GET", `/admin/shows/${items[0].showId}`);

        assert.deepEqual(one.prices, { SILVER: 15000, GOLD: 25050 });
        assert.equal(one.startsAt, `${day(5)}T04:30:00.000Z`);

        /* once more, an hour later */
        await page.goto(`${BASE}/admin.html#/shows/new?screenId=`
            + `${at.screenId}&movieId=${at.movieId}`);
        await page.getByLabel("Silver").fill("150");
        await page.getByLabel("Gold").fill("250");
        await page.getByLabel("First day").fill(day(11));
        await page.getByLabel("Times").fill("11:00");
        await page.getByRole("button", { name: "Put them on" }).click();
        await until("the refusal has the focus", () => page.evaluate(
            () => document.activeElement.matches(".notice.error")));
        assert.match(await page.locator(".notice.error").innerText(),
            /are on this screen then[^]*11:00: Tide .*, 10:00 to 12:00/);
        await look(page, "admin-clash");

        /* what contradicts itself is told for people */
        await page.getByLabel("Times").fill("11:00, 11:30");
        await page.getByRole("button", { name: "Put them on" }).click();
        await page.locator(".notice.error",
            { hasText: /11:30 is before .* 11:00 is over/ }).waitFor();
    });


test("who is among the movies already stays there when more are found",
    async (t) => {
        const at = await house();
        const page = await open(t, `shows/new?screenId=${at.screenId}`,
            DESKTOP);
        const box = page.locator("[name=choose-movie]");
        let answer;

        await box.first().waitFor();
        await page.route("**/api/v1/search?*", (route) => {
            answer = () => route.continue();
        });

        await page.locator("#choose-movie").fill(at.title);
        await page.keyboard.press("Enter");
        await until("it is asked for", () => answer !== undefined);
        await box.first().focus();

        const before = await box.first().elementHandle();

        await answer();
        await until("the list is another one", () => before.evaluate(
            (each) => !each.isConnected));
        await page.keyboard.press("Space");
        assert.equal(await page.locator("[name=choose-movie]:checked").count(),
            1);
    });


test("a show on a phone: its sales, its prices, moved, called off",
    async (t) => {
        const at = await house();
        const { showId } = await show(at);
        const page = await open(t, `shows?date=${day(5)}`, PHONE);

        await page.getByRole("link", { name: at.title }).waitFor();
        await look(page, "admin-shows");
        await page.getByRole("link", { name: at.title }).tap();
        await atHeading(page, at.title);
        assert.equal(await page.getByLabel("Begins").inputValue(),
            `${day(5)}T18:30`);
        await look(page, "admin-show");

        await page.getByLabel("Begins").fill(`${day(6)}T20:00`);
        await page.getByRole("button", { name: "Save", exact: true }).tap();
        await page.locator(".toast", { hasText: "Saved: version" }).waitFor();
        assert.equal((await admin("GET", `/admin/shows/${showId}`)).startsAt,
            `${day(6)}T14:30:00.000Z`);

        await page.getByLabel("Gold").fill("99.99");
        await page.getByRole("button", { name: "Save the prices" }).tap();
        await page.locator(".toast", { hasText: "the prices now" }).waitFor();
        assert.deepEqual((await admin("GET", `/admin/shows/${showId}`))
            .prices, { SILVER: 15000, GOLD: 9999 });

        await buy(showId, ["A1", "A2", "B1"]);
        await page.getByRole("button", { name: "Renew" }).tap();
        await page.locator(".sales tfoot", { hasText: /3\s*0\s*9\s*₹399\.99/ })
            .waitFor();
        await look(page, "admin-sales");

        /* now that it is sold, neither price nor time can be another */
        await page.getByLabel("Gold").fill("1");
        await page.getByRole("button", { name: "Save the prices" }).tap();
        await page.locator(".notice.error", { hasText: "so they stay" })
            .waitFor();
        await page.getByLabel("Minutes").fill("90");
        await page.getByRole("button", { name: "Save", exact: true }).tap();
        await page.locator(".notice.error", { hasText: "1 order" }).waitFor();

        await page.getByRole("button", { name: "Call the show off" }).tap();
        await page.getByRole("dialog").waitFor();
        await page.getByRole("button", { name: "Call it off" }).tap();
        await page.getByRole("heading", { name: "Called off" }).waitFor();
        await page.getByText("1 order cancelled, ₹399.99 refunded.")
            .waitFor();
        assert.equal(await page.getByLabel("Begins").isVisible(), false);
        await look(page, "admin-show-off");
    });


test("seats of one show are broken, and every map shows it", async (t) => {
    const at = await house();
    const { showId } = await show(at);

    await buy(showId, ["B1"]);
    await seatsAre({ showId }, ["B1"], "BOOKED");

    const page = await open(t, `shows/${showId}/seats`);
    const customer = await visitor(t, browser, `#/shows/${showId}`, PHONE);
    const seat = (where, name) => where.getByRole("gridcell",
        { name: new RegExp(`^${name},`) });

    await seat(customer, "Row A seat 2").waitFor();
    await seat(page, "Row A seat 2").click();
    await seat(page, "Row B seat 1").click();
    await page.locator(".toast", { hasText: "is sold, and stays" }).waitFor();
    await page.getByLabel("House").check();
    await seat(page, "Row A seat 6").click();
    await page.getByText("Broken: A2 · House: A6").waitFor();
    await look(page, "admin-show-seats");
    await page.getByRole("button", { name: "Save the seats" }).click();
    await page.locator(".toast", { hasText: "2 seats changed." }).waitFor();

    const { broken, house: kept, seats } = await admin("GET",
        `/admin/shows/${showId}`);

    assert.deepEqual([broken, kept, seats], [["A2"], ["A6"], 10]);
    await seat(customer, "Row A seat 2").and(
        customer.locator("[aria-label$='not for sale']")).waitFor();
    await seat(customer, "Row A seat 3").and(
        customer.locator("[aria-label$='free']")).waitFor();

    /* mended again: the brush once more */
    await page.getByLabel("Ordinary").check();
    await seat(page, "Row A seat 2").click();
    await page.getByRole("button", { name: "Save the seats" }).click();
    await seat(customer, "Row A seat 2").and(
        customer.locator("[aria-label$='free']")).waitFor();
});


test("a hall that was changed is read once, whatever happens meanwhile",
    async (t) => {
        const at = await house();
        const { showId, version } = await show(at);
        const page = await visitor(t, browser, `#/shows/${showId}`);
        const user = { "x-user-id": `busy-${randomUUID()}` };
        let read = 0;

        await page.getByRole("gridcell", { name: /^Row A seat 2,/ }).waitFor();
        await page.route("**/layout", async (route) => {
            read++;
            await new Promise((done) => setTimeout(done, 2000));
            await route.continue();
        });
        await admin("PUT", `/admin/shows/${showId}/seats`, { broken: ["A6"] },
            { "If-Match": `"${version}"` });
        await until("it is told", () => read > 0);

        for (let i = 0; i < 10; i++) {
            const { holdId } = await api(user, "POST", "/holds",
                { showId, seatIds: ["B1", "B2"] });

            await api(user, "DELETE", `/holds/${holdId}`);
        }

        await page.getByRole("gridcell", { name: /^Row A seat 6,/ }).and(
            page.locator("[aria-label$='not for sale']")).waitFor();
        assert.ok(read <= 2, `read ${read} times`);
    });

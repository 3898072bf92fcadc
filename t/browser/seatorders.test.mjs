/*
 * From held seats to a ticket and back: paying, giving all or some seats back.
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
import { as, freeSeats, goToPay, halls, hold, open,
    payFor, person, seatCell, seatsAre } from "./seats.mjs";
import { api, BASE, look, picture, until } from "./site.mjs";

let browser;
let hall;


before(async () => {
    ({ hall } = await halls());
    browser = await launch();
});

after(() => browser?.close());


test("paying gives a ticket; the others see the seats sold; cancelling frees"
    + " them", async (t) => {
    const a = await person(t, browser);
    const b = await person(t, browser);
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
    await look(a.page, "checkout-mistakes");

    /* what was typed is there after a reload */
    await a.page.getByLabel("Name").fill("Grace");
    await a.page.getByLabel("Email").fill("grace@example.org");
    await a.page.getByLabel("Card").check();
    await a.page.reload();
    await a.page.getByRole("button", { name: /^Go on to pay/ }).waitFor();
    assert.equal(await a.page.getByLabel("Name").inputValue(), "Grace");
    assert.equal(await a.page.getByLabel("Email").inputValue(),
        "grace@example.org");
    assert.equal(await a.page.getByLabel("Card").isChecked(), true);

    await payFor(a.page);
    await a.page.locator(".ticket .seat-ids",
        { hasText: ids.join(", ") }).waitFor();
    assert.match(await a.page.locator(".ticket .code").textContent(),
        /^[0-9A-Z-]{8,}$/);
    await look(a.page, "ticket");
    await a.page.emulateMedia({ media: "print" });
    assert.equal(await a.page.locator("header.site").isVisible(), false);
    assert.equal(await a.page.locator(".ticket").isVisible(), true);
    await picture(a.page, "ticket-print");
    await a.page.emulateMedia({ media: "screen" });
    await seatsAre(hall, ids, "BOOKED");
    await until("B sees the seat sold", async () => (
        /sold/.test(await seatCell(b.page, seats[0])
            .getAttribute("aria-label"))));

    await a.page.reload();
    await a.page.locator(".ticket").waitFor();

    await a.page.getByRole("link", { name: "My orders" }).first().click();
    await a.page.locator(".order .badge", { hasText: "Booked" }).waitFor();
    await look(a.page, "orders");

    const cancel = a.page.getByRole("button", { name: /^Cancel / });

    await cancel.click();
    await a.page.getByRole("dialog").waitFor();
    await look(a.page, "question-before-a-cancellation");
    await a.page.getByRole("button", { name: "Keep it" }).click();
    await a.page.locator(".order .badge", { hasText: "Booked" }).waitFor();
    await cancel.click();
    await a.page.getByRole("button", { name: "Cancel the booking" }).click();
    await a.page.locator(".order .badge", { hasText: "Cancelled" }).waitFor();
    await seatsAre(hall, ids, "AVAILABLE");
});


test("some seats of an order are given back: the quote, the seat, the rest",
    async (t) => {
        const a = await person(t, browser);
        const b = await person(t, browser);
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
        const { items } = await api(as(a.user), "GET", "/orders");
        const ask = (query) => api(as(a.user), "GET",
            `/orders/${items[0].orderId}/refund-quote${query}`);
        const whole = await ask("");
        const part = await ask(`?seatIds=${first.seatId}`);
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
        await look(a.page, "give-back");

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


test("older orders come once a press", async (t) => {
    const { page, user } = await person(t, browser);

    for (const seat of await freeSeats(hall, 3)) {
        const { holdId } = await api(as(user), "POST", "/holds",
            { showId: hall.showId, seatIds: [seat.seatId] });

        await api(as(user), "POST", "/orders", { holdId,
            paymentMethod: "CARD",
            customer: { name: "Ada", email: "ada@example.org" } });
    }

    await page.route(/\/api\/v1\/orders(\?|$)/, (route) => {
        const url = new URL(route.request().url());

        url.searchParams.set("limit", "1");
        return route.continue({ url: url.href });
    });
    await page.goto(`${BASE}/#/orders`);

    const orders = page.locator("li.order");

    await until("one", async () => await orders.count() === 1);
    await page.getByRole("button", { name: "Older orders" }).dblclick();
    await until("two", async () => await orders.count() === 2);
    await page.getByRole("button", { name: "Older orders" }).click();
    await until("three", async () => await orders.count() === 3);
    assert.equal(new Set(await orders.locator(".text a").evaluateAll(
        (all) => all.map((each) => each.href))).size, 3);
});


test("a declined payment frees the seats", async (t) => {
    const { page } = await person(t, browser);
    const seats = await freeSeats(hall, 2);

    await hold(page, hall, seats);
    await page.getByLabel("Card").check();
    await goToPay(page);
    await page.getByLabel("The payment is declined").check();
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.getByRole("heading", { name: "The payment was declined" })
        .waitFor();
    await look(page, "declined");
    await seatsAre(hall, seats.map((seat) => seat.seatId), "AVAILABLE");
    await page.getByRole("link", { name: "Choose seats again" }).click();
    await page.getByRole("grid").waitFor();
    assert.equal(await page.getByRole("timer").count(), 0);
});


test("an order whose payment got no answer can be paid from its page",
    async (t) => {
        const { page } = await person(t, browser);
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
        await look(page, "pending");
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

/*
 * Every view of the seat page, small and large, light and dark; halls that are
 * too large for a window.
 *
 *   BASE_URL   the address of the server, with sample shows loaded
 *   CHROMIUM   the browser: see chromium.mjs
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 *
 * Every test books as new users, on seats that are free when it begins, and
 * gives back what it took: the server may be shared, and used again.
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { freeSeats, halls, open, payFor, person, seatCell } from "./seats.mjs";
import { BASE, look, PHONE, picture, tabTo } from "./site.mjs";

let browser;
let hall;
let stadium;


before(async () => {
    ({ hall, stadium } = await halls());
    browser = await launch();
});

after(() => browser?.close());


for (const [name, options] of [
    ["phone", PHONE],
    ["phone-dark", { ...PHONE, colorScheme: "dark" }],
    ["desktop", {}],
    ["desktop-dark", { colorScheme: "dark" }],
]) {
    test(`every view fits and is accessible: ${name}`, async (t) => {
        const { page } = await person(t, browser, options);
        const seats = await freeSeats(hall, 2);

        const see = (view) => look(page, `${name}-${view}`);

        await page.goto(`${BASE}/#/shows`);
        await page.locator(".show").first().waitFor();
        await see("shows");
        await open(page, hall);
        await page.getByRole("grid").waitFor();
        await see("hall");

        for (const seat of seats) {
            await seatCell(page, seat).click();
        }

        await see("picked");
        await page.getByRole("button", { name: "Hold 2 seats" }).click();
        await page.getByRole("heading", { name: "Checkout" }).waitFor();
        await see("checkout");
        await page.locator(".back").click();
        await page.getByRole("timer").waitFor();
        await see("held");
        await page.getByRole("button", { name: "Checkout" }).click();
        await payFor(page);
        await see("ticket");
        await page.goto(`${BASE}/#/orders`);
        await page.locator(".order").first().waitFor();
        await see("orders");
        await open(page, stadium);
        await page.locator(".sections a").first().waitFor();
        await see("stadium");
        await page.locator(".sections a").first().click();
        await page.getByRole("grid").waitFor();
        await see("section");
        await page.goto(`${BASE}/#/shows/${randomUUID()}`);
        await page.getByRole("heading", { name: /^Not / }).waitFor();
        await see("missing");
    });
}


test("on a phone the whole hall can be shown at once", async (t) => {
    const { page } = await person(t, browser, { viewport: PHONE.viewport });

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
    await picture(page, "phone-whole-hall");
});


test("a stadium is chosen by section, quickly and by keyboard", async (t) => {
    const { page } = await person(t, browser);
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

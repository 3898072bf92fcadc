/*
 * The page where an order is paid: by each method, with a gateway that takes
 * its time, that says no, that says nothing; paid or ended elsewhere meanwhile.
 *
 *   BASE_URL   the address of the server, with sample data loaded
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomUUID } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { api, BASE, DESKTOP, look, PHONE, tabTo, visitor } from "./site.mjs";

const SHOW = "00000000-0000-4000-8000-000000000003";

let browser;
let dir;
let seat = 0;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();
    dir = mkdtempSync(path.join(tmpdir(), "pay-"));
});

after(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
});


/* The page of an order that waits for its payment, and who has it. */
async function ordered(t, method, options) {
    const user = { "x-user-id": `payer-${randomUUID()}` };

    /* the first of a long block: nobody is left alone */
    const seatIds = [`${"DEFGHJ"[seat++]}3`];
    const { holdId } = await api(user, "POST", "/holds", { showId: SHOW,
        seatIds });
    const order = await api(user, "POST", "/orders", { holdId,
        paymentMethod: method,
        customer: { name: "Ada", email: "ada@example.org" } });
    const page = await visitor(t, browser, "", options);

    await page.evaluate((id) => localStorage.setItem("boxoffice.user",
        JSON.stringify(id)), user["x-user-id"]);

    return { page, user, order, path: `/orders/${order.orderId}`,
        go: async () => {
            await page.goto(`${BASE}/#/orders/${order.orderId}`);
            await page.getByRole("heading", { name: "Waiting for payment" })
                .waitFor();
        } };
}


function paid(page) {
    return page.getByRole("heading", { name: "Enjoy the show" }).waitFor();
}


test("by UPI on a phone: a link for its apps, a code for another one",
    async (t) => {
        const { page, order, go } = await ordered(t, "UPI", PHONE);

        await go();

        const link = await page.getByRole("link", { name: "Open a UPI app" })
            .getAttribute("href");
        const sum = (order.amount / 100).toFixed(2);
        const file = path.join(dir, "upi.png");

        assert.match(link, new RegExp("^upi://pay\\?pa=boxoffice@mock"
            + `&pn=Boxoffice&tr=[^&]+&am=${sum}&cu=INR$`));
        await look(page, "pay-upi");
        await page.locator(".upi img").screenshot({ path: file });
        assert.equal(execFileSync("zbarimg",
            ["--quiet", "--nodbus", "--raw", file], { encoding: "utf8" }).trim(), link);
        await page.getByRole("button", { name: /^Pay/ }).tap();
        await paid(page);
    });


test("by card, with a gateway that takes its time", async (t) => {
    const { page, go } = await ordered(t, "CARD",
        { ...DESKTOP, colorScheme: "dark" });

    await go();
    await page.getByLabel("takes its time").check();
    assert.equal(await page.locator(".upi").count(), 0);
    await page.getByRole("button", { name: /^Pay/ }).click();
    await page.locator(".pay-status", { hasText: "the gateway's word" })
        .waitFor();
    await look(page, "pay-waiting");
    await paid(page);
});


test("by wallet and keyboard alone; declined is the end of an order",
    async (t) => {
        const { page, go } = await ordered(t, "WALLET", DESKTOP);

        await go();
        await tabTo(page, "[name=gateway]");
        await page.keyboard.press("ArrowDown");
        await page.keyboard.press("ArrowDown");
        await tabTo(page, ".pay .primary");
        await page.keyboard.press("Enter");
        await page.getByRole("heading", { name: "The payment was declined" })
            .waitFor();
        await page.getByRole("link", { name: "Choose seats again" })
            .waitFor();
    });


test("what is paid elsewhere shows by itself", async (t) => {
    const { page, user, path: order, go } = await ordered(t, "CARD", PHONE);

    await go();
    await page.getByRole("button", { name: /^Pay/ }).waitFor();
    await api(user, "POST", `${order}/confirm-payment`,
        { paymentId: `mock-ok-${randomUUID()}` });
    await paid(page);
});


test("what has ended meanwhile cannot be paid", async (t) => {
    const { page, user, path: order, go } = await ordered(t, "CARD", DESKTOP);

    await go();
    await page.getByRole("button", { name: /^Pay/ }).waitFor();

    /* nobody asks until the button is pressed */
    await page.route(`**${order}`, (route) => route.abort());
    await api(user, "POST", `${order}/cancel`, {});
    await page.unrouteAll({ behavior: "wait" });
    await page.getByRole("heading", { name: "This booking is cancelled" })
        .waitFor();
});


/*
 * With another gateway than the mock there is nothing to choose: the page
 * waits, asks when it is told to, and says what is said.  What that gateway
 * answers is made up here; t/payments.t has a real one.
 */
test("with a gateway of elsewhere it waits for its word", async (t) => {
    const { page, user, path: order, go } = await ordered(t, "UPI", DESKTOP);
    const paymentId = `mock-ok-${randomUUID()}`;
    const words = [
        [503, { code: "unavailable" }, "2000"],
        [409, { code: "payment_pending" }, "1"],
        [402, { code: "payment_declined" }],
    ];

    await page.route("**/pay", async (route) => {
        const [status, error, wait] = words[0][0] === 503 ? words.shift()
            : [];

        if (status) {
            await route.fulfill({ status, json: { error },
                headers: { "Retry-After": wait } });
            return;
        }

        const response = await route.fetch();

        await route.fulfill({ response, json: { ...await response.json(),
            gateway: "stripe", paymentId: "pi_1", clientSecret: "secret" } });
    });

    await page.route("**/confirm-payment", async (route) => {
        const [status, error, wait] = words.shift() || [];

        if (status) {
            await route.fulfill({ status, json: { error },
                headers: wait ? { "Retry-After": wait } : {} });

        } else {
            await route.continue({ postData: JSON.stringify({ paymentId }) });
        }
    });

    /* the payment itself could not be begun: once more by hand */
    await go();
    await page.getByRole("button", { name: "Try again" }).click();
    await page.getByText("Waiting for the gateway to say").waitFor();
    await page.locator(".upi img").waitFor();
    assert.equal(await page.locator("[name=gateway]").count(), 0);
    await look(page, "pay-elsewhere");

    const ask = page.getByRole("button", { name: "I have paid" });

    await ask.click();
    await page.locator(".pay .notice", { hasText: "not complete yet" })
        .waitFor();
    await ask.click();
    await page.locator(".pay .notice", { hasText: "was declined" }).waitFor();
    await ask.click();
    await paid(page);
    assert.equal((await api(user, "GET", order)).status, "CONFIRMED");
});

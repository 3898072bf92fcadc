/*
 * The page of the tickets: its codes are read from screenshots, as a scanner
 * reads them from a phone or from paper, and verified without the server.
 *
 *   BASE_URL   the address of the server, with sample shows loaded
 *   ARTIFACTS  a directory for screenshots; a temporary one when not set
 */

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";

const BASE = process.env.BASE_URL?.replace(/\/$/, "");
const VERIFY = fileURLToPath(new URL("../../tools/verify-ticket",
    import.meta.url));
const AXE = readFileSync(
    createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const SHOW = "00000000-0000-4000-8000-000000000001";
const PHONE = { viewport: { width: 360, height: 740 }, isMobile: true,
    deviceScaleFactor: 2 };
const DESKTOP = { viewport: { width: 1280, height: 860 } };

let browser;
let dir;
let keys;
let order;
let codes;
const user = `buyer-${randomUUID()}`;


async function api(who, method, where, body) {
    const response = await fetch(`${BASE}/api/v1${where}`, {
        method, body: body && JSON.stringify(body),
        headers: { "x-user-id": who, "Idempotency-Key": randomUUID(),
            "Content-Type": "application/json" },
    });
    const text = await response.text();

    assert.ok(response.ok, `${method} ${where}: ${response.status} ${text}`);

    return JSON.parse(text);
}


async function buy(who, seatIds) {
    const { holdId } = await api(who, "POST", "/holds",
        { showId: SHOW, seatIds });
    const { orderId } = await api(who, "POST", "/orders", { holdId,
        paymentMethod: "CARD",
        customer: { name: "Ada", email: "ada@example.org" } });

    return api(who, "POST", `/orders/${orderId}/confirm-payment`,
        { paymentId: `mock-ok-${randomUUID()}` });
}


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();
    dir = mkdtempSync(path.join(os.tmpdir(), "bo-ticket-"));

    /* what a scanner takes along */
    keys = path.join(dir, "keys.json");
    writeFileSync(keys, await (await fetch(`${BASE}/api/v1/ticket-keys`))
        .text());

    order = await buy(user, ["K6", "K7", "K8", "K9"]);
    codes = (await api(user, "GET", `/orders/${order.orderId}/tickets`))
        .tickets.map(({ code }) => code);
});

after(async () => {
    await browser?.close();
    rmSync(dir, { recursive: true, force: true });
});


/* A page of this user, which must not say an error in the console. */
async function open(t, where, options, who = user) {
    const context = await browser.newContext({ locale: "en-GB",
        timezoneId: "America/New_York", ...options });
    const page = await context.newPage();
    const errors = [];

    page.setDefaultTimeout(20000);
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
        if (message.type() === "error"
            && !message.text().startsWith("Failed to load resource"))
        {
            errors.push(message.text());
        }
    });

    await page.addInitScript((id) => {
        localStorage.setItem("boxoffice.user", JSON.stringify(id));
    }, who);
    await page.goto(`${BASE}/${where}`);

    t.after(async () => {
        await context.close();
        assert.deepEqual(errors, [], "errors in the browser's console");
    });

    return page;
}


async function tickets(t, options) {
    const page = await open(t, `ticket.html?order=${order.orderId}`, options);

    await page.locator(".pass img").nth(3).waitFor();
    await page.evaluate(() => Promise.all([...document.images]
        .map((each) => each.decode())));

    return page;
}


async function shot(page, name) {
    const file = path.join(process.env.ARTIFACTS || dir, `${name}.png`);

    await page.screenshot({ path: file, fullPage: true });

    return file;
}


function readCodes(file) {
    return execFileSync("zbarimg", ["--quiet", "--nodbus", "--raw", file],
        { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] })
        .split("\n").filter(Boolean).sort();
}


function verify(...args) {
    const { status, stdout } = spawnSync(VERIFY, [keys, ...args],
        { encoding: "utf8", env: { PATH: process.env.PATH } });

    return { status, says: stdout.split("\n").filter(Boolean)
        .map((line) => JSON.parse(line)) };
}


async function axe(page, name) {
    await page.evaluate(AXE);

    const found = await page.evaluate(async () => (
        (await window.axe.run(document, { resultTypes: ["violations"] }))
            .violations.flatMap((each) => each.nodes.map((node) => (
                `${each.id}: ${node.html.slice(0, 160)}`)))));

    assert.deepEqual(found, [], `axe on ${name}`);
}


for (const [name, options, media] of [
    ["phone", PHONE],
    ["phone-dark", { ...PHONE, colorScheme: "dark" }],
    ["desktop", DESKTOP],
    ["print", DESKTOP, "print"],
]) {
    test(`the codes are read from a screenshot: ${name}`, async (t) => {
        const page = await tickets(t, options);

        if (media) {
            await page.emulateMedia({ media });
            assert.equal(await page.locator(".site").isVisible(), false);
        }

        const file = await shot(page, `tickets-${name}`);

        assert.deepEqual(readCodes(file), [...codes].sort());

        const { status, says } = verify(file);

        assert.equal(status, 0, JSON.stringify(says));
        assert.deepEqual(says.map(({ seatId }) => seatId).sort(),
            ["K6", "K7", "K8", "K9"]);
        assert.ok(says.every((each) => each.orderId === order.orderId
            && each.showId === SHOW
            && each.ticketCode === order.ticketCode));

        const wide = await page.evaluate(
            () => document.documentElement.scrollWidth);

        assert.ok(wide <= options.viewport.width, `${wide} px wide`);
    });
}


test("an altered code does not verify, as text and as a picture", async (t) => {
    const code = codes[0];
    const altered = code.slice(0, 60) + (code[60] === "A" ? "B" : "A")
        + code.slice(61);
    const page = await tickets(t, DESKTOP);

    assert.deepEqual(verify(code).says.map(({ good }) => good), [true]);
    assert.deepEqual(verify(altered).says,
        [{ good: false, reason: "bad_signature" }]);

    /* the picture, with a stripe of it painted over: damaged, or unreadable,
       but never another ticket */
    const box = await page.locator(".pass img").first().boundingBox();

    for (const share of [0.05, 0.15, 0.4]) {
        await page.evaluate(([{ x, y, width, height }, part]) => {
            const stripe = document.createElement("div");

            stripe.className = "stripe";
            Object.assign(stripe.style, { position: "absolute",
                left: `${x}px`, top: `${y + window.scrollY + height * 0.5}px`,
                width: `${width}px`, height: `${height * part}px`,
                background: "#000" });
            document.body.append(stripe);
        }, [box, share]);

        const file = await shot(page, `tickets-striped-${share}`);
        const read = readCodes(file);

        assert.ok(read.every((each) => codes.includes(each)),
            "what is read is right");
        assert.equal(read.length, share === 0.4 ? 3 : read.length);
        await page.evaluate(() => document.querySelector(".stripe").remove());
    }
});


test("what is printed on a ticket, in the theatre's time", async (t) => {
    const page = await tickets(t, DESKTOP);
    const show = await api(user, "GET", `/shows/${SHOW}`);
    const first = page.locator(".pass").first();
    const text = await first.innerText();

    /* Bengaluru, on a machine in New York */
    const time = new Intl.DateTimeFormat("en-GB", { hour: "numeric",
        minute: "2-digit", timeZone: show.timezone })
        .format(new Date(show.startsAt));

    assert.equal(show.timezone, "Asia/Kolkata");
    assert.equal(time, "18:30");

    for (const part of [show.movieTitle, "K6", show.theatreName,
        show.screenName, time, order.ticketCode, "₹1,000", "1 OF 4"]) {
        assert.ok(text.toUpperCase().includes(part.toUpperCase()),
            `${part} in ${text}`);
    }

    assert.equal(await first.getByRole("img").getAttribute("alt"),
        "QR code of seat K6, to be scanned at the door");
    await axe(page, "the tickets");
});


test("one is led there from the order and from the list", async (t) => {
    const page = await open(t, `index.html#/orders/${order.orderId}`, PHONE);

    await page.getByRole("link", { name: "Tickets for the door" }).click();
    await page.locator(".pass img").nth(3).waitFor();
    await page.getByRole("link", { name: "My orders" }).click();
    await page.getByRole("link", { name: /^Tickets of/ }).click();
    await page.locator(".pass img").nth(3).waitFor();
    await page.getByRole("link", { name: "The order" }).click();
    await page.getByRole("heading", { name: "Enjoy the show" }).waitFor();
});


test("nobody sees another's tickets, in the same browser neither",
    async (t) => {
        const page = await tickets(t, DESKTOP);

        /* another user logs in where the pictures are in the cache */
        await page.evaluate(() => {
            localStorage.setItem("boxoffice.user",
                JSON.stringify("somebody-else"));
        });

        const stranger = await page.context().newPage();

        await stranger.addInitScript(() => {
            localStorage.setItem("boxoffice.user",
                JSON.stringify("somebody-else"));
        });
        await stranger.goto(`${BASE}/ticket.html?order=${order.orderId}`);
        await stranger.locator("#problem").waitFor();
        assert.equal(await stranger.locator("img").count(), 0);

        const answer = await stranger.evaluate(async (id) => {
            const response = await fetch(`/api/v1/orders/${id}/tickets/K6.svg`,
                { headers: { "x-user-id": "somebody-else" } });

            return response.status;
        }, order.orderId);

        assert.equal(answer, 404);
    });


test("without tickets it says why", async (t) => {
    const { holdId } = await api(user, "POST", "/holds",
        { showId: SHOW, seatIds: ["L6", "L7"] });
    const { orderId } = await api(user, "POST", "/orders", { holdId,
        paymentMethod: "CARD",
        customer: { name: "Ada", email: "ada@example.org" } });
    const page = await open(t, `ticket.html?order=${orderId}`, PHONE);

    await page.getByText("This order is not paid, or has ended").first()
        .waitFor();
    await axe(page, "no tickets");
    await page.getByRole("link", { name: "The order" }).click();
    await page.getByRole("heading", { name: "Waiting for payment" })
        .waitFor();

    await page.goto(`${BASE}/ticket.html`);
    await page.locator("#problem").waitFor();
});

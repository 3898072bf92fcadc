/*
 * The live seat map in two browsers: what one does, the other sees at once,
 * by server-sent events and by WebSocket, from another node, and after what
 * happens to servers.
 *
 *   BASE_URL, BASE_URL_2   two nodes of one service, with sample shows
 *   CONTROL_URL            to have things done to them: see with-server.pl
 *
 * Each page notes when a seat of it changes; both run on one clock.
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";

const NODES = [process.env.BASE_URL, process.env.BASE_URL_2];
const SHOW = "00000000-0000-4000-8000-000000000001";
const SEEN_MS = 200;

let browser;


before(async () => {
    browser = await launch();
});

after(() => browser?.close());


async function ask(what) {
    const response = await fetch(`${process.env.CONTROL_URL}/${what}`);

    assert.equal(response.status, 204);
}


async function api(node, user, method, where, body) {
    const headers = { "x-user-id": user };

    if (method !== "GET") {
        headers["Idempotency-Key"] = randomUUID();
        headers["Content-Type"] = "application/json";
    }

    for (let i = 0; ; i++) {
        const response = await fetch(`${NODES[node]}/api/v1${where}`, {
            method, headers, body: body && JSON.stringify(body),
        });

        if (response.status !== 503 || i === 10) {
            const text = await response.text();

            return { status: response.status,
                body: text ? JSON.parse(text) : null };
        }

        await new Promise((resolve) => setTimeout(resolve, 500));
    }
}


/*
 * Somebody who looks at the show.  way: "events" or "websocket".  Notes the
 * time of each change of a seat's class.
 */
async function watcher(t, node, way) {
    const context = await browser.newContext({
        viewport: { width: 1280, height: 860 } });
    const page = await context.newPage();

    t.after(() => context.close());

    await page.addInitScript((push) => {
        localStorage.setItem("boxoffice.push", JSON.stringify(push));
    }, way);

    await page.goto(`${NODES[node]}/#/shows/${SHOW}`);
    await page.locator(".seat").first().waitFor();

    await page.evaluate(() => {
        window.seen = [];

        new MutationObserver((all) => {
            for (const { target } of all) {
                if (target.seat) {
                    window.seen.push({ at: Date.now(),
                        id: target.seat.seatId,
                        status: target.seat.status });
                }
            }
        }).observe(document.querySelector("main"), { subtree: true,
            attributes: true, attributeFilter: ["class"] });
    });

    return page;
}


/* How long after "since" the page showed the seat so; ms. */
async function seen(page, id, status, since, ms = 5000) {
    const at = await page.waitForFunction((want) => (
        window.seen.find((each) => each.id === want.id
            && each.status === want.status && each.at >= want.since)?.at),
    { id, status, since }, { timeout: ms, polling: 5 });

    return await at.jsonValue() - since;
}


function median(list) {
    return [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
}


/* One holds and releases, fifty times: how long the other one waits. */
async function rounds(page, n, seats, node) {
    const held = [];
    const released = [];
    const user = `buyer-${randomUUID()}`;

    for (let i = 0; i < n; i++) {
        const id = seats[i % seats.length];
        let since = Date.now();
        const hold = await api(node, user, "POST", "/holds",
            { showId: SHOW, seatIds: [id] });

        assert.equal(hold.status, 201, JSON.stringify(hold.body));
        held.push(await seen(page, id, "HELD", since));

        since = Date.now();
        await api(node, user, "DELETE", `/holds/${hold.body.holdId}`);
        released.push(await seen(page, id, "AVAILABLE", since));
    }

    return { held: median(held), released: median(released) };
}


const SEATS = { events: ["B1", "B20"], websocket: ["C1", "C20"] };


for (const way of ["events", "websocket"]) {
    test(`another page sees it within ${SEEN_MS} ms, by ${way}`, async (t) => {
        const page = await watcher(t, 0, way);

        /* the same node, then the other one */
        for (const node of [0, 1]) {
            const { held, released } = await rounds(page, 50, SEATS[way],
                node);

            t.diagnostic(`node ${node + 1}: held ${held} ms, released `
                + `${released} ms (median of 50)`);
            assert.ok(held <= SEEN_MS, `held: ${held} ms`);
            assert.ok(released <= SEEN_MS, `released: ${released} ms`);
        }

        /* one buys by the page itself, as people do */
        const other = await browser.newContext({
            viewport: { width: 1280, height: 860 } });

        t.after(() => other.close());

        const buyer = await other.newPage();

        await buyer.goto(`${NODES[1]}/#/shows/${SHOW}`);
        await buyer.getByLabel("How many together").selectOption("2");
        await buyer.getByRole("button", { name: "Best available" }).click();
        await buyer.locator(".chip").first().waitFor();

        const ids = await buyer.locator(".chip b").allTextContents();

        assert.equal(ids.length, 2);
        assert.ok(await page.evaluate((id) => (
            window.seen.some((each) => each.id === id
                && each.status === "HELD")), ids[0]), "seen by the other");

        await buyer.getByRole("button", { name: "Checkout" }).click();
        await buyer.getByLabel("Name").fill("Ada Example");
        await buyer.getByLabel("Email").fill("ada@example.org");
        await buyer.getByLabel("Phone").fill("+44 20 7946 0000");

        const since = Date.now();

        await buyer.getByRole("button", { name: /^Go on to pay/ }).click();
        await buyer.getByRole("button", { name: /^Pay/ }).click();
        await buyer.getByRole("heading", { name: "Enjoy the show" })
            .waitFor();

        const paid = Date.now() - since;
        const sold = await seen(page, ids[0], "BOOKED", since);

        t.diagnostic(`sold ${sold} ms, of ${paid} ms for paying`);
        assert.ok(sold - paid <= SEEN_MS, `sold: ${sold} ms`);
    });


    test(`after a reload and a restart of Redis, by ${way}`, async (t) => {
        const page = await watcher(t, 0, way);

        await ask("reload");
        await new Promise((resolve) => setTimeout(resolve, 500));

        const first = await rounds(page, 5, SEATS[way], 1);

        t.diagnostic(`after a reload: held ${first.held} ms`);

        await ask("redis");
        await page.waitForFunction(() => (
            document.querySelector(".notice").hidden));

        const { held, released } = await rounds(page, 20, SEATS[way], 1);

        t.diagnostic(`after a restart of Redis: held ${held} ms, released `
            + `${released} ms`);
        assert.ok(held <= SEEN_MS, `held: ${held} ms`);
        assert.ok(released <= SEEN_MS, `released: ${released} ms`);
    });
}


test("a hold that runs out is seen at that moment", async (t) => {
    await ask("short");

    const pages = [await watcher(t, 0, "events"),
        await watcher(t, 0, "websocket")];
    const late = [];

    for (let i = 0; i < 5; i++) {
        const { status, body } = await api(1, `gone-${randomUUID()}`, "POST",
            "/holds", { showId: SHOW, seatIds: ["E1"] });

        assert.equal(status, 201, JSON.stringify(body));

        const end = Date.parse(body.expiresAt);

        for (const page of pages) {
            late.push(await seen(page, "E1", "AVAILABLE", end));
        }
    }

    t.diagnostic(`${late} ms after its end`);
    assert.ok(median(late) <= SEEN_MS, `${late}`);
});


test("what the rule refuses is said", async (t) => {
    const page = await watcher(t, 0, "events");

    await page.locator(".seat[aria-label^='Row D seat 2,']").click();
    await page.getByRole("button", { name: /^Hold 1 seat/ }).click();

    /* seen by those who look, not only said to those who listen */
    await page.getByLabel("Your seats").getByText("would be left alone")
        .waitFor();
});

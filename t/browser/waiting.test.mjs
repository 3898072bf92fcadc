/*
 * The waiting page and the operator's cockpit in Chromium.
 *
 *   BASE_URL    a node whose holds are behind the waiting room "premiere",
 *               which is off at first, and "/gated" behind "door"
 */

import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";

import { launch } from "./chromium.mjs";
import { api } from "./site.mjs";

const BASE = process.env.BASE_URL;
const ROOM = `${BASE}/api/v1/waiting-rooms/premiere`;
const PAGE = `${BASE}/waiting.html?room=premiere&to=%2Findex.html%23%2Forders`;

let browser;


before(async () => {
    browser = await launch();
});

after(() => browser?.close());


async function change(what) {
    const response = await fetch(ROOM, {
        method: "PUT", body: JSON.stringify(what),
        headers: { "x-user-id": "root", "x-user-role": "ADMIN",
            "Content-Type": "application/json" },
    });

    assert.equal(response.status, 202);

    for (let i = 0; i < 50; i++) {
        const now = await (await fetch(ROOM)).json();

        if (now.ready && (!what.phase || now.phase === what.phase)
            && (!what.newSale || now.waiting === 0))
        {
            return;
        }

        await new Promise((done) => setTimeout(done, 100));
    }

    assert.fail("the room does not take it");
}


async function join(user) {
    const response = await fetch(`${ROOM}/join`,
        { method: "POST", headers: { "x-user-id": user } });

    assert.equal(response.status, 200);
    return response.json();
}


async function open(url, options = {}) {
    const context = await browser.newContext(options);
    const page = await context.newPage();
    const problems = [];

    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(url);

    return { context, page, problems };
}


async function text(page, selector, pattern) {
    const now = () => page.evaluate((s) =>
        document.querySelector(s)?.textContent ?? "", selector);

    for (let i = 0; i < 100; i++) {
        if (pattern.test(await now())) {
            return;
        }

        await page.waitForTimeout(100);
    }

    assert.fail(`${selector} is "${await now()}", not ${pattern}`);
}


beforeEach(() => change({ phase: "PAUSED", rate: 5, message: "",
    newSale: true }));


test("a place, kept over a refresh, and through", async () => {
    for (const user of ["a", "b", "c"]) {
        await join(user);
    }

    const { context, page, problems } = await open(PAGE);

    await text(page, "#position", /^4$/);
    await text(page, "#wait", /let in for the moment/);

    const cookies = await context.cookies();
    const ticket = cookies.find((c) =>
        c.name === "boxoffice_ticket_premiere");

    assert.ok(ticket?.httpOnly, "the ticket is a cookie of the server");

    await page.reload();
    await text(page, "#position", /^4$/);

    /* another tab of the same person is the same place */
    const tab = await context.newPage();
    await tab.goto(PAGE);
    await text(tab, "#position", /^4$/);
    await tab.close();

    await change({ phase: "OPEN", message: "Have your card ready" });
    await page.waitForURL(/index\.html#\/orders$/, { timeout: 15000 });
    assert.deepEqual(problems, []);
    await context.close();
});


test("those ahead go, and the page tells without being asked", async () => {
    const others = [];

    for (let i = 0; i < 5; i++) {
        others.push(await join(`gone${i}`));
    }

    const { context, page } = await open(PAGE);

    await text(page, "#position", /^6$/);

    for (let i = 0; i < 3; i++) {
        const response = await fetch(`${ROOM}/place`, {
            method: "DELETE", headers: { "x-user-id": `gone${i}`,
                "x-boxoffice-ticket": others[i].ticket },
        });

        assert.equal(response.status, 204);
    }

    await text(page, "#position", /^3$/);
    await context.close();
});


test("the network goes and comes", async () => {
    const { context, page } = await open(PAGE);

    await text(page, "#position", /^1$/);
    await context.setOffline(true);
    await text(page, "#network", /No connection/);
    await context.setOffline(false);
    await page.waitForSelector("#network", { state: "hidden",
        timeout: 15000 });
    await text(page, "#position", /^1$/);
    await context.close();
});


test("the lobby, leaving and joining again", async () => {
    await change({ phase: "LOBBY" });

    const { context, page } = await open(PAGE);

    await text(page, "h1", /in the lobby/);
    await page.click("#leave");
    await text(page, "h1", /left the line/);
    await page.click("#again");
    await text(page, "h1", /in the lobby/);
    await change({ phase: "OPEN" });
    await page.waitForURL(/index\.html#\/orders$/, { timeout: 20000 });
    await context.close();
});


test("the seat page sends its people to the room", async () => {
    await change({ phase: "OPEN" });

    const { context, page } = await open(`${BASE}/index.html#/shows/`
        + "00000000-0000-4000-8000-000000000001");

    /* what the page does when it holds seats, without choosing any */
    await page.evaluate(async () => {
        const { write } = await import("./api.js");

        await write("POST", "/holds", {
            showId: "00000000-0000-4000-8000-000000000001",
            seatIds: ["A1"],
        }).catch(() => {});
    });
    await page.waitForURL(/waiting\.html\?room=premiere/, { timeout: 5000 });
    await page.waitForURL(/index\.html#\/shows/, { timeout: 15000 });

    const status = await page.evaluate(async () => {
        const { write } = await import("./api.js");
        const hold = await write("POST", "/holds", {
            showId: "00000000-0000-4000-8000-000000000001",
            seatIds: ["A1"],
        });

        return hold.status;
    });

    assert.equal(status, "HELD");
    await context.close();
});


test("a browser without a name, before another's server", async () => {
    const { context, page } = await open(`${BASE}/gated`);

    await page.waitForURL(/\/gated$/, { timeout: 15000 });
    assert.match(await page.content(), /svg/);

    const second = await open(`${BASE}/gated`);

    assert.match(second.page.url(),
        /waiting\.html\?room=door&as=visitor&to=%2Fgated/);
    await second.context.close();
    await context.close();
});


test("a room that is switched off lets everybody through", async () => {
    const { context, page } = await open(PAGE);

    await text(page, "#position", /^1$/);
    await change({ phase: "OFF" });
    await page.waitForURL(/index\.html#\/orders$/, { timeout: 15000 });
    await context.close();
});


test("a turn that was used leads nowhere again", async () => {
    await change({ phase: "OPEN", rate: 100, newSale: true });

    const { context, page, problems } = await open(`${BASE}/`);
    const { user, pass } = await page.evaluate(async (room) => {
        const headers = { "x-user-id": JSON.parse(
            localStorage.getItem("boxoffice.user")) };

        for (;;) {
            const answer = await (await fetch(`${room}/join`,
                { method: "POST", headers })).json();

            if (answer.pass) {
                return { user: headers["x-user-id"], pass: answer.pass };
            }

            await new Promise((done) => setTimeout(done, 100));
        }
    }, ROOM);

    const as = { "x-user-id": user, "x-boxoffice-pass": pass };
    const { items } = await api(as, "GET", "/shows?limit=100");
    const { showId } = items.find(({ seats }) => seats >= 100);
    const held = await api(as, "POST", "/holds", { showId,
        bestAvailable: { count: 2 } });
    const order = await api(as, "POST", "/orders", { holdId: held.holdId,
        paymentMethod: "CARD",
        customer: { name: "Ada", email: "ada@example.org" } });

    await page.goto(PAGE);
    await text(page, "h1", /^You have had your turn$/);
    assert.match(page.url(), /waiting\.html/);

    await api(as, "POST", `/orders/${order.orderId}/cancel`, {});
    await page.getByRole("button", { name: "Join again" }).click();
    await page.waitForURL(/index\.html#\/orders$/, { timeout: 15000 });
    assert.deepEqual(problems, []);
    await context.close();
});


test("nowhere but on this site", async () => {
    for (const to of ["//evil.example/", "https://evil.example/", "/\\evil",
        "/\t/evil.example/", "/\n/evil.example/", "http://["])
    {
        await change({ phase: "OPEN", newSale: true });

        const { context, page } = await open(`${BASE}/waiting.html`
            + `?room=premiere&to=${encodeURIComponent(to)}`);

        await page.waitForURL(`${BASE}/`, { timeout: 15000 });
        await context.close();
    }
});


test("the cockpit", async () => {
    for (let i = 0; i < 7; i++) {
        await join(`crowd${i}`);
    }

    const { context, page, problems } = await open(
        `${BASE}/cockpit.html?room=premiere`);

    await text(page, "#figure-phase", /PAUSED/);
    await text(page, "#figure-waiting", /^7$/);
    await page.fill("#control-rate", "50");
    await page.selectOption("#control-phase", "OPEN");
    await page.click("button[type=submit]");
    await text(page, "#figure-rate", /^50\/s$/);
    await text(page, "#figure-admitted", /^[1-7]$/);
    await text(page, "#figure-waiting", /^0$/);
    assert.deepEqual(problems, []);

    await page.screenshot({ path: `${process.env.ARTIFACTS || "/tmp"}`
        + "/cockpit.png", fullPage: true });
    await context.close();
});


for (const [name, url] of [["waiting", PAGE],
    ["cockpit", `${BASE}/cockpit.html?room=premiere`]])
{
    test(`${name}: a phone, both colour schemes`, async () => {
        for (const colorScheme of ["light", "dark"]) {
            const { context, page } = await open(url, { colorScheme,
                viewport: { width: 360, height: 740 } });

            await page.waitForSelector("h1");

            const wide = await page.evaluate(() =>
                document.documentElement.scrollWidth > innerWidth);

            assert.equal(wide, false, "nothing is cut off");

            await page.screenshot({ path: `${process.env.ARTIFACTS || "/tmp"}`
                + `/${name}-${colorScheme}.png`, fullPage: true });
            await context.close();
        }
    });
}

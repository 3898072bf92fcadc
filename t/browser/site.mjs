/* What the tests of the site's pages have in common. */

import assert from "node:assert/strict";
import { mkdirSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { randomUUID } from "node:crypto";

export const BASE = process.env.BASE_URL?.replace(/\/$/, "");
export const DESKTOP = { viewport: { width: 1280, height: 860 } };
export const PHONE = { viewport: { width: 360, height: 740 },
    isMobile: true, hasTouch: true };

/* what a page may take on a busy machine */
export const LIMIT_MS = 30000;

const ARTIFACTS = process.env.ARTIFACTS;
const AXE = readFileSync(
    createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");


/* The API without the page; a busy server is asked again when it says. */
export async function api(headers, method, where, body) {
    const all = { ...headers };

    if (method !== "GET") {
        all["Idempotency-Key"] ??= randomUUID();
    }

    if (body !== undefined) {
        all["Content-Type"] = "application/json";
    }

    let response;

    for (let i = 0; i < 5; i++) {
        response = await fetch(`${BASE}/api/v1${where}`, { method,
            headers: all, body: body && JSON.stringify(body) });

        if (response.status !== 503) {
            break;
        }

        await new Promise((resolve) => setTimeout(resolve,
            1000 * Number(response.headers.get("Retry-After") || 1)));
    }

    const text = await response.text();

    assert.ok(response.ok, `${method} ${where}: ${response.status} ${text}`);

    return text ? JSON.parse(text) : null;
}


export function admin(method, where, body, headers = {}) {
    return api({ "x-user-id": "root", "x-user-role": "ADMIN", ...headers },
        method, where, body);
}


/*
 * A page of a new visitor.  The test fails on anything that the console called
 * an error; answers of 4xx and 5xx are logged there by the browser itself, and
 * are not the page's mistake.
 */
export async function visitor(t, browser, where, options = {}) {
    const context = await browser.newContext({ locale: "en-GB", ...DESKTOP,
        ...options });
    const page = await context.newPage();
    const errors = [];

    page.setDefaultTimeout(LIMIT_MS);
    page.on("pageerror", (error) => errors.push(String(error)));
    page.on("console", (message) => {
        if (message.type() === "error"
            && !(message.text().startsWith("Failed to load resource")
                && message.location().url.includes("/api/")))
        {
            errors.push(`${message.text()} ${message.location().url}`);
        }
    });

    t.after(async () => {
        await page.unrouteAll({ behavior: "ignoreErrors" });
        await context.close();
        assert.deepEqual(errors, [], "errors in the browser's console");
    });

    await page.goto(`${BASE}/${where}`);
    await page.locator("h1").waitFor();

    return page;
}


/*
 * Requests to pattern wait until they are let go.  Resolves to an object: sent
 * has their bodies, go() lets the last one go.
 */
export async function holdBack(page, pattern) {
    const held = { sent: [] };

    await page.route(pattern, async (route) => {
        await new Promise((resolve) => {
            held.go = resolve;
            held.sent.push(route.request().postDataJSON());
        });
        await route.continue();
    });

    return held;
}


export async function until(what, check, ms = LIMIT_MS) {
    const end = Date.now() + ms;

    while (!await check()) {
        assert.ok(Date.now() < end, `not within ${ms} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, 100));
    }
}


async function axe(page, name) {
    /* colours on their way from one to another are not judged */
    await page.evaluate(() => Promise.all(document.getAnimations()
        .filter((each) => each.effect.getComputedTiming().endTime < 5000)
        .map((each) => each.finished.catch(() => {}))));

    if (!await page.evaluate(() => "axe" in window)) {
        await page.evaluate(AXE);
    }

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


/* A view is accessible, fits into the window, and has its picture taken. */
export async function look(page, name) {
    await axe(page, name);

    /* not innerWidth: a phone makes room for what is too wide */
    const { width } = page.viewportSize();
    const wide = await page.evaluate(
        () => document.documentElement.scrollWidth);

    assert.ok(wide <= width, `${name} is ${wide} px wide in ${width} px`);

    await picture(page, name);
}


export async function picture(page, name) {
    if (ARTIFACTS) {
        mkdirSync(ARTIFACTS, { recursive: true });
        await page.screenshot({ fullPage: true, path: path.join(ARTIFACTS,
            `${name}-${page.viewportSize().width}.png`) });
    }
}


/* Tab until the focus is on what the selector names. */
export async function tabTo(page, selector, max = 80) {
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


/* The focus is on the heading with this text. */
export function atHeading(page, text) {
    return until(`the focus is on the heading "${text}"`,
        () => page.evaluate((want) => document.activeElement.matches("h1")
            && document.activeElement.textContent === want, text));
}

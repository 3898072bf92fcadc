/*
 * Halls for administrators: drawn as text and seen meanwhile, every mistake by
 * its line, seats made broken by hand, screens that get a layout.
 *
 *   BASE_URL   the address of the server, with sample data loaded
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { admin, atHeading, BASE, DESKTOP, holdBack, look, PHONE, tabTo, until,
    visitor } from "./site.mjs";

/* a page says that its scripts are modules; Debian's Node would not guess it */
const drawing = await readFile(new URL("../../html/drawing.js",
    import.meta.url), "utf8");
const { drawingOf, hallOf } = await import(
    `data:text/javascript,${encodeURIComponent(drawing)}`);

const GALAXY = "00000000-0000-4000-8000-000000000101";

let browser;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();
});

after(() => browser?.close());


function open(t, where, options) {
    return visitor(t, browser, `admin.html#/${where}`, options);
}


function focused(page, what, selector) {
    return until(what, () => page.evaluate(
        (s) => document.activeElement.matches(s), selector));
}


for (const [name, options] of [["phone", PHONE], ["desktop", DESKTOP]]) {
    const press = (locator) => (
        options.hasTouch ? locator.tap() : locator.click());

    test(`a hall is drawn, and a screen gets it: ${name}`, async (t) => {
        const title = `Hall ${randomUUID()}`;
        const page = await open(t, "layouts", options);

        await page.getByRole("link", { name: "cinema-300" }).waitFor();
        await look(page, "admin-layouts");
        await press(page.getByRole("link", { name: "New layout" }));
        await atHeading(page, "New layout");
        await page.getByText("64 seats: Silver 32, Gold 32; 4 for").waitFor();

        /* what is wrong stands by its line, and leads there */
        await page.getByLabel("Drawing").fill(
            "A SILVER 4o_4o\n\nB SILVER 4q\nA GOLD 1o\n");
        await page.getByText("2 mistakes", { exact: true }).waitFor();
        assert.deepEqual(await page.locator(".mistakes li")
            .allTextContents(), [
            "line 3 places are made of o, a, x, h and _, and numbers of 1 "
                + "to 9999 before them",
            "line 4 label A1 is there already, in line 1"]);
        await look(page, "admin-draw-mistakes");
        await press(page.getByRole("button", { name: "line 3" }));
        assert.equal(await page.evaluate(() => {
            const { activeElement: a } = document;

            return a.value.slice(a.selectionStart, a.selectionEnd);
        }), "B SILVER 4q");

        /* it cannot be kept like that, either */
        await page.getByLabel("Name").fill(title);
        await press(page.getByRole("button", { name: "Make the layout" }));
        await focused(page, "the first mistake has the focus", ".to-line");

        await page.getByLabel("Drawing").fill(
            "A SILVER 4o_4o\n\nB GOLD ao2x_h3o\n");
        await page.getByText("16 seats: Silver 8, Gold 8; 1 for wheelchairs, "
            + "2 broken, 1 of the house").waitFor();
        await until("it is drawn", async () => (
            await page.locator(".kinds .seat.broken[role]").count() === 2));
        await look(page, "admin-draw");
        await press(page.getByRole("button", { name: "Make the layout" }));
        await atHeading(page, title);
        await page.getByText("Version 1, of").waitFor();
        await look(page, "admin-layout");

        const id = new URL(page.url()).hash.split("/").at(-1);
        const made = await admin("GET", `/admin/layouts/${id}`);

        assert.deepEqual([made.seats, made.broken, made.house],
            [13, ["B3", "B4"], ["B5"]]);

        /* a theatre's new screen has it */
        await page.goto(`${BASE}/admin.html#/theatres/${GALAXY}`);
        await press(page.getByRole("link", { name: "New screen" }));
        await atHeading(page, "New screen");
        await page.getByLabel("Name").fill(title);
        await page.getByLabel("Layout").selectOption(id);
        await press(page.getByRole("button", { name: "Make the screen" }));
        await atHeading(page, title);
        await page.getByText("Galaxy Cinema · Version 1, of").waitFor();
        await look(page, "admin-screen");

        const { items } = await admin("GET",
            `/admin/screens?theatreId=${GALAXY}`);
        const screen = items.find((each) => each.name === title);

        assert.equal(screen.layoutId, id);

        await press(page.getByRole("button", { name: "Remove this screen" }));
        await press(page.getByRole("button", { name: "Remove it" }));
        await page.locator(".toast", { hasText: "is removed." }).waitFor();
    });
}


test("seats are broken and mended by keyboard alone", async (t) => {
    const { layoutId } = await admin("POST", "/admin/layouts",
        { name: `Keys ${randomUUID()}`, drawing: "A SILVER 6o\nB GOLD 6o" });
    const page = await open(t, `layouts/${layoutId}`);
    const keys = async (...names) => {
        for (const key of names) {
            await page.keyboard.press(key);
        }
    };
    const seat = () => page.evaluate(() => document.activeElement
        .getAttribute("aria-label"));

    await tabTo(page, "[name=brush]");
    await tabTo(page, ".seat");
    assert.equal(await seat(), "Row A seat 1, Silver");
    await keys("ArrowRight", "Space");
    assert.equal(await seat(), "Row A seat 2, Silver, broken, changed");
    await keys("ArrowRight", "Space", "Space");
    assert.equal(await seat(), "Row A seat 3, Silver");

    /* another brush */
    await page.keyboard.press("Shift+Tab");
    await focused(page, "the brush", "[name=brush]");
    await keys("ArrowDown");
    await tabTo(page, ".seat");
    await keys("ArrowDown", "Space");
    assert.equal(await seat(), "Row B seat 3, Gold, kept by the house, "
        + "changed");
    await page.getByText("Broken: A2 · House: B3").waitFor();
    await look(page, "admin-layout-changed");
    await tabTo(page, ".kind-bar .primary");
    await keys("Enter");
    await page.locator(".toast", { hasText: "2 seats changed." }).waitFor();
    await focused(page, "the focus is in the hall again", ".seat");

    const { broken, house, version } = await admin("GET",
        `/admin/layouts/${layoutId}`);

    assert.deepEqual([broken, house], [["A2"], ["B3"]]);
    await page.getByText(`Version ${version}, of`).waitFor();

    /* somebody else was faster */
    await admin("PUT", `/admin/layouts/${layoutId}`, { name: randomUUID() },
        { "If-Match": `"${version}"` });
    await keys("Space");
    await tabTo(page, ".kind-bar .primary");
    await keys("Enter");
    await page.getByRole("heading",
        { name: "Somebody else has changed this meanwhile" }).waitFor();
});


test("what is painted while seats are saved is not lost", async (t) => {
    const { layoutId } = await admin("POST", "/admin/layouts",
        { name: `Late ${randomUUID()}`, drawing: "A SILVER 6o" });
    const page = await open(t, `layouts/${layoutId}`);
    const seat = (n) => page.locator(`[aria-label^="Row A seat ${n},"]`);
    const held = await holdBack(page, "**/seats");

    await seat(2).click();
    await page.getByRole("button", { name: "Save the seats" }).click();

    await until("it is sent", () => held.sent.length > 0);
    await seat(3).click();
    held.go();
    await page.locator(".toast", { hasText: "1 seat changed." }).waitFor();
    assert.equal(await seat(3).getAttribute("aria-label"),
        "Row A seat 3, Silver");
    assert.deepEqual((await admin("GET", `/admin/layouts/${layoutId}`))
        .broken, ["A2"]);
});


test("a hall that shows have stays; its copy is drawn anew", async (t) => {
    const { items } = await admin("GET", "/admin/layouts?limit=100");
    const { layoutId } = items.find(({ name }) => name === "cinema-120");
    const page = await open(t, `layouts/${layoutId}`);

    await page.getByText(/\d+ shows have this layout, so its/).waitFor();
    assert.equal(await page.locator("[name=brush]").count(), 0);
    await look(page, "admin-layout-used");
    await page.getByRole("button", { name: "Copy it" }).click();
    await page.getByRole("link", { name: "Draw it anew" }).click();
    await page.getByRole("button", { name: "Save" }).waitFor();
    await page.getByText("120 seats: ").waitFor();

    /* the drawing is the one it was made of, but for comments */
    const text = await page.getByLabel("Drawing").inputValue();

    assert.match(text, /^A {2}SILVER {2}2a__6o__2a\nB {2}SILVER {2}_2o_6o_2o/);
    await page.getByLabel("Drawing").fill(`${text}Z GOLD 4o\n`);
    await page.getByText("124 seats: ").waitFor();
    await page.getByLabel("Name").fill(`Larger ${randomUUID()}`);
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".toast", { hasText: "Saved: version " }).waitFor();
    await page.getByRole("heading", { name: /^Larger/ }).waitFor();
});


test("every hall of the sample is its drawing",
    async (t) => {
        const { items } = await admin("GET", "/admin/layouts?limit=100");
        let drawn = 0;

        const small = items.filter(({ seats }) => seats <= 10000);

        for (const { layoutId, name } of small) {
            const { rows } = await admin("GET",
                `/admin/layouts/${layoutId}/seats`);
            const drawing = drawingOf(rows);

            assert.ok(drawing, `${name} has a drawing`);
            assert.deepEqual(await preview(drawing), plain(hallOf(rows)),
                name);
            drawn++;
        }

        assert.ok(drawn >= 4, `${drawn} halls`);

        const big = items.find(({ seats }) => seats > 10000);
        const page = await open(t, `layouts/${big.layoutId}`, PHONE);

        await page.getByText("too large to be drawn here").waitFor();
        await look(page, "admin-stadium");
    });


/* A hall without what its order of categories is. */
function plain({ seats, categories, rows }) {
    return { seats, rows: rows.map((row) => ({ ...row,
        seats: row.seats.map(([label, number, x, category, kind]) => (
            [label, number, x, categories[category].name,
                kind || "NORMAL"])) })) };
}


async function preview(drawing) {
    return plain(await admin("POST", "/admin/layouts/preview", { drawing }));
}

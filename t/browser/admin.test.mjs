/*
 * The administrator's way through: lists, forms, versions, the audit; on a
 * phone and on a desktop, by touch, by mouse and by keyboard.
 *
 *   BASE_URL   the address of the server, with sample data loaded
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { admin, api, atHeading, BASE, DESKTOP, look, PHONE, tabTo, until,
    visitor } from "./site.mjs";

let browser;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();
});

after(() => browser?.close());


function open(t, where, options) {
    return visitor(t, browser, `admin.html#/${where}`, options);
}


function movie(title, more = {}) {
    return admin("POST", "/admin/movies", { title, language: "Hindi",
        genres: ["Drama"], durationMinutes: 90, ...more });
}


for (const [name, options] of [["phone", PHONE], ["desktop", DESKTOP]]) {
    const press = (locator) => (
        options.hasTouch ? locator.tap() : locator.click());

    test(`a movie is made, changed and removed: ${name}`, async (t) => {
        const title = `<b>Late Rain</b> ${randomUUID()}`;
        const page = await open(t, "movies", options);

        await atFirst(page, "Movies");
        await page.getByRole("link", { name: "The Last Lighthouse" })
            .waitFor();
        await look(page, "admin-movies");
        await press(page.getByRole("link", { name: "New movie" }));
        await atHeading(page, "New movie");

        /* what is wrong is said where it is wrong, and nothing is sent */
        await page.getByLabel("Minutes").fill("0");
        await page.getByLabel("What else is known").fill("[1]");
        await press(page.getByRole("button", { name: "Make the movie" }));
        await until("the first wrong field has the focus",
            () => page.evaluate(
                () => document.activeElement.id === "field-title"));
        assert.deepEqual(await page.locator(".field-error:visible")
            .allTextContents(), ["This is needed.",
            "Please enter a whole number from 1 to 1440.",
            "Please enter a JSON object, in { and }."]);
        await look(page, "admin-mistakes");

        await page.getByLabel("Title").fill(title);
        await page.getByLabel("Minutes").fill("141");
        await page.getByLabel("Genres").fill("Drama,  Rain ,");
        await page.getByLabel("Released on").fill("2026-02-28");
        await page.getByLabel("Rating, 0 to 10").fill("8.4");
        await page.getByLabel("What else is known")
            .fill('{"tags": ["<i>wet</i>"]}');
        await press(page.getByRole("button", { name: "Make the movie" }));
        await page.getByText("Version 1, of").waitFor();
        await look(page, "admin-movie");

        const id = new URL(page.url()).hash.split("/").at(-1);
        const made = await admin("GET", `/admin/movies/${id}`);

        assert.equal(made.title, title);
        assert.deepEqual(made.genres, ["Drama", "Rain"]);
        assert.equal(made.durationMinutes, 141);
        assert.equal(made.rating, 8.4);
        assert.equal(made.releaseDate, "2026-02-28");
        assert.deepEqual(made.metadata, { tags: ["<i>wet</i>"] });
        assert.equal(made.language, null);

        /* an empty field takes away what was there */
        await page.getByLabel("Rating, 0 to 10").fill("");
        await page.getByLabel("Language").fill("Hindi");
        await press(page.getByRole("button", { name: "Save" }));
        await page.getByText("Version 2, of").waitFor();
        assert.equal((await admin("GET", `/admin/movies/${id}`)).rating,
            null);

        /* customers see it */
        assert.equal((await api({}, "GET", `/movies/${id}`)).language,
            "Hindi");

        await press(page.getByRole("link", { name: "Who changed it" }));
        await atHeading(page, "Who changed what");
        await press(page.locator("summary", { hasText: "What changed (2)" }));
        await page.locator("details[open] del", { hasText: "8.4" }).waitFor();
        await look(page, "admin-audit");
        await page.goBack();
        await atHeading(page, title);

        await press(page.getByRole("button", { name: "Remove this movie" }));
        await page.getByRole("dialog").waitFor();
        await look(page, "admin-remove");
        await press(page.getByRole("button", { name: "Keep it" }));
        await press(page.getByRole("button", { name: "Remove this movie" }));
        await press(page.getByRole("button", { name: "Remove it" }));
        await atHeading(page, "Movies");
        await page.locator(".rows a").first().waitFor();
        assert.equal(await page.getByRole("link", { name: title }).count(),
            0);
        assert.equal(await page.locator("main b, main i").count(), 0);
    });
}


test("the page opens on the movies, with a mistyped address, too",
    async (t) => {
        for (const where of ["admin.html", "admin.html#/moveis"]) {
            const page = await visitor(t, browser, where);

            await atFirst(page, "Movies");
            assert.equal(await page.locator("form").count(), 0);
            assert.equal(await page.locator("[aria-current]").textContent(),
                "Movies");
        }
    });


test("a phone has the menu in one row, messages below it, a choice below its"
    + " label", async (t) => {
    const page = await open(t, "theatres", PHONE);
    const tops = await page.locator("header.site nav a").evaluateAll(
        (links) => links.map((link) => link.getBoundingClientRect().top));

    await atFirst(page, "Theatres");
    assert.equal(new Set(tops).size, 1);
    assert.ok(await page.evaluate(() => (
        document.querySelector("header.site").getBoundingClientRect().bottom
        <= document.getElementById("toasts").getBoundingClientRect().top)));

    await page.goto(`${BASE}/admin.html#/screens/`
        + "00000000-0000-4000-8000-000000000201");

    const field = page.locator(".field:has(select)").first();

    await field.waitFor();
    assert.ok(await field.evaluate((el) => (
        el.querySelector("label").getBoundingClientRect().bottom
        <= el.querySelector("select").getBoundingClientRect().top)));
});


test("what the audit is about has its name, and a link", async (t) => {
    const title = `<i>Named</i> ${randomUUID()}`;
    const { movieId } = await movie(title);
    const page = await open(t, `audit?objectId=${movieId}`);

    await page.getByRole("link", { name: title }).click();
    await atHeading(page, title);
    assert.equal(new URL(page.url()).hash, `#/movies/${movieId}`);
});


function atFirst(page, text) {
    return page.getByRole("heading", { name: text, exact: true }).waitFor();
}


/* Somebody reads, another one saves, and then the first one saves. */
async function conflict(t, options = {}) {
    const { movieId } = await movie(`Race ${randomUUID()}`);
    const page = await open(t, `movies/${movieId}`, options);

    await page.getByText("Version 1, of").waitFor();

    const { version, createdAt, updatedAt, movieId: id, ...mine }
        = await admin("GET", `/admin/movies/${movieId}`);
    const body = Object.fromEntries(Object.entries(mine)
        .filter(([, value]) => value !== null));

    assert.equal(version, 1);
    assert.ok(createdAt && updatedAt && id);
    await admin("PUT", `/admin/movies/${movieId}`,
        { ...body, language: "Tamil", format: "IMAX" },
        { "If-Match": "\"1\"" });

    await page.getByLabel("Language").fill("Bengali");
    await page.getByLabel("Age rating").fill("UA");
    await page.getByRole("button", { name: "Save" }).click();
    await page.getByRole("heading",
        { name: "Somebody else has changed this meanwhile" }).waitFor();
    await until("it has the focus", () => page.evaluate(
        () => document.activeElement.matches(".notice.error")));
    assert.match(await page.locator(".notice.error").innerText(),
        /Hindi → Tamil[^]*nothing → IMAX/);
    await look(page, "admin-conflict");

    return { page, read: () => admin("GET", `/admin/movies/${movieId}`) };
}


test("who was slower sees what was changed, and keeps what was typed",
    async (t) => {
        const { page, read } = await conflict(t, PHONE);

        assert.equal((await read()).version, 2);
        await page.getByRole("button", { name: "Keep what I typed" }).tap();
        await page.getByText("Version 2, of").waitFor();
        assert.equal(await page.getByLabel("Language").inputValue(),
            "Bengali");
        assert.equal(await page.getByLabel("Format").inputValue(), "IMAX");
        await page.getByRole("button", { name: "Save" }).tap();
        await page.getByText("Version 3, of").waitFor();

        const now = await read();

        assert.deepEqual([now.language, now.format, now.ageRating],
            ["Bengali", "IMAX", "UA"]);
    });


test("who was slower takes what the other one made of it", async (t) => {
    const { page, read } = await conflict(t);

    await page.getByRole("button", { name: "Take theirs" }).click();
    await page.getByText("Version 2, of").waitFor();
    assert.equal(await page.getByLabel("Language").inputValue(), "Tamil");
    assert.equal(await page.getByLabel("Age rating").inputValue(), "");
    await page.getByRole("button", { name: "Save" }).click();
    await page.locator(".toast", { hasText: "Nothing was changed." })
        .waitFor();
    assert.equal((await read()).version, 2);
});


test("a theatre is made by keyboard alone; a name is taken once",
    async (t) => {
        const page = await open(t, "theatres");
        const name = `Rialto ${randomUUID()}`;
        const type = async (field, text) => {
            await tabTo(page, `#field-${field}`);
            await page.keyboard.type(text);
        };

        await page.locator(".rows a").first().waitFor();
        await tabTo(page, "a[href=\"#/theatres/new\"]");
        await page.keyboard.press("Enter");
        await atHeading(page, "New theatre");
        await type("name", "Galaxy Cinema");
        await type("timezone", "Europe/Paris");
        await type("latitude", "48.87");
        await type("longitude", "2.33");
        await page.keyboard.press("Enter");
        await page.locator("#field-name-error",
            { hasText: "one of this name already" }).waitFor();
        await look(page, "admin-theatre-taken");

        /* the focus is on what is wrong */
        await until("the name has the focus", () => page.evaluate(
            () => document.activeElement.id === "field-name"));
        await page.keyboard.press("Control+A");
        await page.keyboard.type(name);
        await page.keyboard.press("Enter");
        await page.getByText("Version 1, of").waitFor();

        /* the server's own opinion of a field */
        await tabTo(page, "#field-timezone");
        await page.keyboard.press("Control+A");
        await page.keyboard.type("Mars/Olympus");
        await page.keyboard.press("Enter");
        await page.locator("#field-timezone-error:visible").waitFor();
        assert.equal(await page.evaluate(() => document.activeElement.id),
            "field-timezone");
        await look(page, "admin-theatre");
    });


test("what is in use stays, and the page says for what", async (t) => {
    const page = await open(t,
        "movies/00000000-0000-4000-8000-000000000301");

    await page.getByRole("button", { name: "Remove this movie" }).click();
    await page.getByRole("button", { name: "Remove it" }).click();
    await page.locator(".notice.error", { hasText: "still in use" })
        .waitFor();
    assert.match(await page.locator(".notice.error").textContent(),
        /\d+ shows?\.$/);
});

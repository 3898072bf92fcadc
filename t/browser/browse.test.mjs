/*
 * From the movies to a ticket and back, as a customer goes, on a phone and on
 * a desktop, by touch, by mouse and by keyboard.
 *
 *   BASE_URL   the address of the server, with sample shows loaded
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 */

import assert from "node:assert/strict";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { admin, api, atHeading, BASE, DESKTOP, look, PHONE, tabTo, until,
    visitor } from "./site.mjs";

const FILM = "The Last Lighthouse";
const FILM_ID = "00000000-0000-4000-8000-000000000301";
const SHOW = "00000000-0000-4000-8000-000000000001";
const EVIL = "<img src=x onerror=\"document.title='owned'\">";

const ODD = "<img src=x onerror=alert(1)>";

let browser;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();

    /* markup wherever the server lets text be */
    await admin("POST", "/admin/movies", { title: EVIL,
        about: `${EVIL}\n<script>document.title = 'owned'</script>`,
        language: "<b>", format: "<i>", genres: ["<u>Odd</u>", ODD],
        ageRating: "<s>18</s>", thumbnailUrl: "javascript:alert(1)",
        releaseDate: "2026-01-02", durationMinutes: 61,
        metadata: { [EVIL]: EVIL, cast: [{ name: EVIL, role: EVIL }, 7, null,
            [[EVIL]]], poster: "https://example.org/x.png", empty: {} } });
});

after(() => browser?.close());


/* Two free seats at the wall of a row. */
async function freeSeats() {
    const { seats } = await api({}, "GET", `/shows/${SHOW}/seatmap`);
    const rows = seats.reduce((all, seat) => all.set(seat.row,
        [...all.get(seat.row) ?? [], seat]), new Map());

    for (const row of rows.values()) {
        if (row.every((seat) => seat.status === "AVAILABLE")) {
            return row.sort((a, b) => a.x - b.x).slice(0, 2);
        }
    }

    throw new Error("no row is free");
}


function cell(page, seat) {
    return page.locator(`.seat[aria-label*="Row ${seat.row} seat `
        + `${seat.number},"]`);
}


for (const [name, options] of [["phone", PHONE], ["desktop", DESKTOP]]) {
    const press = (locator) => (
        options.hasTouch ? locator.tap() : locator.click());

    test(`from the movies to a ticket, and back: ${name}`, async (t) => {
        const page = await visitor(t, browser, "", options);

        await page.getByRole("heading", { name: "What is on" }).waitFor();
        await page.locator(".movie", { hasText: "City Final" }).waitFor();
        await look(page, "movies");

        await press(page.locator(".movie", { hasText: FILM }));
        await atHeading(page, FILM);
        await page.getByText("A keeper, a storm").waitFor();
        await page.getByText("Ines Marlow (The keeper)").waitFor();
        await look(page, "movie");

        /* the next day that has shows, and back by the browser's button */
        const days = page.getByRole("navigation", { name: "Days" })
            .getByRole("link");

        assert.equal(await days.count(), 2);
        await press(days.nth(1));
        await until("the other day is the one", async () => (
            await days.nth(1).getAttribute("aria-current") === "date"));
        await page.locator(".show-time", { hasText: "Screen 3" }).waitFor();
        await page.goBack();
        await page.locator(".show-time", { hasText: "Screen 1" }).waitFor();
        assert.match(await page.locator(".show-time").innerText(),
            /^18:30\s+Screen 1\s+from ₹150$/);

        await press(page.locator(".show-time"));
        await page.getByRole("grid").waitFor();
        await atHeading(page, FILM);

        const seats = await freeSeats();

        for (const seat of seats) {
            await press(cell(page, seat));
        }

        await press(page.getByRole("button", { name: "Hold 2 seats" }));
        await atHeading(page, "Checkout");
        await page.getByLabel("Name").fill("Ada Example");
        await page.getByLabel("Email").fill("ada@example.org");
        await press(page.getByRole("button", { name: /^Go on to pay/ }));
        await atHeading(page, "Waiting for payment");
        await press(page.getByRole("button", { name: /^Pay/ }));
        await atHeading(page, "Enjoy the show");
        await look(page, "ticket");

        await press(page.getByRole("navigation", { name: "Site" })
            .getByRole("link", { name: "My orders" }));
        await page.getByRole("link", { name: /^Tickets of / }).waitFor();
        await look(page, "orders");
        await press(page.getByRole("button", { name: /^Cancel / }));
        await press(page.getByRole("dialog").getByRole("button",
            { name: "Cancel the booking" }));
        await page.locator(".order .badge", { hasText: "Cancelled" })
            .waitFor();

        const { seats: now } = await api({}, "GET",
            `/shows/${SHOW}/seatmap`);

        assert.ok(seats.every(({ seatId }) => now.find((seat) => (
            seat.seatId === seatId)).status === "AVAILABLE"));
    });


    test(`what is said is text, whatever it says: ${name}`, async (t) => {
        const page = await visitor(t, browser, "", options);
        const link = page.locator(".movie", { hasText: EVIL });

        await link.waitFor();
        await press(link);
        await atHeading(page, EVIL);
        await page.getByText("<script>document.title").waitFor();
        await look(page, "markup");
        assert.equal(await page.title(), `${EVIL} · Boxoffice`);
        assert.equal(await page.locator("main img, main script, main b, "
            + "main i, main u, main s").count(), 0);
        assert.equal(await page.getByText("There are no shows").count(), 1);

        await page.goto(`${BASE}/#/?genre=${encodeURIComponent(ODD)}`);
        await page.locator(".movie").waitFor();
        assert.equal(await page.locator(".movie").count(), 1);
        assert.equal(await page.getByLabel("Genre").inputValue(), ODD);
        assert.equal(await page.locator("main img").count(), 0);
    });
}


test("from the movies to the seats by keyboard alone", async (t) => {
    const page = await visitor(t, browser, "");

    await page.locator(".movie").first().waitFor();
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(
        () => document.activeElement.className), "skip");
    await page.keyboard.press("Enter");
    await until("the content has the focus", () => page.evaluate(
        () => document.activeElement.id === "main"));

    await tabTo(page, "#filter-genre");
    await page.keyboard.type("drama");
    await page.keyboard.press("Enter");
    await until("one movie is left", async () => (
        await page.locator(".movie").count() === 1));
    assert.equal(new URL(page.url()).hash, "#/?genre=drama");

    /* the form stays where it was, and so does who types */
    assert.equal(await page.evaluate(
        () => document.activeElement.id), "filter-genre");
    await until("the number is announced", async () => (
        await page.locator("#polite").textContent() === "1 movie."));

    await tabTo(page, ".movie");
    await page.keyboard.press("Enter");
    await atHeading(page, FILM);
    await tabTo(page, ".day-links a:not([aria-current])");
    await page.keyboard.press("Enter");
    await page.locator(".show-time", { hasText: "Screen 3" }).waitFor();

    /* on the day that was chosen, also when the list was drawn anew */
    assert.equal(await page.evaluate(
        () => document.activeElement.getAttribute("aria-current")), "date");
    await tabTo(page, ".show-time");
    await page.keyboard.press("Enter");
    await page.getByRole("grid").waitFor();
    await atHeading(page, FILM);
    await page.keyboard.press("Shift+Tab");
    assert.equal(await page.evaluate(
        () => document.activeElement.textContent), "Other shows of it");
    await page.keyboard.press("Enter");
    await atHeading(page, FILM);
    assert.match(new URL(page.url()).hash, /\?date=\d{4}-\d\d-\d\d$/);
});


test("filters: what fits none, and all again", async (t) => {
    const page = await visitor(t, browser, "#/?language=hindi");

    await page.locator(".movie").waitFor();
    assert.match(await page.locator(".movie").innerText(), /Monsoon Express/);
    assert.equal(await page.getByLabel("Language").inputValue(), "hindi");
    await page.getByLabel("Day").fill("2001-01-01");
    await page.getByRole("button", { name: "Apply" }).click();
    await page.getByText("There is no such movie.").waitFor();
    await look(page, "no-movie");
    await page.getByRole("link", { name: "Show all" }).click();
    await page.locator(".movie", { hasText: "City Final" }).waitFor();
    assert.equal(await page.getByLabel("Language").inputValue(), "");
    assert.equal(await page.getByLabel("Day").inputValue(), "");
});


test("a search finds what was typed wrong, and says what it may become",
    async (t) => {
        const page = await visitor(t, browser, "", PHONE);

        await page.locator(".movie").first().waitFor();
        await page.getByLabel("Search").pressSequentially("mons");
        await page.locator("#suggested option[value=\"Monsoon Express\"]")
            .waitFor({ state: "attached" });
        await page.getByLabel("Search").fill("lihgthouse");
        await page.getByRole("button", { name: "Find" }).tap();
        await until("one movie is left", async () => (
            await page.locator(".movie").count() === 1));
        assert.match(await page.locator(".movie").innerText(),
            /The Last Lighthouse/);
        assert.equal(new URL(page.url()).hash, "#/?q=lihgthouse");
        await look(page, "search");
        await page.goto(`${BASE}/#/?q=galaxy`);
        await page.getByRole("link", { name: "Galaxy Cinema" }).tap();
        await atHeading(page, "Galaxy Cinema");
    });


test("a theatre: its days, its shows by movie, and the way back",
    async (t) => {
        const page = await visitor(t, browser, `#/movies/${FILM_ID}`, PHONE);

        await page.getByRole("link", { name: "Galaxy Cinema" }).tap();
        await atHeading(page, "Galaxy Cinema");
        await page.getByText("3 screens, 8").waitFor();
        await page.locator(".show-time").first().waitFor();
        await look(page, "theatre");

        /* another day by keyboard: the focus stays on it */
        const days = page.locator(".day-links a");
        const second = await days.nth(1).getAttribute("href");

        await days.nth(1).focus();
        await page.keyboard.press("Enter");
        await until("the second day is shown and has the focus",
            () => page.evaluate((href) => {
                const { activeElement: a } = document;

                return a.getAttribute("href") === href
                    && a.getAttribute("aria-current") === "date";
            }, second));

        /* all of the theatre's, as the API tells them */
        const { theatreId, date } = /theatres\/(?<theatreId>[^?]+)\?date=(?<date>.*)/
            .exec(second).groups;
        const { movies } = await api({}, "GET",
            `/theatres/${theatreId}/shows?date=${date}`);

        await until("the shows of that day", async () => (
            (await page.locator(".show-time").evaluateAll((all) => (
                all.map((a) => a.getAttribute("href"))))).join()
                === movies.flatMap(({ shows }) => shows.map(({ showId }) => (
                    `#/shows/${showId}`))).join()));
        await page.locator(".show-time").first().tap();
        await page.getByRole("grid").waitFor();
        await page.getByRole("link", { name: "Other shows at Galaxy Cinema" })
            .tap();
        await atHeading(page, "Galaxy Cinema");
        assert.equal(new URL(page.url()).hash, second);
    });


test("the nearest theatre first, where the visitor says so", async (t) => {
    const page = await visitor(t, browser, `#/movies/${FILM_ID}`, {
        permissions: ["geolocation"],
        geolocation: { latitude: 12.97, longitude: 77.59 } });
    const button = page.getByRole("button", { name: "Nearest first" });

    await page.locator(".theatre").waitFor();
    assert.doesNotMatch(await page.locator(".theatre").innerText(), /away/);
    await button.click();
    await page.locator(".theatre", { hasText: "1.8 km away" }).waitFor();
    assert.equal(await button.getAttribute("aria-pressed"), "true");
    await look(page, "nearest");
    await button.click();
    await until("it is by name again", async () => (
        !/away/.test(await page.locator(".theatre").innerText())));
    assert.equal(await button.getAttribute("aria-pressed"), "false");
});


test("where the visitor is may stay untold", async (t) => {
    const page = await visitor(t, browser, `#/movies/${FILM_ID}`,
        { permissions: [] });

    await page.getByRole("button", { name: "Nearest first" }).click();
    await page.locator(".toast.error").waitFor();
    await page.locator(".show-time").waitFor();
});


test("long lists come page by page, and the focus goes on", async (t) => {
    const items = (from) => Array.from({ length: 24 }, (_, i) => ({
        movieId: `00000000-0000-4000-8000-00000000${1000 + from + i}`,
        title: `Movie ${from + i}`, rating: null,
        thumbnailUrl: ["/favicon.svg", "https://pictures.example/1.svg",
            "http://pictures.example/2.svg", "data:image/png;base64,",
            "blob:3", "https://"][i] ?? null,
        durationMinutes: null, ageRating: null, releaseDate: null,
        language: null, format: null, genres: [] }));
    let fail = true;

    const page = await visitor(t, browser, "#/orders");

    await page.route("**/pictures.example/*", (route) => route.fulfill({
        contentType: "image/svg+xml",
        body: "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 2 3'/>",
    }));

    await page.route("**/api/v1/movies*", (route) => {
        const cursor = new URL(route.request().url()).searchParams
            .get("cursor");

        if (cursor && fail) {
            fail = false;
            return route.fulfill({ status: 503, body: "" });
        }

        return route.fulfill({ json: cursor
            ? { items: items(24), nextCursor: null }
            : { items: items(0), nextCursor: "next" } });
    });
    await page.getByRole("link", { name: "Movies" }).click();
    await page.getByText("Movie 23", { exact: true }).waitFor();

    const more = page.getByRole("button", { name: "More movies" });

    await more.click();
    await page.locator(".toast.error").waitFor();
    await more.click();
    await page.getByText("Movie 47", { exact: true }).waitFor();
    assert.equal(await more.isVisible(), false);
    await until("the focus is on the first new one", () => page.evaluate(
        () => document.activeElement.querySelector("strong")?.textContent
            === "Movie 24"));
    await look(page, "many-movies");

    /* pictures of our own host and by https; for the rest a letter is there */
    const pictures = ["/favicon.svg", "https://pictures.example/1.svg"];

    assert.deepEqual(await page.locator(".poster img").evaluateAll(
        (all) => all.map((img) => img.getAttribute("src"))),
    [...pictures, ...pictures]);
});


test("the list of all shows goes on where it was, once a press", async (t) => {
    const page = await visitor(t, browser, "");
    let fail = false;

    await page.route(/\/api\/v1\/shows(\?|$)/, async (route) => {
        if (fail) {
            fail = false;
            await route.fulfill({ status: 503, body: "" });
            return;
        }

        const url = new URL(route.request().url());

        url.searchParams.set("limit", "2");
        await route.continue({ url: url.href });
    });
    await page.goto(`${BASE}/#/shows`);

    const shows = page.locator(".show");
    const more = page.getByRole("button", { name: "More shows" });

    await until("two", async () => await shows.count() === 2);
    await more.dblclick();
    await until("two more", async () => await shows.count() === 4);
    fail = true;
    await more.click();
    await page.locator(".toast.error").waitFor();
    await more.click();
    await until("the next", async () => await shows.count() > 4);

    const links = await shows.evaluateAll(
        (all) => all.map((each) => each.getAttribute("href")));
    const days = await page.locator(".days h2").allTextContents();

    assert.equal(new Set(links).size, links.length, "none twice");
    assert.equal(new Set(days).size, days.length, "a part for each day");
});


test("a movie that is not, and a list that does not come", async (t) => {
    const page = await visitor(t, browser, `#/movies/${SHOW}`);

    await page.getByRole("heading", { name: "Not here" }).waitFor();
    await look(page, "no-such-movie");
    await page.route("**/api/v1/movies?*", (route) => route.abort());
    await page.getByRole("link", { name: "All movies" }).click();
    await page.locator(".notice.error", { hasText: "no connection" })
        .waitFor();
    await page.unrouteAll({ behavior: "wait" });
    await page.getByRole("button", { name: "Apply" }).click();
    await page.locator(".movie").first().waitFor();
});

/*
 * Registering, signing in and out, the account, a lost password; a session goes
 * on when its access token has ended, and its end is told.
 *
 *   BASE_URL   the address of the server, with accounts
 *   ARTIFACTS  a directory for screenshots; none are taken when not set
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { freeSeats, halls, hold } from "./seats.mjs";
import { admin, api, atHeading, BASE, DESKTOP, look, PHONE, tabTo, until,
    visitor } from "./site.mjs";

const PASSWORD = "a horse and its staple";

let browser;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();
});

after(() => browser?.close());


/* Somebody who has an account. */
async function somebody() {
    const email = `${randomUUID()}@example.org`;

    await api({}, "POST", "/auth/register",
        { email, name: "Ada", password: PASSWORD });

    return email;
}


async function signIn(page, email, password = PASSWORD) {
    await page.getByLabel("Email").fill(email);
    await page.getByLabel("Password").fill(password);
    await page.getByRole("button", { name: "Sign in" }).click();
}


async function cookies(page) {
    return (await page.context().cookies()).map(({ name }) => name).sort();
}


test("registering by keyboard, on a phone; the profile; signing out",
    async (t) => {
        const page = await visitor(t, browser, "", PHONE);
        const email = `${randomUUID()}@example.org`;
        const type = async (field, text) => {
            await tabTo(page, `#register-${field}`);
            await page.keyboard.type(text);
        };

        await page.getByRole("link", { name: "Account" }).tap();
        await atHeading(page, "Sign in");
        await look(page, "sign-in");
        await page.getByRole("link", { name: "Register" }).tap();
        await atHeading(page, "Register");
        await type("name", "<b>Ada</b>");
        await type("email", email);
        await type("password", "short");
        await page.keyboard.press("Enter");
        await page.locator("#register-password-error",
            { hasText: "8 characters or more" }).waitFor();
        assert.equal(await page.evaluate(() => document.activeElement.id),
            "register-password");
        await look(page, "register");
        await page.getByLabel("Password").fill(PASSWORD);
        await page.keyboard.press("Enter");
        await atHeading(page, "Account");
        await page.getByText(`Signed in as ${email}.`).waitFor();
        await look(page, "account");
        assert.equal((await cookies(page)).length, 2);

        /* nothing that a script could take away */
        assert.equal(await page.evaluate(() => document.cookie), "");
        assert.doesNotMatch(await page.evaluate(
            () => JSON.stringify({ ...localStorage, ...sessionStorage })),
        /eyJ/);

        await page.getByLabel("Phone").fill("+44 20 7946 0000");
        await page.getByRole("button", { name: "Save" }).tap();
        await page.locator(".toast", { hasText: "Saved." }).waitFor();
        await page.reload();
        await page.locator("h1").waitFor();
        assert.equal(await page.getByLabel("Phone").inputValue(),
            "+44 20 7946 0000");
        assert.equal(await page.getByLabel("Name").inputValue(),
            "<b>Ada</b>");

        await page.getByRole("button", { name: "Sign out", exact: true })
            .tap();
        await atHeading(page, "Sign in");
        assert.deepEqual(await cookies(page), []);

        /* the same address again */
        await page.getByRole("link", { name: "Register" }).tap();
        await page.getByLabel("Name").fill("Eve");
        await page.getByLabel("Email").fill(email);
        await page.getByLabel("Password").fill(PASSWORD);
        await page.getByRole("button", { name: "Register" }).tap();
        await page.locator("#register-email-error",
            { hasText: "already" }).waitFor();
    });


test("signing in, another password and email, and what belongs to whom",
    async (t) => {
        const email = await somebody();
        const page = await visitor(t, browser, "#/orders", DESKTOP);
        const sent = [];

        page.on("request", (request) => sent.push(request));
        await page.getByText("You have not booked anything yet.").waitFor();
        await page.getByRole("link", { name: "Account" }).click();
        await signIn(page, email, "not the password");
        await page.locator(".notice.error", { hasText: "do not fit" })
            .waitFor();
        await look(page, "sign-in-refused");
        sent.length = 0;
        await signIn(page, email);
        await atHeading(page, "Account");

        /* a session says who it is, no header does */
        assert.ok(sent.filter((each) => each.url().endsWith("/me"))
            .every((each) => !("x-user-id" in each.headers())));
        assert.ok(sent.some((each) => each.url().endsWith("/me")));

        await page.getByLabel("Old password").fill(PASSWORD);
        await page.getByLabel("New password").fill("another horse");
        await page.getByRole("button", { name: "Change the password" })
            .click();
        await page.locator(".toast", { hasText: "password is changed" })
            .waitFor();

        const next = `${randomUUID()}@example.org`;

        await page.getByLabel("New email").fill(next);
        await page.locator("#address-password").fill("wrong wrong");
        await page.getByRole("button", { name: "Change the email" }).click();
        await page.locator(".notice.error", { hasText: "do not fit" })
            .waitFor();
        await page.locator("#address-password").fill("another horse");
        await page.getByRole("button", { name: "Change the email" }).click();
        await page.getByText(`Signed in as ${next}.`).waitFor();
        await page.getByRole("button", { name: "Sign out everywhere" })
            .click();
        await atHeading(page, "Sign in");
    });


test("a lost password: by a code of the house, on a phone, by keyboard",
    async (t) => {
        const email = await somebody();
        const { userId } = await admin("POST", "/admin/people", { email });
        const page = await visitor(t, browser, "#/sign-in?to=%2F%23%2Forders",
            PHONE);
        const wrong = (field, text) => page.locator(
            `#lost-password-${field}-error`, { hasText: text }).waitFor();

        await page.getByRole("link", { name: "I lost my password" }).tap();
        await atHeading(page, "A lost password");
        await page.getByText("The house gives you a code").waitFor();
        await look(page, "lost-password");
        await page.getByRole("button", { name: "Take this password" }).tap();
        await wrong("code", "This is needed.");

        /* no code of anybody's */
        await page.getByLabel("Code").fill("7ZK4-0QH2-MX9B-3TDFA");
        await tabTo(page, "#lost-password-password");
        await page.keyboard.type("another horse");
        await page.keyboard.press("Enter");
        await wrong("code", "wrong, was used, or is over");
        assert.equal(await page.evaluate(() => document.activeElement.id),
            "lost-password-code");
        await look(page, "lost-password-refused");

        const { code } = await admin("POST",
            `/admin/people/${userId}/password-reset`);

        await page.getByLabel("Code").fill(code.toLowerCase());
        await page.getByLabel("New password").fill(email);
        await page.keyboard.press("Enter");
        await wrong("password", "your address");
        await page.getByLabel("New password").fill("another horse");
        await page.keyboard.press("Enter");
        await atHeading(page, "My orders");
        assert.equal((await cookies(page)).length, 2);
        assert.ok(!page.url().includes(code));

        await page.getByRole("link", { name: "Account" }).tap();
        await page.getByText(`Signed in as ${email}.`).waitFor();
        await page.getByRole("button", { name: "Sign out", exact: true })
            .tap();
        await atHeading(page, "Sign in");
        await signIn(page, email, "another horse");
        await atHeading(page, "Account");
    });


/* What a browser does with cookies that have run out. */
async function drop(page, which) {
    const all = await page.context().cookies();
    const gone = all.filter(which);

    assert.ok(gone.length > 0, "a cookie to drop");
    await page.context().clearCookies();
    await page.context().addCookies(all.filter(
        (each) => !gone.includes(each)));
}


function isAccess({ path }) {
    return !path.includes("auth");
}


test("one can sign out everywhere after a while, too", async (t) => {
    const email = await somebody();
    const page = await visitor(t, browser, "#/sign-in", DESKTOP);
    const other = await visitor(t, browser, "#/sign-in", DESKTOP);

    await signIn(page, email);
    await signIn(other, email);
    await atHeading(page, "Account");
    await atHeading(other, "Account");
    await drop(page, isAccess);
    await page.getByRole("button", { name: "Sign out everywhere" }).click();
    await atHeading(page, "Sign in");

    await drop(other, isAccess);
    await other.getByRole("link", { name: "My orders" }).click();
    await other.getByRole("heading", { name: "Not now" }).waitFor();
});


test("a session outlives its access token, and its end is told",
    async (t) => {
        const email = await somebody();
        const page = await visitor(t, browser, "#/sign-in?to=%2F%23%2Forders",
            DESKTOP);
        let refreshed = 0;

        await signIn(page, email);
        await atHeading(page, "My orders");

        page.on("request", (request) => {
            refreshed += request.url().endsWith("/auth/refresh");
        });
        await drop(page, isAccess);
        await page.getByRole("link", { name: "Account" }).click();
        await page.getByText(`Signed in as ${email}.`).waitFor();
        assert.equal(refreshed, 1);
        assert.equal((await cookies(page)).length, 2);

        await drop(page, () => true);
        await page.getByRole("link", { name: "My orders" }).click();
        await page.getByRole("heading", { name: "Not now" }).waitFor();
        await look(page, "session-over");
        await page.getByRole("link", { name: "Sign in" }).click();
        await signIn(page, email);
        await page.getByRole("heading", { name: "My orders" }).waitFor();
        assert.equal((await cookies(page)).length, 2);
    });


test("a checkout has the name and the email of who is signed in",
    async (t) => {
        const { hall } = await halls();
        const page = await visitor(t, browser, "#/sign-in");
        const email = await somebody();

        await signIn(page, email);
        await atHeading(page, "Account");
        await hold(page, hall, await freeSeats(hall, 1));
        assert.equal(await page.getByLabel("Name").inputValue(), "Ada");
        assert.equal(await page.getByLabel("Email").inputValue(), email);
        await page.getByRole("button", { name: "Release seats" }).click();
        await page.locator(".toast", { hasText: "released" }).waitFor();
    });


test("a customer is told at the door of the administration", async (t) => {
    const page = await visitor(t, browser, "#/sign-in");

    await signIn(page, await somebody());
    await atHeading(page, "Account");

    for (const where of ["layouts/new", "movies/new", "shows/new"]) {
        await page.goto(`${BASE}/admin.html#/${where}`);
        await page.getByText("You are not allowed to do this.").waitFor();
        assert.equal(await page.locator("form").count(), 0);
    }
});


test("one comes back to pages of this site only", async (t) => {
    const email = await somebody();

    for (const to of ["https://evil.example/", "//evil.example/",
        "javascript:document.title=1", "data:text/html,x"])
    {
        const page = await visitor(t, browser,
            `#/sign-in?to=${encodeURIComponent(to)}`);

        await signIn(page, email);
        await atHeading(page, "Account");
        assert.equal(new URL(page.url()).origin, BASE);
    }
});

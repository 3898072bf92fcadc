/*
 * What operators do beside the program: accounts, keys of services, money in
 * doubt, events that nobody took; on a phone and on a desktop, by touch, by
 * mouse and by keyboard.  What came of it is asked of the API, or outside.
 *
 *   BASE_URL, BASE_URL_2   two nodes of one service, with sample data
 *   CONTROL_URL            to have things done to them: see with-server.pl
 *   ARTIFACTS              a directory for screenshots; none are taken when
 *                          not set
 */

import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";

import { launch } from "./chromium.mjs";
import { admin, api, atHeading, BASE, DESKTOP, look, PHONE, tabTo, until,
    visitor } from "./site.mjs";

const PASSWORD = "a horse and its staple";
const SIZES = [["phone", PHONE], ["desktop", DESKTOP]];

let browser;


before(async () => {
    assert.ok(BASE, "BASE_URL is not set");
    browser = await launch();
    await control("outside");
});

after(() => browser?.close());


/* Resolves to what it says, or to null. */
async function control(what) {
    const response = await fetch(`${process.env.CONTROL_URL}/${what}`);

    assert.ok(response.ok, `control: ${what}`);

    const text = await response.text();

    return text ? JSON.parse(text) : null;
}


/* Only for a status: api() wants a success. */
async function status(method, where, headers, body) {
    const response = await fetch(`${BASE}/api/v1${where}`, { method,
        headers: { "Content-Type": "application/json", ...headers },
        body: body && JSON.stringify(body) });

    return response.status;
}


function open(t, where, options) {
    return visitor(t, browser, `admin.html#/${where}`, options);
}


function heading(page, text) {
    return page.getByRole("heading", { name: text, exact: true }).waitFor();
}


function role(page) {
    return page.getByRole("combobox", { name: "Role" });
}


/* Of a list, the one that has the text. */
function row(page, text) {
    return page.locator(".rows > li", { hasText: text });
}


function hasFocus(locator) {
    return until("it has the focus", () => locator.evaluate(
        (el) => el === document.activeElement));
}


function presser(options) {
    return (locator) => (options.hasTouch ? locator.tap() : locator.click());
}


/* --- people -------------------------------------------------------------- */


for (const [name, options] of SIZES) {
    test(`an account is found, given a role, a code, and erased: ${name}`,
        async (t) => {
            const press = presser(options);
            const email = `${randomUUID()}@example.org`;
            const called = `<b>Ada</b> ${email.slice(0, 8)}`;
            const { user, refreshToken } = await api({}, "POST",
                "/auth/register", { email, name: called, phone: "+44 1",
                    password: PASSWORD });
            const page = await open(t, "people", options);
            const urls = [];

            page.on("request", (request) => urls.push(request.url()));
            await heading(page, "People");
            await look(page, "people");

            await press(page.getByRole("button", { name: "Find" }));
            await page.getByText("This is needed.").waitFor();
            await page.getByLabel("Email").fill("nobody@example.org");
            await press(page.getByRole("button", { name: "Find" }));
            await page.locator("#find-email-error",
                { hasText: "Nobody has registered" }).waitFor();
            await hasFocus(page.getByLabel("Email"));
            await look(page, "people-nobody");

            await page.getByLabel("Email").fill(` ${email.toUpperCase()} `);
            await press(page.getByRole("button", { name: "Find" }));
            await atHeading(page, called);
            assert.equal(await role(page).inputValue(), "CUSTOMER");
            await page.getByText(email).waitFor();
            assert.equal(await page.locator("main b").count(), 0);
            await look(page, "person");

            /* the address can be kept: it has no mail in it */
            await page.reload();
            await page.getByText(email).waitFor();

            await role(page).selectOption("STAFF");
            await press(page.getByRole("button", { name: "Give this role" }));
            await page.locator(".toast", { hasText: "The role is staff now." })
                .waitFor();
            assert.equal((await admin("GET", `/admin/people/${user.userId}`))
                .role, "STAFF");
            assert.equal(await status("POST", "/auth/refresh", {},
                { refreshToken }), 401, "the session is over");

            await press(page.getByRole("link", { name: "Who changed it" }));
            await atHeading(page, "Who changed what");
            await press(page.getByRole("link", { name: /^person / }));
            await atHeading(page, called);

            /* a code for a lost password is good, and is seen once */
            await press(page.getByRole("button",
                { name: "Code for a lost password" }));
            await hasFocus(page.locator(".notice",
                { hasText: "will not be shown again" }));
            await look(page, "person-code");

            const code = await page.locator(".handover").textContent();

            await page.reload();
            await page.getByText(email).waitFor();
            assert.ok(!(await page.evaluate(() => document.body.innerHTML
                + JSON.stringify({ ...localStorage, ...sessionStorage })))
                .includes(code));
            await api({}, "POST", "/auth/reset", { code,
                password: "another horse" });

            await press(page.getByRole("button",
                { name: "Erase this account" }));
            await page.getByRole("dialog").getByText("cannot be undone")
                .waitFor();
            await look(page, "person-erase");
            await press(page.getByRole("button", { name: "Keep it" }));
            assert.equal((await admin("POST", "/admin/people", { email }))
                .name, called);
            await press(page.getByRole("button",
                { name: "Erase this account" }));
            await press(page.getByRole("button", { name: "Erase it" }));
            await atHeading(page, "People");

            assert.equal(await status("POST", "/admin/people",
                { "x-user-id": "root", "x-user-role": "ADMIN" }, { email }),
            404);
            assert.equal(await status("POST", "/auth/login", {},
                { email, password: "another horse" }), 401);
            assert.deepEqual(urls.filter((url) => url.includes("example.org")
                || url.includes("%40")), [], "an address in a URL");

            /* and what is left of it in the audit leads nowhere */
            await page.goto(`${BASE}/admin.html#/audit?objectId=`
                + user.userId);
            await page.getByText("· erase ·").waitFor();
            await page.goto(`${BASE}/admin.html#/people/${user.userId}`);
            await page.getByText("This does not exist").waitFor();
        });
}


test("whose account it is, is told; and a customer has none of these pages",
    async (t) => {
        const email = `${randomUUID()}@example.org`;
        const { user } = await api({}, "POST", "/auth/register",
            { email, name: "Root", password: PASSWORD });
        const page = await visitor(t, browser, "#/sign-in");
        const signIn = async () => {
            await page.getByLabel("Email").fill(email);
            await page.getByLabel("Password").fill(PASSWORD);
            await page.getByRole("button", { name: "Sign in" }).click();
        };

        await signIn();
        await atHeading(page, "Account");

        for (const where of ["people", "keys", "keys/new", "quarantine",
            "dead-letters"])
        {
            await page.goto(`${BASE}/admin.html#/${where}`);
            await page.getByText("You are not allowed to do this.").waitFor();
            assert.equal(await page.locator("form, .rows").count(), 0);
        }

        await admin("PATCH", `/admin/people/${user.userId}`,
            { role: "ADMIN" });
        await page.goto(`${BASE}/index.html#/account`);
        await page.getByRole("button", { name: "Sign out", exact: true })
            .click();
        await atHeading(page, "Sign in");
        await signIn();
        await page.getByRole("link", { name: "Administration" }).click();
        await page.getByRole("link", { name: "People" }).click();
        await page.getByLabel("Email").fill(email);
        await page.getByRole("button", { name: "Find" }).click();
        await page.getByText("This is your own account.").waitFor();
        await look(page, "person-own");
    });


/* --- keys ---------------------------------------------------------------- */


function ask(key) {
    return status("GET", "/admin/movies?limit=1", { "X-Api-Key": key });
}


test("by keyboard a key is made, copied, used and revoked", async (t) => {
    const called = `till ${randomUUID()}`;
    const page = await open(t, "keys");

    await page.context().grantPermissions(
        ["clipboard-read", "clipboard-write"], { origin: BASE });
    await heading(page, "API keys");
    await tabTo(page, "a[href=\"#/keys/new\"]");
    await page.keyboard.press("Enter");
    await atHeading(page, "New key");
    await look(page, "key-new");

    /* what is wrong is said where it is wrong */
    await tabTo(page, "button[type=submit]", 120);
    await page.keyboard.press("Enter");
    await hasFocus(page.locator("#key-name"));
    assert.deepEqual(await page.locator(".field-error:visible")
        .allTextContents(), ["This is needed.", "Please choose one or more."]);
    await look(page, "key-mistakes");

    await page.keyboard.type(called);
    await tabTo(page, "#key-role");
    await page.keyboard.type("Adm");
    await tabTo(page, "input[value='admin:read']");
    await page.keyboard.press("Space");
    assert.equal(await page.locator(".field-error:visible").count(), 0);
    await tabTo(page, "button[type=submit]");
    await page.keyboard.press("Enter");
    await atHeading(page, `The key of ${called}`);
    await page.locator(".notice", { hasText: "it will not be shown again" })
        .waitFor();
    await look(page, "key-made");

    const key = await page.getByLabel("Key", { exact: true }).inputValue();

    assert.match(key, /^bo_/);
    await tabTo(page, ".button.primary");
    await page.keyboard.press("Enter");
    await page.locator(".toast", { hasText: "The key is copied." }).waitFor();
    assert.equal(await page.evaluate(() => navigator.clipboard.readText()),
        key);
    assert.equal(await ask(key), 200);
    assert.equal(await status("POST", "/admin/movies", { "X-Api-Key": key,
        "Idempotency-Key": randomUUID() }, { title: "x" }), 403,
    "to read is not to write");

    /* it is nowhere any more, in no storage and on no page */
    await page.reload();
    await heading(page, "New key");
    assert.ok(!(await page.evaluate(() => document.body.innerHTML
        + JSON.stringify({ ...localStorage, ...sessionStorage })))
        .includes(key));

    await page.goto(`${BASE}/admin.html#/keys`);
    await row(page, called).waitFor();
    assert.match(await row(page, called).innerText(),
        /Administrator · has no end\s+admin:read/);
    await look(page, "keys");
    await tabTo(page, `[aria-label="Revoke: ${called}"]`);
    await page.keyboard.press("Enter");
    await page.getByRole("dialog").getByText("cannot be undone").waitFor();
    await look(page, "key-revoke");
    await tabTo(page, ".dialog .danger");
    await page.keyboard.press("Enter");
    await row(page, `${called} · Administrator · revoked`).waitFor();
    await hasFocus(row(page, called));
    await look(page, "keys-revoked");
    assert.equal(await ask(key), 401);

    const { items } = await admin("GET", "/admin/api-keys?limit=100");

    assert.ok(items.find((each) => each.name === called).revokedAt);
});


for (const [name, options] of SIZES) {
    test(`a key with an end, and more keys than a page has: ${name}`,
        async (t) => {
            const press = presser(options);
            const called = `<i>door</i> ${randomUUID()}`;
            const page = await open(t, "keys/new", options);
            const year = new Date().getUTCFullYear();

            await page.getByLabel("Name").fill(called);
            await role(page).selectOption("STAFF");
            await press(page.getByLabel("Check-ins at the door: read"));
            await press(page.getByLabel("Check-ins at the door: write"));
            await page.getByLabel("Ends").fill(`${year - 1}-01-31T12:00`);
            await press(page.getByRole("button", { name: "Make the key" }));
            await page.locator("#key-expiresAt-error",
                { hasText: "does not take" }).waitFor();
            await look(page, "key-past");
            await page.getByLabel("Ends").fill(`${year + 1}-01-31T12:00`);
            await press(page.getByRole("button", { name: "Make the key" }));
            await atHeading(page, `The key of ${called}`);
            assert.equal(await page.locator("main i").count(), 0);
            await look(page, "key-once");

            /* no clipboard, as on a page without https: it is selected */
            await page.evaluate(() => Object.defineProperty(navigator,
                "clipboard", { value: undefined }));
            await press(page.getByRole("button", { name: "Copy the key" }));
            await page.locator(".toast.error", { hasText: "by hand" })
                .waitFor();
            assert.equal(await page.evaluate(() => String(
                document.activeElement.value.slice(
                    document.activeElement.selectionStart,
                    document.activeElement.selectionEnd))),
            await page.getByLabel("Key", { exact: true }).inputValue());

            const { items: [made] } = await admin("GET",
                "/admin/api-keys?limit=1");

            assert.equal(made.name, called);
            assert.equal(made.role, "STAFF");
            assert.deepEqual(made.scopes, ["checkins:read", "checkins:write"]);
            assert.equal(new Date(made.expiresAt).getFullYear(), year + 1);

            await Promise.all(Array.from({ length: 50 }, () => admin("POST",
                "/admin/api-keys", { name: "many", role: "CUSTOMER",
                    scopes: ["shows:read"] })));
            await press(page.getByRole("link", { name: "All keys" }));
            await atHeading(page, "API keys");
            assert.equal(await page.locator(".rows > li").count(), 50);
            assert.equal(await row(page, called).count(), 0);
            await press(page.getByRole("button", { name: "More keys" }));
            await row(page, called).waitFor();
            assert.match(await row(page, called).innerText(),
                new RegExp(`Staff · ends 31 Jan ${year + 1}`));
            await look(page, "keys-many");
        });
}


/* --- quarantine ---------------------------------------------------------- */


async function caseOf({ paymentId }, of = "OPEN") {
    const { items } = await admin("GET",
        `/admin/quarantine?limit=100&status=${of}`);

    return items.find((each) => each.paymentId === paymentId);
}


for (const [name, options] of SIZES) {
    test(`money in doubt goes back, pays an order, or is dismissed: ${name}`,
        async (t) => {
            const press = presser(options);
            const less = await control("case/less");
            const more = await control("case/more");
            const promised = await control("case/promised");
            const page = await open(t, "quarantine", options);
            const at = (it) => row(page, it.paymentId);
            const act = (it, text) => press(at(it).getByRole("button",
                { name: text }));
            const say = (text) => press(page.getByRole("dialog")
                .getByRole("button", { name: text }));
            const dialog = page.getByRole("dialog");

            await at(less).waitFor();
            assert.match(await at(less).innerText(),
                /was paid by stripe\s+It is not the amount/);
            await look(page, "quarantine");

            /* it is too little for its order, and there is no other one */
            await act(less, "Let it pay an order");
            assert.equal(await dialog.getByLabel("Order (needed)").inputValue(),
                less.orderId);
            await look(page, "quarantine-match");
            await say("Let it pay an order");
            await dialog.getByText("It is less than the order costs")
                .waitFor();
            await look(page, "quarantine-refused");
            await dialog.getByLabel("Order (needed)").fill(randomUUID());
            await say("Let it pay an order");
            await dialog.getByText("There is no such order.").waitFor();
            await say("Not now");
            assert.equal(await dialog.count(), 0);
            assert.equal((await caseOf(less)).status, "OPEN");

            await act(less, "Give it back");
            await dialog.getByLabel("Note").fill("<b>too little</b>, called");
            await look(page, "quarantine-refund");
            await say("Give it back");
            await at(less).getByText("Given back").waitFor();
            await hasFocus(at(less));
            assert.equal(await at(less).getByRole("button").count(), 0);
            assert.equal((await caseOf(less, "DECIDED")).decision, "REFUND");
            assert.equal((await caseOf(less, "DECIDED")).note,
                "<b>too little</b>, called");

            await act(more, "Let it pay an order");
            await say("Let it pay an order");
            await at(more).getByText(`It paid the order ${more.orderId}`)
                .waitFor();
            assert.equal((await api({ "x-user-id": more.user }, "GET",
                `/orders/${more.orderId}`)).status, "CONFIRMED");

            /* of a promise there is nothing to give back */
            assert.deepEqual(await at(promised).getByRole("button")
                .allTextContents(), ["Dismiss"]);
            await act(promised, "Dismiss");
            await say("Dismiss");
            await dialog.getByText("This is needed.").waitFor();
            await dialog.getByLabel("Note").fill("let go at the gateway");
            await say("Dismiss");
            await at(promised).getByText("Dismissed").waitFor();
            assert.equal((await caseOf(promised, "DECIDED")).decision,
                "DISMISS");
            await look(page, "quarantine-settled");

            await press(page.getByRole("link", { name: "Decided" }));
            await at(less).waitFor();
            assert.match(await at(less).innerText(),
                /Given back by .*: <b>too little<\/b>, called/);
            await look(page, "quarantine-decided");
            await press(page.getByRole("link", { name: "Open" }));
            await page.getByText("Nothing is in doubt.").waitFor();
            await look(page, "quarantine-none");
        });
}


/* --- dead letters -------------------------------------------------------- */


async function isDead({ delivery_id: id }) {
    const { items } = await admin("GET", "/admin/dead-letters?limit=100");

    return items.some(({ deadLetterId }) => deadLetterId === id);
}


test("a dead letter is tried again, dropped, or decided about elsewhere",
    async (t) => {
        for (const [, options] of SIZES) {
            const press = presser(options);
            const [replayed, dropped, other] = [await control("letter"),
                await control("letter"), await control("letter")];
            const page = await open(t, "dead-letters", options);
            const at = (letter) => row(page, letter.aggregate_id);
            const act = (letter, text) => press(at(letter).getByRole("button",
                { name: text }));

            await at(replayed).waitFor();
            assert.match(await at(replayed).innerText(),
                /test.noted to the sink webhook\s+http 500 · 2 tries/);
            await press(at(replayed).locator("summary"));
            await at(replayed).getByText("\"note\": \"a \\\"quoted").waitFor();
            await look(page, "dead-letters");

            await control("take");
            await act(replayed, "Try again");
            await at(replayed).getByText("It is tried again").waitFor();
            await hasFocus(at(replayed));
            await until("it has arrived", async () => (
                await control("taken")).includes(replayed.event_id));
            assert.equal(await isDead(replayed), false);

            await act(dropped, "Drop");
            await page.getByRole("dialog").getByText("cannot be undone")
                .waitFor();
            await look(page, "dead-letter-drop");
            await press(page.getByRole("button", { name: "Keep it" }));
            assert.equal(await isDead(dropped), true);
            await act(dropped, "Drop");
            await press(page.getByRole("button", { name: "Drop it" }));
            await at(dropped).getByText("It is forgotten.").waitFor();
            assert.equal(await isDead(dropped), false);

            await admin("POST", `/admin/dead-letters/${other.delivery_id}`
                + "/drop", {});
            await act(other, "Try again");
            await at(other).getByText("Somebody has decided").waitFor();
            await look(page, "dead-letters-settled");
            assert.deepEqual((await control("taken")).filter((id) => (
                [dropped.event_id, other.event_id].includes(id))), []);

            await page.reload();
            await page.getByText("There are none").waitFor();
            await look(page, "dead-letters-none");
            await control("refuse");
        }
    });


/* --- all of them --------------------------------------------------------- */


test("the menu has all pages, at any width, and where one is in sight",
    async (t) => {
        for (const width of [320, 360, 700, 900, 1100, 1280]) {
            const page = await open(t, "dead-letters",
                { viewport: { width, height: 740 } });

            await heading(page, "Dead letters");
            await look(page, `operators-menu-${width}`);

            const link = page.locator("header nav [aria-current]");
            const box = await link.boundingBox();

            assert.equal(await link.textContent(), "Dead letters");
            assert.ok(box.x >= 0 && box.x + box.width <= width,
                `${JSON.stringify(box)} in ${width}`);

            /* and from there to the others */
            await page.getByRole("link", { name: "Quarantine" }).click();
            await atHeading(page, "Quarantine");
        }
    });


test("a box office without accounts and keys says so", async (t) => {
    const page = await visitor(t, browser, "admin.html");

    await control("bare");

    for (const [where, text] of [
        ["people", "This box office has no accounts of its own."],
        [`people/${randomUUID()}`,
            "This box office has no accounts of its own."],
        ["keys", "This box office has no keys for services."],
        ["keys/new", "This box office has no keys for services."],
    ])
    {
        await page.goto(`${process.env.BASE_URL_2}/admin.html#/${where}`);
        await page.getByText(text).waitFor();
        assert.equal(await page.locator("form, .rows").count(), 0);
        await look(page, `bare-${where.replace(/\/.*/, "")}`);
    }

    /* an account that is not there is another matter */
    await page.goto(`${BASE}/admin.html#/people/${randomUUID()}`);
    await page.getByText("This does not exist").waitFor();
});

/* Signing in, registering, a lost password, and one's account. */

import { ownAddress } from "./address.js";
import { account, read, signedIn } from "./api.js";
import { busy, buttonLink, h, toast } from "./dom.js";
import { navigate } from "./router.js";
import { simpleForm } from "./simpleform.js";
import { explain } from "./words.js";

const EMAIL = { name: "email", label: "Email", input: "email", max: 255,
    required: true, autocomplete: "username" };
const NAME = { name: "name", label: "Name", max: 200, required: true,
    autocomplete: "name" };
const PHONE = { name: "phone", label: "Phone", input: "tel", max: 32,
    autocomplete: "tel", hint: "With the country code" };
const PASSWORD = { name: "password", label: "Password", input: "password",
    max: 128, required: true, autocomplete: "current-password" };
const NEW_PASSWORD = { ...PASSWORD, label: "New password",
    autocomplete: "new-password", hint: "8 characters or more of any kind" };
const CODE = { name: "code", label: "Code", max: 64, required: true,
    autocomplete: "one-time-code", hint: "Such as 7ZK4-0QH2-MX9B-3TDFA" };


/* Which field is to blame, where the refusal does not say it. */
function form(name, specs, button, send) {
    const names = specs.map((spec) => spec.name);
    const blamed = {
        password_refused: names.includes("newPassword") ? "newPassword"
            : "password",
        email_taken: "email",
        code_invalid: "code",
    };

    return simpleForm(name, specs, button, send,
        { at: ({ code }) => blamed[code] });
}


/* Back to where somebody came from: a page of ours, or the account. */
function goOn(to) {
    const address = ownAddress(to);

    if (address) {
        window.location.replace(address);

    } else if (window.location.hash === "#/account") {
        navigate();

    } else {
        window.location.replace("#/account");
    }
}


function passOn(to) {
    return to ? `?to=${encodeURIComponent(to)}` : "";
}


export async function signInView({ to }) {
    const { el } = form("sign-in", [EMAIL, PASSWORD], "Sign in",
        async (values) => {
            await account("POST", "/auth/login", { ...values, cookies: true });
            goOn(to);
        });

    return { title: "Sign in", el: h("div", { class: "narrow" },
        h("h1", {}, "Sign in"), el,
        h("p", {}, h("a", { href: `#/lost-password${passOn(to)}` },
            "I lost my password")),
        h("p", {}, "No account yet? ",
            h("a", { href: `#/register${passOn(to)}` }, "Register"))) };
}


/* Whom it gives a code to the house has to know: no mail is sent. */
export async function lostPasswordView({ to }) {
    const { el } = form("lost-password", [CODE, NEW_PASSWORD],
        "Take this password", async (values) => {
            await account("POST", "/auth/reset", { ...values, cookies: true });
            toast("Your password is changed. Other devices have to sign in "
                + "again.");
            goOn(to);
        });

    return { title: "A lost password", el: h("div", { class: "narrow" },
        h("h1", {}, "A lost password"),
        h("p", {}, "The house gives you a code: ask for one at the box office. "
            + "It is good for an hour, and once. With it you choose another "
            + "password."),
        el,
        h("p", {}, "It came back to you? ",
            h("a", { href: `#/sign-in${passOn(to)}` }, "Sign in"))) };
}


export async function registerView({ to }) {
    const { el } = form("register", [NAME, EMAIL, PHONE,
        { ...NEW_PASSWORD, label: "Password" }], "Register",
    async (values) => {
        await account("POST", "/auth/register", { ...values, cookies: true });
        goOn(to);
    });

    return { title: "Register", el: h("div", { class: "narrow" },
        h("h1", {}, "Register"), el,
        h("p", {}, "There is an account already? ",
            h("a", { href: `#/sign-in${passOn(to)}` }, "Sign in"))) };
}


/* --- the account ------------------------------------------------------- */


function profile(me) {
    const { el, set } = form("profile", [NAME, PHONE], "Save",
        async ({ name, phone }) => {
            const now = await account("PATCH", "/me",
                { name, phone: phone || "" });

            set(now);
            toast("Saved.");
        });

    set(me);

    return el;
}


function address(line) {
    const { el, set } = form("address", [{ ...EMAIL, label: "New email",
        autocomplete: "email" }, PASSWORD], "Change the email",
    async (values) => {
        const now = await account("PUT", "/me/email", values);

        line.textContent = now.email;
        set({});
        toast(`Your email is ${now.email} now.`);
    });

    return el;
}


function password() {
    const { el, set } = form("password", [
        { ...PASSWORD, label: "Old password" },
        { ...NEW_PASSWORD, name: "newPassword" }], "Change the password",
    async (values) => {
        await account("PUT", "/me/password", { ...values, cookies: true });
        set({});
        toast("Your password is changed. Other devices have to sign in "
            + "again.");
    });

    return el;
}


function signOut(button, everywhere) {
    return busy(button, "One moment…", async () => {
        try {
            await account("POST", "/auth/logout",
                everywhere ? { everywhere: true } : {});
            toast("You are signed out.");
            window.location.hash = "#/sign-in";

        } catch (error) {
            toast(explain(error), { kind: "error" });
        }
    });
}


function outButton(text, everywhere) {
    const button = h("button", { class: "button quiet", type: "button",
        onclick: () => signOut(button, everywhere) }, text);

    return button;
}


export async function accountView() {
    if (!signedIn()) {
        return signInView({});
    }

    const { data: me } = await read("/me");
    const email = h("strong", {}, me.email);

    return { title: "Account", el: h("div", { class: "narrow account" },
        h("h1", {}, "Account"),
        h("p", {}, "Signed in as ", email, "."),
        h("div", { class: "actions row-actions" },
            outButton("Sign out", false),
            outButton("Sign out everywhere", true),
            me.role === "ADMIN" && buttonLink("admin.html", "Administration",
                "quiet")),
        h("h2", {}, "Name and phone"), profile(me),
        h("h2", {}, "Another email"), address(email),
        h("h2", {}, "Another password"), password()) };
}

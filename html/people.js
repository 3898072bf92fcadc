/*
 * Who has an account: found by an address, given a role, or a code for a lost
 * password; erased.
 *
 * An address is in no URL, neither the API's nor a page's: those are in logs
 * and histories.
 */

import { question, read, signedIn, write } from "./api.js";
import { busy, h, toast } from "./dom.js";
import { ask } from "./dialog.js";
import { factList } from "./facts.js";
import { moment, time } from "./format.js";
import { ROLES, roleField } from "./roles.js";
import { simpleForm } from "./simpleform.js";
import { explain } from "./words.js";

const EMAIL = { name: "email", label: "Email", input: "email", max: 254,
    required: true };

let there = false;


/*
 * Where people are not to be had is told before an address is typed.  Where
 * they are, this path takes no GET: no more than that is asked.
 */
async function ensure() {
    if (there) {
        return;
    }

    try {
        await read("/admin/people");

    } catch (error) {
        if (error.status !== 405) {
            throw error;
        }
    }

    there = true;
}


export async function findPersonView() {
    await ensure();

    const { el } = simpleForm("find", [EMAIL], "Find", async (values) => {
        const { userId } = await question("/admin/people", values);

        window.location.hash = `#/people/${userId}`;

    }, {
        at: ({ status }) => (status === 404 ? "email" : null),
        words: ({ status }) => (status === 404
            ? "Nobody has registered with this address." : null),
    });

    return { title: "People", el: h("div", { class: "narrow" },
        h("h1", {}, "People"),
        h("p", { class: "muted" }, "An account is found by its address."),
        el) };
}


/* Whether it is the account of who looks, where that is known. */
async function own(userId) {
    try {
        return signedIn() && (await read("/me")).data.userId === userId;

    } catch {
        return false;
    }
}


class Person {
    constructor(person, mine) {
        this.about = h("div", {});
        this.role = simpleForm("person", [roleField({ hint: "Another role ends "
            + "the sessions: one has to sign in again" })],
        "Give this role", (values) => this.give(values));

        this.code = h("p", { class: "notice", hidden: true, tabIndex: -1 });
        this.lost = h("button", { class: "button quiet", type: "button",
            onclick: () => this.help() }, "Code for a lost password");
        this.gone = h("button", { class: "button danger", type: "button",
            onclick: () => this.erase() }, "Erase this account");

        this.el = h("div", { class: "narrow object" },
            h("a", { class: "back", href: "#/people" }, "Find another"),
            h("h1", {}, person.name),
            mine && h("p", { class: "notice" }, "This is your own account. "
                + "What you take from it, you cannot give back to it."),
            this.about, this.role.el, this.code,
            h("div", { class: "actions row-actions" }, this.lost,
                h("a", { class: "button quiet",
                    href: `#/audit?objectId=${person.userId}` },
                "Who changed it"), this.gone));
        this.fill(person);
    }

    fill(person) {
        this.person = person;
        this.role.set(person);
        this.about.replaceChildren(factList([
            ["Email", person.email],
            ["Phone", person.phone],
            ["Role", ROLES[person.role]],
            ["Registered", moment(person.createdAt)],
            ["Changed", moment(person.updatedAt)],
            ["Id", person.userId],
        ]));
    }

    path() {
        return `/admin/people/${encodeURIComponent(this.person.userId)}`;
    }

    async give(values) {
        const before = this.person.role;

        this.fill(await write("PATCH", this.path(), values));
        toast(before === this.person.role ? "Nothing was changed."
            : `The role is ${ROLES[this.person.role].toLowerCase()} now.`);
    }

    /* Shown this once; a reload takes it away. */
    help() {
        return busy(this.lost, "One moment…", async () => {
            try {
                const { code, expiresAt } = await write("POST",
                    `${this.path()}/password-reset`);

                this.code.replaceChildren(h("strong", { class: "handover" },
                    code), ` Hand it over to ${this.person.name} alone: it `
                    + "will not be shown again. It is good once, until "
                    + `${time(expiresAt)}, for another password on the page `
                    + "where one signs in.");
                this.code.hidden = false;
                this.code.focus();

            } catch (error) {
                toast(explain(error), { kind: "error" });
            }
        });
    }

    async erase() {
        if (!await ask(`Erase ${this.person.name}?`, "Name, address, "
            + "telephone number and password go, from the account and from all "
            + "orders. Sessions end, and no message is sent any more, not even "
            + "about orders that are still to come. Orders, payments and seats "
            + "stay in the books, with nobody's name. This cannot be undone.",
        "Erase it"))
        {
            return;
        }

        await busy(this.gone, "One moment…", async () => {
            try {
                await write("DELETE", this.path());
                toast("The account is erased.");
                window.location.hash = "#/people";

            } catch (error) {
                toast(explain(error), { kind: "error" });
            }
        });
    }
}


export async function personView({ id }) {
    const { data } = await read(`/admin/people/${encodeURIComponent(id)}`);
    const page = new Person(data, await own(data.userId));

    return { title: data.name, el: page.el };
}

/*
 * One object of a kind: make it, change it, remove it.
 *
 * A change names the version it was made from.  When somebody else was faster
 * the server refuses it; then the page shows what they changed, and goes on
 * from there: with theirs, or with theirs where nothing was typed here.
 */

import { read, write } from "./api.js";
import { announce, busy, h, toast } from "./dom.js";
import { ask } from "./dialog.js";
import { makeField } from "./fields.js";
import { dayTime } from "./format.js";
import { navigate } from "./router.js";
import { trouble } from "./trouble.js";
import { explain } from "./words.js";


function same(a, b) {
    return JSON.stringify(a ?? null) === JSON.stringify(b ?? null);
}


class ObjectForm {
    /* given: what a new one has that is no field */
    constructor(kind, fields, object, given) {
        this.kind = kind;
        this.object = object;
        this.given = given;
        this.fields = fields.map((spec) => makeField(spec));
        this.parts = [];
        this.heading = h("h1", {});
        this.stamp = h("p", { class: "muted" });
        this.problem = h("div", { class: "notice error", hidden: true,
            tabIndex: -1 });
        this.save = h("button", { class: "button primary", type: "submit" },
            object ? "Save" : `Make the ${kind.one}`);
        this.remove = object && kind.removable !== false && h("button", { class: "button quiet",
            type: "button", onclick: () => this.drop() },
        `Remove this ${kind.one}`);
        this.el = h("div", { class: "object" },
            kind.back?.(object || given) || h("a", { class: "back",
                href: `#/${kind.name}` }, `All ${kind.many.toLowerCase()}`),
            this.heading, this.stamp, this.problem,
            h("form", { class: "form fields", noValidate: true,
                hidden: Boolean(object && kind.fixed?.(object)),
                onsubmit: (event) => this.send(event) },
            this.fields.map(({ el }) => el),
            h("div", { class: "actions row-actions" }, this.save,
                this.remove, object && this.history())));
        this.fill(object);
    }

    destroy() {
        this.gone = true;
        this.parts.forEach((part) => part.destroy());
    }

    path() {
        const id = this.object[this.kind.id];

        return `${this.kind.path}/${encodeURIComponent(id)}`;
    }

    history() {
        return h("a", { class: "button quiet",
            href: `#/audit?objectId=${this.object[this.kind.id]}` },
        "Who changed it");
    }

    /* The object as it is now; what is typed stays. */
    took(object) {
        this.object = object;
        this.problem.hidden = true;
        this.heading.textContent = object ? this.kind.title(object)
            : `New ${this.kind.one}`;
        this.stamp.textContent = object ? [this.kind.stamp?.(object),
            `Version ${object.version}`
                + (object.updatedAt ? `, of ${dayTime(object.updatedAt)}`
                    : "")].filter(Boolean).join(" · ") : "";
    }

    /* Show the object as it is now. */
    fill(object) {
        this.took(object);
        this.fields.forEach((field) => field.set(object?.[field.name]));
    }

    say(...content) {
        this.problem.replaceChildren(...content);
        this.problem.hidden = false;
        this.problem.focus();
        announce(this.problem.textContent, true);
    }

    body() {
        return Object.fromEntries(this.fields
            .map((field) => [field.name, field.value()])
            .filter(([, value]) => value !== undefined));
    }

    /* All of it has changed, by something that is not its form. */
    again() {
        return navigate();
    }

    async load() {
        const { data } = await read(this.path());

        return this.kind.object?.(data) ?? data;
    }

    async send(event) {
        event.preventDefault();

        const wrong = this.fields.filter((field) => !field.test());

        if (wrong.length > 0) {
            wrong[0].focus();
            return;
        }

        await busy(this.save, "One moment…", async () => {
            try {
                await (this.object ? this.change() : this.make());

            } catch (error) {
                await this.failed(error);
            }
        });
    }

    async make() {
        const made = await write("POST", this.kind.path,
            { ...this.given, ...this.body() });

        toast(`${this.kind.title(made)} is made.`);

        if (!this.gone) {
            window.location.replace(
                `#/${this.kind.name}/${made[this.kind.id]}`);
        }
    }

    async change() {
        const before = this.object.version;
        const now = await write("PUT", this.path(), this.body(), before);

        this.fill(this.kind.object?.(now) ?? now);
        toast(now.version === before ? "Nothing was changed."
            : `Saved: version ${now.version}.`);
    }

    async failed(error) {
        const field = this.fields.find(({ name }) => (
            name === error.details?.field));

        if (error.status === 412) {
            await this.late(error);

        } else if (field) {
            const text = error.status === 400
                ? "The server does not take this value." : explain(error);

            field.wrong(text);
            field.focus();
            announce(`${field.label}: ${text}`, true);

        } else {
            this.say(...trouble(error, { timezone: this.object?.timezone }));
        }
    }

    /* Somebody was faster. */
    async late(refusal) {
        let theirs;

        try {
            theirs = await this.load();

        } catch (error) {
            this.say(h("p", {}, error.status === 404
                ? "Somebody has removed this meanwhile." : explain(refusal)));
            return;
        }

        const old = this.object;
        const changed = this.fields.filter(({ name }) => (
            !same(theirs[name], old[name])));

        this.say(
            h("h2", {}, "Somebody else has changed this meanwhile"),
            h("p", {}, `You began with version ${old.version}; now it is `
                + `version ${theirs.version}. Nothing of yours is saved yet.`),
            h("dl", {}, changed.map((field) => h("div", {},
                h("dt", {}, field.label),
                h("dd", {}, h("del", {}, field.show(old[field.name])
                    || "nothing"), " → ",
                h("ins", {}, field.show(theirs[field.name])
                    || "nothing"))))),
            h("div", { class: "actions row-actions" },
                h("button", { class: "button quiet", type: "button",
                    onclick: () => this.goOn(theirs, false) },
                "Take theirs"),
                h("button", { class: "button quiet", type: "button",
                    onclick: () => this.goOn(theirs, true) },
                "Keep what I typed")));
    }

    /* mine: what was changed here stays; all else is as theirs */
    goOn(theirs, mine) {
        const old = this.object;
        const kept = mine ? this.fields.filter((field) => {
            try {
                return !same(field.value() ?? null, old[field.name]);

            } catch {
                return true;
            }
        }).map((field) => [field, field.raw()]) : [];

        this.fill(theirs);
        kept.forEach(([field, text]) => field.setRaw(text));
        this.save.focus();
        announce(mine ? "Theirs, with your changes: not saved yet."
            : "This is their version.");
    }

    async drop() {
        const title = this.kind.title(this.object);

        if (!await ask(`Remove ${title}?`, "It is not shown any more. What is "
            + "in use cannot be removed.", "Remove it"))
        {
            return;
        }

        await busy(this.remove, "One moment…", async () => {
            try {
                await write("DELETE", this.path(), undefined,
                    this.object.version);
                toast(`${title} is removed.`);
                window.location.hash = `#/${this.kind.name}`;

            } catch (error) {
                await this.failed(error);
            }
        });
    }
}


/* given: see kind.given */
export async function formView(kind, { id, ...params }) {
    const data = id
        ? (await read(`${kind.path}/${encodeURIComponent(id)}`)).data : null;
    const object = data && (kind.object?.(data) ?? data);
    const fields = typeof kind.fields === "function"
        ? await kind.fields(object) : kind.fields;
    const page = new ObjectForm(kind, fields, object,
        object ? {} : await kind.given?.(params));

    if (object && kind.after) {
        page.el.append(...await kind.after(object, page));
    }

    return { title: page.heading.textContent, el: page.el,
        destroy: () => page.destroy() };
}

/* A new key of a service, which is seen once. */

import { read, write } from "./api.js";
import { announce, buttonLink, h, toast } from "./dom.js";
import { roleField } from "./roles.js";
import { simpleForm } from "./simpleform.js";

/* what a key may be for: see docs/api.md; of words with a read and a write */
const RESOURCES = [
    ["checkins", "Check-ins at the door"],
    ["shows", "Shows, their seats and sales"],
    ["movies", "Movies"],
    ["theatres", "Theatres and their terms"],
    ["screens", "Screens"],
    ["search", "Search"],
    ["holds", "Holds"],
    ["orders", "Orders and tickets"],
    ["bookings", "Bookings of the optimistic mode"],
    ["waiting_rooms", "Waiting rooms"],
    ["notification_preferences", "What customers want to be told"],
    ["dead_letters", "Dead letters"],
    ["admin", "Administration, but people and keys"],
    ["*", "All of it"],
];


/*
 * Like a field of fields.js: what the key may read and write.  A table, since
 * it is one to look at: a line each, and two columns.
 */
function scopesField() {
    const box = (resource, text, way) => h("input", { type: "checkbox",
        value: `${resource}:${way}`, "aria-label": `${text}: ${way}`,
        "aria-describedby": "scopes-error",
        onchange: () => error.hidden || test() });
    const rows = RESOURCES.map(([resource, text]) => ({ text,
        boxes: ["read", "write"].map((way) => box(resource, text, way)) }));
    const boxes = rows.flatMap((row) => row.boxes);
    const error = h("span", { class: "field-error", id: "scopes-error",
        hidden: true });

    const wrong = (text) => {
        error.textContent = text;
        error.hidden = text === "";

        return text === "";
    };

    const value = () => boxes.filter(({ checked }) => checked)
        .map((each) => each.value);
    const test = () => wrong(value().length > 0 ? ""
        : "Please choose one or more.");

    return {
        name: "scopes", test, wrong, value,
        focus: () => boxes[0].focus(),
        el: h("fieldset", { class: "field of-long" },
            h("legend", {}, "What it may do, as far as its role goes"),
            h("table", { class: "scopes" },
                h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "What"),
                    h("th", { scope: "col" }, "Read"),
                    h("th", { scope: "col" }, "Write"))),
                h("tbody", {}, rows.map((row) => h("tr", {},
                    h("th", { scope: "row" }, row.text),
                    row.boxes.map((each) => h("td", {},
                        h("label", { class: "scope" }, each))))))),
            error),
    };
}


/* Without https there is no clipboard for pages: then it is chosen, to copy. */
async function copy(input) {
    input.select();

    try {
        await navigator.clipboard.writeText(input.value);
        toast("The key is copied.");

    } catch {
        toast("This browser does not copy for pages. The key is selected: copy"
            + " it by hand.", { kind: "error" });
    }
}


/* The only time that anybody sees it: it is kept nowhere in the browser. */
function shown(made) {
    const input = h("input", { type: "text", id: "key", readOnly: true,
        value: made.key, class: "code", autocomplete: "off",
        "aria-describedby": "key-once" });

    return [
        h("h1", { tabIndex: -1 }, `The key of ${made.name}`),
        h("p", { class: "notice", id: "key-once" }, h("strong", {},
            "Copy it now: it will not be shown again."), " Who loses it needs "
            + "another one. Give it to the service as a secret."),
        h("div", { class: "form" },
            h("div", { class: "field" }, h("label", { for: "key" }, "Key"),
                input),
            h("div", { class: "actions row-actions" },
                h("button", { class: "button primary", type: "button",
                    onclick: () => copy(input) }, "Copy the key"),
                buttonLink("#/keys", "All keys", "quiet"))),
    ];
}


export async function newKeyView() {
    /* whether there are keys at all, before a form is filled in */
    await read("/admin/api-keys?limit=1");

    const { timeZone } = Intl.DateTimeFormat().resolvedOptions();

    const page = h("div", { class: "narrow object" });
    const { el } = simpleForm("key", [
        { name: "name", label: "Name", required: true, max: 200,
            hint: "Of the service, such as: door scanner 3" },
        roleField({ hint: "What a person of this role may do, and no more" }),
        { name: "expiresAt", label: "Ends", type: "moment",
            timezone: timeZone,
            hint: `On your clock (${timeZone}); empty: it has no end` },
        scopesField(),
    ], "Make the key", async (values) => {
        const made = await write("POST", "/admin/api-keys", values);

        page.replaceChildren(...shown(made));
        page.querySelector("h1").focus();
        announce("Copy the key now: it will not be shown again.");
    });

    page.append(h("a", { class: "back", href: "#/keys" }, "All keys"),
        h("h1", {}, "New key"), el);

    return { title: "New key", el: page };
}

/*
 * One of many, found by a search: a field to type into, and what was found as
 * radio buttons.
 */

import { announce, busy, h } from "./dom.js";
import { count } from "./format.js";
import { explain } from "./words.js";


/*
 * find(text) resolves to [{id, title, about}]; chosen(item) is called when one
 * is.  {el, value(), test(), set(item), start(), focus()}; value() is an item
 * or null.
 */
export function makeChooser({ name, label, find, chosen = () => {} }) {
    const id = `choose-${name}`;
    let items = [];
    let now = null;

    const list = h("div", { class: "found" });
    const error = h("span", { class: "field-error", id: `${id}-error`,
        hidden: true });
    const input = h("input", { type: "search", id, autocomplete: "off",
        maxLength: 100, onkeydown: (event) => {
            /* it is not the form that is meant */
            if (event.key === "Enter") {
                event.preventDefault();
                search();
            }
        } });
    const button = h("button", { class: "button quiet", type: "button",
        onclick: () => search() }, "Find");
    const el = h("fieldset", { class: "chooser" },
        h("legend", {}, label),
        h("div", { class: "search-line" },
            h("label", { class: "hidden", for: id }, `Find a ${name}`), input,
            button),
        error, list);

    const take = (item) => {
        now = item;
        error.hidden = true;
        chosen(item);
    };

    const radio = (item) => h("label", { class: "choice" },
        h("input", { type: "radio", name: id, value: item.id,
            checked: now?.id === item.id, onchange: () => take(item) }),
        h("span", {}, item.title,
            item.about && h("span", { class: "muted" }, ` ${item.about}`)));

    /* Who is in the list already when another one comes stays there. */
    const show = (found) => {
        const at = list.contains(document.activeElement)
            ? document.activeElement.value : null;

        items = now && !found.some((each) => each.id === now.id)
            ? [now, ...found] : found;
        list.replaceChildren(...items.map(radio));

        if (items.length === 0) {
            list.replaceChildren(h("p", { class: "muted" }, "There is none."));
        }

        if (at !== null) {
            const boxes = [...list.querySelectorAll("input")];

            (boxes.find((box) => box.value === at) || boxes[0] || input)
                .focus();
        }
    };

    const search = () => busy(button, "One moment…", async () => {
        try {
            show(await find(input.value.trim()));
            announce(`${count(items.length, name)} found.`);

        } catch (failure) {
            list.replaceChildren(h("p", { class: "notice error" },
                explain(failure)));
        }
    });

    return {
        el,
        value: () => now,
        focus: () => input.focus(),
        set: (item) => {
            take(item);
            show(items);
        },
        start: async () => show(await find("")),
        test: () => {
            error.hidden = now !== null;
            error.textContent = now === null ? `Please choose a ${name}.`
                : "";

            return now !== null;
        },
    };
}

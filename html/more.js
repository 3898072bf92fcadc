/* Lists that come page by page. */

import { announce, busy, h, toast } from "./dom.js";
import { explain } from "./words.js";


/*
 * A button that appends the next page to a list.  cursor: of that page, null
 * when there is none; load(cursor) resolves to {items, cursor}: what to
 * append, and the cursor after it.
 *
 * The focus goes on to the first new item, where a reader goes on: the button
 * may be gone.
 */
export function more(list, text, cursor, load) {
    let next = cursor;

    const button = h("button", { class: "button quiet more", type: "button",
        hidden: !next,
        onclick: () => busy(button, "One moment…", async () => {
            try {
                const page = await load(next);

                next = page.cursor;
                list.append(...page.items);
                button.hidden = !next;
                page.items[0]?.querySelector("a, button")?.focus();
                announce(`${page.items.length} more.`);

            } catch (error) {
                toast(explain(error), { kind: "error" });
            }
        }) }, text);

    return button;
}

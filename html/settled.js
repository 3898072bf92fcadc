/*
 * Lists of what somebody has to decide about.  What was decided stays in its
 * place until the page is left, says what became of it, and has the focus:
 * the button that was pressed is gone.
 */

import { busy, h, toast } from "./dom.js";
import { explain } from "./words.js";


/* item: of the list; next: what stands in its place from now on */
export function settle(item, next, text) {
    next.tabIndex = -1;
    item.replaceWith(next);
    next.focus();
    toast(text);
}


/* name: what it is pressed for, where many on a page have the same text */
export function actButton(text, name, act) {
    const button = h("button", { class: "button quiet small", type: "button",
        "aria-label": `${text}: ${name}`,
        onclick: async () => {
            try {
                await act((work) => busy(button, "One moment…", work));

            } catch (error) {
                toast(explain(error), { kind: "error" });
            }
        } }, text);

    return button;
}

/* A question that wants more than yes or no: a form in a dialog. */

import { h } from "./dom.js";
import { simpleForm } from "./simpleform.js";


/*
 * specs, send and options: of simpleForm(), yes being its button; also values,
 * of fields that are filled in.  Resolves to what send() resolves to, and to
 * null when it was left.
 */
export function askForm(title, text, specs, yes, send, options = {}) {
    return new Promise((resolve) => {
        let result = null;

        const form = simpleForm("ask", specs, yes, async (values) => {
            result = await send(values);
            dialog.close();
        }, { ...options, beside: h("button", { class: "button quiet",
            type: "button", onclick: () => dialog.close() }, "Not now") });

        form.set(options.values || {});

        const dialog = h("dialog", { class: "dialog form-dialog",
            "aria-labelledby": "form-dialog-title" },
        h("h2", { id: "form-dialog-title" }, title),
        h("p", {}, text), form.el);

        dialog.addEventListener("close", () => {
            dialog.remove();
            resolve(result);
        });

        document.body.append(dialog);
        dialog.showModal();
    });
}

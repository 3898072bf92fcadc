/* A question before something that cannot be taken back. */

import { h } from "./dom.js";


/* Resolves to true when the answer is yes. */
export function ask(title, text, yes, no = "Keep it") {
    return new Promise((resolve) => {
        const dialog = h("dialog", { class: "dialog",
            "aria-labelledby": "dialog-title" },
        h("h2", { id: "dialog-title" }, title),
        h("p", {}, text),
        h("div", { class: "actions" },
            h("button", { class: "button quiet", type: "button",
                onclick: () => dialog.close("") }, no),
            h("button", { class: "button danger", type: "button",
                onclick: () => dialog.close("yes") }, yes)));

        dialog.addEventListener("close", () => {
            dialog.remove();
            resolve(dialog.returnValue === "yes");
        });

        document.body.append(dialog);
        dialog.showModal();
    });
}

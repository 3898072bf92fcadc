/* What is known of something, by name. */

import { h } from "./dom.js";


/* [[name, value]]: those that have one */
export function factList(pairs) {
    return h("dl", { class: "facts" }, pairs
        .filter(([, value]) => value !== null && value !== undefined
            && value !== "")
        .map(([name, value]) => h("div", {}, h("dt", {}, name),
            h("dd", {}, value))));
}

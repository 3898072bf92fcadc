/* What the operator has not set up: nginx has no such location. */

import { h } from "./dom.js";


/* A 404 of ours has a code; that of a path which is none of ours has not. */
function lacks(error) {
    return error.status === 404 && error.code === "";
}


/* The view, or the sentence where its path is not there at all. */
export function ifThere(title, sentence, view) {
    return async (params) => {
        try {
            return await view(params);

        } catch (error) {
            if (!lacks(error)) {
                throw error;
            }

            return { title, el: h("div", { class: "empty-state" },
                h("h1", {}, title), h("p", {}, sentence)) };
        }
    };
}

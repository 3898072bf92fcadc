/* A list of the API's, page by page. */

import { read } from "./api.js";
import { query } from "./catalogue.js";
import { h } from "./dom.js";
import { more } from "./more.js";


/*
 * Resolves to the list at path with params, each as line(each), or the text
 * none, and a button with the text older for the rest.  look: the list's class.
 */
export async function pages(path, params, line, { none, older, look = "" }) {
    const page = async (cursor) => {
        const { data } = await read(path
            + query({ ...params, limit: 50, cursor }));

        return { items: data.items.map((each) => line(each)),
            cursor: data.nextCursor };
    };

    const first = await page();
    const list = h("ul", { class: `rows ${look}`.trim() }, first.items);

    return [
        first.items.length > 0 ? list
            : h("p", { class: "muted none" }, none),
        more(list, older, first.cursor, page),
    ];
}

/* The objects of a kind, page by page. */

import { read } from "./api.js";
import { buttonLink, h } from "./dom.js";
import { query } from "./catalogue.js";
import { more } from "./more.js";


function item(kind, object) {
    return h("li", {},
        h("a", { href: `#/${kind.name}/${object[kind.id]}` },
            kind.title(object)),
        h("span", { class: "muted" }, kind.about(object)));
}


export async function listView(kind) {
    const page = async (cursor) => {
        const { data } = await read(kind.path + query({ limit: 50, cursor }));

        return { items: data.items.map((each) => item(kind, each)),
            cursor: data.nextCursor };
    };

    const first = await page();
    const list = h("ul", { class: "rows" }, first.items);

    return {
        title: kind.many,
        el: h("div", {},
            h("div", { class: "list-head" },
                h("h1", {}, kind.many),
                buttonLink(`#/${kind.name}/new`, `New ${kind.one}`)),
            first.items.length > 0 ? list
                : h("p", { class: "muted none" }, "There are none yet."),
            more(list, `More ${kind.many.toLowerCase()}`, first.cursor,
                page)),
    };
}

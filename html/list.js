/* The objects of a kind, page by page; of one of a list on another's page. */

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


/* filters: as of the query of the list */
async function pages(kind, filters) {
    const page = async (cursor) => {
        const { data } = await read(kind.path
            + query({ ...filters, limit: 50, cursor }));

        return { items: data.items.map((each) => item(kind, each)),
            cursor: data.nextCursor };
    };

    const first = await page();
    const list = h("ul", { class: "rows" }, first.items);

    return [
        first.items.length > 0 ? list
            : h("p", { class: "muted none" }, "There are none yet."),
        more(list, `More ${kind.many.toLowerCase()}`, first.cursor, page),
    ];
}


function head(level, kind, filters) {
    return h("div", { class: "list-head" }, h(level, {}, kind.many),
        buttonLink(`#/${kind.name}/new${query(filters)}`,
            `New ${kind.one}`));
}


export async function listSection(kind, filters) {
    return h("section", { "aria-label": kind.many },
        head("h2", kind, filters), await pages(kind, filters));
}


export async function listView(kind) {
    return {
        title: kind.many,
        el: h("div", {}, head("h1", kind, {}), await pages(kind, {})),
    };
}

/* The objects of a kind, page by page; of one of a list on another's page. */

import { buttonLink, h } from "./dom.js";
import { query } from "./catalogue.js";
import { pages } from "./pages.js";


function item(kind, object) {
    return h("li", {},
        h("a", { href: `#/${kind.name}/${object[kind.id]}` },
            kind.title(object)),
        h("span", { class: "muted" }, kind.about(object)));
}


/* filters: as of the query of the list */
function objects(kind, filters) {
    return pages(kind.path, filters, (object) => item(kind, object), {
        none: "There are none yet.",
        older: `More ${kind.many.toLowerCase()}` });
}


function head(level, kind, filters) {
    return h("div", { class: "list-head" }, h(level, {}, kind.many),
        buttonLink(`#/${kind.name}/new${query(filters)}`,
            `New ${kind.one}`));
}


export async function listSection(kind, filters) {
    return h("section", { "aria-label": kind.many },
        head("h2", kind, filters), await objects(kind, filters));
}


export async function listView(kind) {
    return {
        title: kind.many,
        el: h("div", {}, head("h1", kind, {}), await objects(kind, {})),
    };
}

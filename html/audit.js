/* Who changed what, the latest first. */

import { read } from "./api.js";
import { h } from "./dom.js";
import { query } from "./catalogue.js";
import { dayTime } from "./format.js";
import { more } from "./more.js";

/* of the object, not of what somebody did to it */
const SKIPPED = new Set(["version", "createdAt", "updatedAt"]);


function text(value) {
    return value === undefined || value === null ? "nothing"
        : typeof value === "string" ? value : JSON.stringify(value);
}


/* [[name, before, after]] of what differs. */
function differences(before, after) {
    const names = new Set([...Object.keys(before || {}),
        ...Object.keys(after || {})]);

    return [...names].filter((name) => !SKIPPED.has(name)
        && JSON.stringify(before?.[name]) !== JSON.stringify(after?.[name]))
        .map((name) => [name, before?.[name], after?.[name]]);
}


/* Where the page of an object is, of the kinds that have one. */
const PAGES = { movie: "movies", theatre: "theatres", screen: "screens",
    layout: "layouts", show: "shows", person: "people" };

/* what nothing is left of that could be looked at */
const GONE = new Set(["remove", "erase"]);


/* What it is called, with a link to it as long as it is there. */
function what(each) {
    const object = { ...each.before, ...each.after };
    const name = object.title || object.name || object.movieTitle
        || `${each.kind} ${each.objectId.slice(0, 8)}`;

    return PAGES[each.kind] && !GONE.has(each.action)
        ? h("a", { href: `#/${PAGES[each.kind]}/${each.objectId}` }, name)
        : h("strong", {}, name);
}


function entry(each) {
    const changes = differences(each.before, each.after);

    return h("li", {},
        h("span", {}, what(each), ` · ${each.action} · ${each.kind}`
            + (each.version ? ` · version ${each.version}` : "") + " · by ",
            h("strong", {}, each.who)),
        h("span", { class: "muted" },
            h("time", { dateTime: each.at }, dayTime(each.at))),
        changes.length > 0 && h("details", {},
            h("summary", {}, `What changed (${changes.length}): `
                + changes.map(([name]) => name).join(", ")),
            h("dl", { class: "changes" }, changes.map(([name, a, b]) => (
                h("div", {}, h("dt", {}, name),
                    h("dd", {}, h("del", {}, text(a)), " → ",
                        h("ins", {}, text(b)))))))));
}


export async function auditView({ objectId, who, kind }) {
    const page = async (cursor) => {
        const { data } = await read(`/admin/audit${query({ objectId, who,
            kind, limit: 50, cursor })}`);

        return { items: data.items.map(entry), cursor: data.nextCursor };
    };

    const first = await page();
    const list = h("ul", { class: "rows audit" }, first.items);

    return {
        title: "Audit",
        el: h("div", {},
            h("h1", {}, "Who changed what"),
            (objectId || who || kind) && h("p", {},
                h("a", { href: "#/audit" }, "All changes")),
            first.items.length > 0 ? list
                : h("p", { class: "muted none" }, "Nothing was changed."),
            more(list, "Older changes", first.cursor, page)),
    };
}
